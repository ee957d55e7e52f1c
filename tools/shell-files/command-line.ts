/** The command line as data, read from the program itself: what completions and the man page are made of. */
import { Command } from 'commander';
import { COMMANDS } from '../../src/cli/command-list.ts';
import { addCommonOptions } from '../../src/cli/program.ts';
import {
  flagName,
  SETTING_KEYS,
  SETTING_PATHS,
  type Setting,
  type SettingPath,
  variableName,
} from '../../src/cli/settings/setting-keys.ts';

/** What may stand for a value: one of some words, a file, or anything. */
export type Values = { readonly words: readonly string[] } | 'file' | 'any';

/** A flag with its dashes. */
export interface Flag {
  readonly long: string;
  readonly short: string | null;
  readonly about: string;
  /** Null: it takes no value. */
  readonly values: Values | null;
  /** As help shows the value: `<size>`. */
  readonly shown: string;
}

/** One command; a name of two words is a command of a command. */
export interface KnownCommand {
  readonly words: readonly [first: string, second: string | null];
  readonly about: string;
  readonly args: readonly { readonly name: string; readonly isRequired: boolean; readonly about: string; readonly values: Values }[];
  /** Beside those of the settings. */
  readonly flags: readonly Flag[];
}

/** A key of the settings, and the flag of it that every command takes. */
export interface SettingFlag extends Flag {
  readonly path: SettingPath;
  readonly variable: string;
  readonly title: string;
  readonly initial: string;
}

/** Every command, in the order of the help. */
export function listCommands(): readonly KnownCommand[] {
  return Object.entries(COMMANDS).map(([name, { about, add }]) => {
    const [first = '', second = null] = name.split(' ');
    const command = new Command(first);
    add?.(command);
    addCommonOptions(command);
    const flags = command.options.map(({ long, short, flags: written, description, argChoices, required, optional }) => ({
      long: long ?? '',
      short: short ?? null,
      about: description,
      values: required || optional ? valuesOf(written, argChoices) : null,
      shown: /[<[].*[>\]]/.exec(written)?.[0] ?? '',
    }));
    const args = command.registeredArguments.map((argument) => ({
      name: argument.name(),
      isRequired: argument.required,
      about: argument.description,
      values: valuesOf(argument.name(), argument.argChoices),
    }));
    return { words: [first, second], about, args, flags: [...flags, HELP] };
  });
}

/** Every setting, in the order of the documents. */
export function listSettingFlags(): readonly SettingFlag[] {
  return SETTING_PATHS.map((path) => {
    const { kind, about, initial, initialText }: Setting<unknown> = SETTING_KEYS[path];
    // The words that it takes stand in quotes in what it is called: `"keep", "last" or "no"`.
    const words =
      kind.form === 'bool'
        ? ['true', 'false']
        : [...kind.title.matchAll(/"([^"]*)"/g)].map(([, word = '']) => word).filter((word) => word !== '');
    const values: Values = words.length > 0 ? { words } : path === 'store.path' ? 'file' : 'any';
    const shown = initial === null ? (initialText ?? '') : JSON.stringify(initial);
    return {
      path,
      long: flagName(path),
      short: null,
      about,
      values,
      shown: '<value>',
      variable: variableName(path),
      title: kind.title,
      initial: shown,
    };
  });
}

const HELP: Flag = { long: '--help', short: '-h', about: 'display help for command', values: null, shown: '' };

function valuesOf(written: string, choices: readonly string[] | undefined): Values {
  if (choices !== undefined) return { words: choices };
  return /\bfile\b/.test(written) ? 'file' : 'any';
}
