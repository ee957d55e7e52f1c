import { formatSettingsText } from '../../src/cli/settings/settings-text.ts';
import { VERSION } from '../../src/cli/version.ts';
import { bashCompletion } from './bash.ts';
import { listCommands, listSettingFlags } from './command-line.ts';
import { fishCompletion } from './fish.ts';
import { manPage } from './man-page.ts';
import { zshCompletion } from './zsh.ts';

const SETTINGS_HEAD = [
  'Settings of imagegc. None are needed: what stands behind a # is the default. "imagegc init" suggests some for this host,',
  '"imagegc config show --origin" tells what is in force.',
  '',
];

/** Every file made from the command line, by its path below `dist`. */
export function makeShellFiles(): ReadonlyMap<string, string> {
  const commands = listCommands();
  const settings = listSettingFlags();
  return new Map([
    ['completions/imagegc.bash', bashCompletion(commands, settings)],
    ['completions/_imagegc', zshCompletion(commands, settings)],
    ['completions/imagegc.fish', fishCompletion(commands, settings)],
    ['man/imagegc.1', manPage(VERSION, commands, settings)],
    ['debian/config.toml', formatSettingsText({ head: SETTINGS_HEAD, set: new Map(), hasOthers: true })],
  ]);
}
