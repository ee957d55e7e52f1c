import { answer, type Desk } from '../session.ts';
import { configShow, formatSettings } from '../settings/config-show.ts';

/** `imagegc config show [--origin]`: the settings in force, and where each comes from. */
export function runConfigShow(desk: Desk, { origin = false }: { readonly origin?: boolean }): number {
  return answer(desk, { json: () => formatSettings(desk.loaded), text: () => configShow(desk.loaded, { origin }) });
}
