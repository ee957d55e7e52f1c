import { VERSION } from '../../src/cli/version.ts';
import { bashCompletion } from './bash.ts';
import { listCommands, listSettingFlags } from './command-line.ts';
import { fishCompletion } from './fish.ts';
import { manPage } from './man-page.ts';
import { zshCompletion } from './zsh.ts';

/** Every file made from the command line, by its path below `dist`. */
export function makeShellFiles(): ReadonlyMap<string, string> {
  const commands = listCommands();
  const settings = listSettingFlags();
  return new Map([
    ['completions/imagegc.bash', bashCompletion(commands, settings)],
    ['completions/_imagegc', zshCompletion(commands, settings)],
    ['completions/imagegc.fish', fishCompletion(commands, settings)],
    ['man/imagegc.1', manPage(VERSION, commands, settings)],
  ]);
}
