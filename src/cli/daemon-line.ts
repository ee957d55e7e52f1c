import { parseArgs } from 'node:util';
import { readOrNull } from '../model/error.ts';
import { openDesk } from './session.ts';
import { flagName, SETTING_PATHS } from './settings/setting-keys.ts';
import type { World } from './world.ts';

/**
 * Runs `imagegc daemon` without the code that reads every other command line: it would stay in memory for as long as the daemon runs
 * (commander, 3.6 MB).
 *
 * @param words behind `daemon`
 * @returns null when they are not all settings; whoever knows all commands then says what is wrong with them, or helps
 */
export function readDaemonLine(words: readonly string[], world: World): (() => Promise<number>) | null {
  const flags = readFlags(words);
  if (flags === null) return null;
  return async () => {
    const { config, ...given } = flags;
    const settings = SETTING_PATHS.flatMap((path) => {
      const value = given[flagName(path).slice('--'.length)];
      return typeof value === 'string' ? [[path, value] as const] : [];
    });
    const { runDaemon } = await import('./commands/daemon.ts');
    const options = { config: typeof config === 'string' ? config : undefined, json: false, flags: new Map(settings) };
    return runDaemon(openDesk(world, options));
  };
}

function readFlags(words: readonly string[]): Readonly<Record<string, unknown>> | null {
  const names = ['config', ...SETTING_PATHS.map((path) => flagName(path).slice('--'.length))];
  const options = Object.fromEntries(names.map((name) => [name, { type: 'string' as const }]));
  return readOrNull(() => parseArgs({ args: [...words], options }).values);
}
