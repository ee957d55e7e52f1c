import { EXIT } from '../output/error-text.ts';
import { type Desk, writeJson } from '../session.ts';
import { configShow, formatSettings } from '../settings/config-show.ts';

/** `imagegc config show [--origin]`: the settings in force, and where each comes from. */
export function runConfigShow(desk: Desk, origin: boolean): number {
  if (desk.options.json) writeJson(desk, formatSettings(desk.loaded));
  else desk.world.out.write(configShow(desk.loaded, { origin }));
  return EXIT.done;
}
