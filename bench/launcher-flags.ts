import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the launcher gives to Node before the bundle. @param first begins them */
export function launcherFlags(first: '--jitless' | '--v8'): readonly string[] {
  const launcher = readFileSync(join(import.meta.dirname, '..', 'bin', 'imagegc'), 'utf8');
  const flags = new RegExp(`exec "\\$node" (${first}.*) "\\$bundle"`).exec(launcher)?.[1];
  if (flags === undefined) throw new Error(`bin/imagegc runs nothing with ${first}`);
  return flags.split(' ');
}
