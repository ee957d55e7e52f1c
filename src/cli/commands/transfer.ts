import { look, nowOf, readIdleClock, storeKey } from '../../collect/look.ts';
import { type ImageId, idleMs, type WallMs, wallMs } from '../../model/brands.ts';
import type { OperatingError } from '../../model/error.ts';
import { BLANK_RECORD, type Now, type UseRecord } from '../../model/use-record.ts';
import { type BadLine, formatImageUse, type ImageUse, parseImageUse } from '../../usage/image-use.ts';
import { unreadable } from '../forms/form-reader.ts';
import { formatInventory } from '../forms/inventory-form.ts';
import { formatUses } from '../forms/uses-form.ts';
import { readInput, readInputBytes, writeOutput } from '../input-file.ts';
import { EXIT } from '../output/error-text.ts';
import { printable } from '../output/style.ts';
import { answer, type Desk, lookContext, openSession } from '../session.ts';
import { readForeign } from '../settings/foreign-settings.ts';
import type { FOREIGN_TOOLS } from '../settings/foreign-tools.ts';
import { formatSettingsText } from '../settings/settings-text.ts';

/** `imagegc export WHAT [FILE]`: records, or what `plan --inventory --uses` decides about elsewhere. */
export async function runExport(desk: Desk, what: string | undefined, file: string | undefined): Promise<number> {
  using session = await openSession(desk, 'read');
  const { input, inventory } = await look({ ...lookContext(session, null), askRegistry: undefined });
  // A look leaves out what went a short while ago and may come back.
  const records = new Map([...session.store.readUsage(storeKey(session.runtime)).records, ...input.records]);
  const form = (): object =>
    what === 'uses' ? formatUses({ ...input, records }, input.now) : formatInventory({ inventory, pins: input.pins }, records);
  const text = what === 'image_use' ? formatImageUse(useEntries(records)) : `${JSON.stringify(form(), null, 2)}\n`;
  if (file === undefined || file === '-') desk.world.out.write(text);
  else writeOutput(desk.world, file, text);
  return EXIT.done;
}

/** The original's form knows only images that were used. */
function useEntries(records: ReadonlyMap<ImageId, UseRecord>): ImageUse[] {
  return [...records.values()].flatMap(({ imageId, lastUsed }) => {
    return lastUsed === null ? [] : [{ imageId, lastUsedSeconds: Math.floor(lastUsed.wallMs / 1_000) }];
  });
}

/**
 * `imagegc import image_use FILE`: takes over the records of IoT Edge. Bad lines are named and left out. An age that only a wall clock
 * tells counts only when that clock is known to be right; otherwise the images count as used now.
 */
export async function runImport(desk: Desk, file: string): Promise<number> {
  const { imported, bad, now } = await importUses(desk, file, readInputBytes(desk.world, file));
  return answer(desk, {
    json: () => ({ format: 'imagegc.import/1', records: imported, left: bad, agesKept: now.isWallTrusted }),
    text: () => describeImport(imported, bad.length, now),
  });
}

type ImportedUses = { readonly imported: number; readonly bad: readonly BadLine[]; readonly now: Now };

async function importUses(desk: Desk, file: string, content: Uint8Array): Promise<ImportedUses> {
  const { world } = desk;
  const { entries, bad } = parseImageUse(content, world.readClock().wallMs);
  if (entries.length === 0 && bad[0] !== undefined) throw nothingUsable(file, bad.length, bad[0]);
  using session = await openSession(desk, 'write');
  const { store, runtime } = session;
  const key = storeKey(runtime);
  const images = entries.map(({ imageId }) => imageId);
  const { imported, now } = store.atomically(() => {
    const clock = readIdleClock(store, world.readClock());
    const at = nowOf(clock);
    const known = store.readRecords(key, images);
    const records = entries.map(({ imageId, lastUsedSeconds }) => {
      return importRecord(known.get(imageId), imageId, wallMs(lastUsedSeconds * 1_000), at);
    });
    store.writeUsage(key, { records, forgotten: [], lineages: [], uses: [] }, clock);
    return { imported: records, now: at };
  });
  for (const { lineNumber, text: line, problem } of bad)
    world.err.write(`imagegc: ${file} line ${lineNumber} is left out: ${problem}: ${JSON.stringify(printable(line))}\n`);
  return { imported: imported.length, bad, now };
}

/** `imagegc import TOOL FILE [-- WORDS]`: prints the settings of another collector as a file of ours, and takes over its record of uses. */
export async function runImportSettings(
  desk: Desk,
  tool: (typeof FOREIGN_TOOLS)[number],
  file: string,
  words: readonly string[],
): Promise<number> {
  const { set, noEqual, uses } = readForeign(tool, file, readInput(desk.world, file), words);
  const done = uses === null || uses === '' ? null : await importUses(desk, file, new TextEncoder().encode(uses));
  const records = done === null ? [] : describeImport(done.imported, done.bad.length, done.now).trim().split('\n');
  const head = [`Settings of imagegc, taken over from ${tool} ${file}.`, ...records, ...noEqual.map((left) => `No equal: ${left}.`)];
  return answer(desk, {
    json: () => ({ format: 'imagegc.settings-import/1', settings: Object.fromEntries(set), noEqual, records: done?.imported ?? 0 }),
    text: () => formatSettingsText({ head, set, hasOthers: false }),
  });
}

/** A file in which no line is right is another file, or none of ours is left of it. */
function nothingUsable(file: string, count: number, { lineNumber, problem }: BadLine): OperatingError {
  const none = `none of its ${count} lines is a use record; line ${lineNumber}: ${problem}`;
  return unreadable(file, none, 'a line is "<image id> <seconds since 1970>"; nothing was changed');
}

function describeImport(count: number, badCount: number, now: Now): string {
  const left = badCount === 0 ? '' : `, ${badCount} lines left out`;
  const ages = now.isWallTrusted
    ? ''
    : "\nThis host's clock is not known to be synchronised, so their ages could not be trusted: they count as used now.";
  return `Imported ${count} records${left}.${ages}\n`;
}

/** A stamp is never moved back, and one in the future counts as now. */
function importRecord(known: UseRecord | undefined, id: ImageId, lastUsedMs: WallMs, now: Now): UseRecord {
  const ageMs = now.isWallTrusted ? Math.max(0, now.wallMs - lastUsedMs) : 0;
  const used = { idleMs: idleMs(now.idleMs - ageMs), wallMs: wallMs(Math.min(lastUsedMs, now.wallMs)) };
  if (known === undefined) return { ...BLANK_RECORD, imageId: id, firstSeen: used, lastUsed: used };
  const isLater = known.lastUsed === null || known.lastUsed.idleMs < used.idleMs;
  return isLater ? { ...known, lastUsed: used } : known;
}
