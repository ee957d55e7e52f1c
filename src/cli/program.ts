import { Command, CommanderError, Option } from 'commander';
import { COMMANDS, type ListedCommand } from './command-list.ts';
import { EXIT, outcomeOf } from './output/error-text.ts';
import { type CommonOptions, onEachEngine, openDesk } from './session.ts';
import { flagName, SETTING_KEYS, SETTING_PATHS, type SettingPath } from './settings/setting-keys.ts';
import { VERSION } from './version.ts';
import type { World } from './world.ts';

const FOOTER = `
Every setting is also a flag (--rules-unused-for 14d) and a variable (IMAGEGC_RULES_UNUSED_FOR); docs/settings.md lists all.

Exit status: 0 done, 1 failed, 2 usage or settings, 3 kept back for safety (doubt, lock held, disabled), 4 target not reached.`;

/**
 * Runs one command line to its end.
 *
 * @param argv the words behind `imagegc`
 * @returns the exit status
 */
export async function runCli(argv: readonly string[], world: World): Promise<number> {
  let status: number = EXIT.done;
  const program = makeProgram(world, argv, (code) => {
    status = code;
  });
  return outcomeOf(async () => {
    try {
      await program.parseAsync(argv, { from: 'user' });
      return status;
    } catch (error) {
      if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
      throw error;
    }
  }, world);
}

/**
 * The command line, as commander knows it. Where the first word is a command, only that one is defined: what it says of wrong words does
 * not depend on the others. Help, and the guess at what was meant, get all.
 *
 * @param finish told the exit status
 */
function makeProgram(world: World, argv: readonly string[], finish: (status: number) => void): Command {
  const program = new Command('imagegc')
    .description('Remembers when each container image was last used, and removes only what nobody needs.')
    .version(VERSION)
    .addHelpText('after', FOOTER)
    .configureOutput({
      writeOut: world.out.write,
      writeErr: world.err.write,
      outputError: (message, write) => {
        const line = message.replace(/^error: /, 'imagegc: ').trimEnd();
        write(`${line.replace('\n', ' ')}\n  hint: "imagegc help" lists what there is\n`);
      },
    })
    .exitOverride();
  const listed = Object.entries(COMMANDS);
  const called = listed.filter(([words]) => words.split(' ')[0] === argv[0]);
  for (const [words, command] of called.length > 0 ? called : listed) define(program, words.split(' '), command, world, finish);
  return program;
}

/** Adds a command under each of its words, with what all have, and its run. */
function define(program: Command, words: readonly string[], listed: ListedCommand, world: World, finish: (status: number) => void): void {
  const { about, add, run, isOfEngine } = listed;
  const command = words.reduce((above, word) => above.command(word).description(about), program);
  add?.(command);
  addCommonOptions(command);
  let settings: readonly (readonly [path: SettingPath, option: Option])[] = [];
  // Only the command that is called gets its forty flags: to make those of all takes longer than to plan.
  (command.parent ?? program).hook('preSubcommand', (_parent, called) => {
    if (called === command) settings = addSettings(command);
  });
  command.action(async () => {
    const { config, json = false } = command.opts<Partial<CommonOptions>>();
    const flags = settings.flatMap(([path, option]) => {
      const value: unknown = command.getOptionValue(option.attributeName());
      return typeof value === 'string' ? [[path, value] as const] : [];
    });
    const desk = openDesk(world, { config, json, flags: new Map(flags) });
    finish(isOfEngine?.(command) === true ? await onEachEngine(desk, async (one) => run(one, command)) : await run(desk, command));
  });
}

/** Adds what every command takes beside the settings. */
export function addCommonOptions(command: Command): Command {
  return command
    .option('--json', 'print one JSON document (docs/json.md)')
    .option('--config <file>', 'settings file; default /etc/imagegc/config.toml');
}

/** Every key of the settings is a flag of every command; the help of one names them in a line instead of thirty. */
function addSettings(command: Command): readonly (readonly [path: SettingPath, option: Option])[] {
  return SETTING_PATHS.map((path) => {
    const option = new Option(`${flagName(path)} <value>`, SETTING_KEYS[path].about).hideHelp();
    command.addOption(option);
    return [path, option] as const;
  });
}
