import * as v from 'valibot';
import { bytes, type ContainerId, containerId, durationMs, idleMs, imageId, wallMs } from '../model/brands.ts';
import type { IdleClockState } from '../model/clock.ts';
import type { EndedContainer } from '../model/ended-container.ts';
import type { Origin } from '../model/inventory.ts';
import { OUTCOME_KINDS, type RemovalEntry, type RemovalIntent } from '../model/removal-record.ts';
import type { Instant, Lineage, RemovalFailure, StoredPin, UseEntry, UseRecord } from '../model/use-record.ts';
import { USE_EVIDENCE } from '../model/use-record.ts';
import type { WatchState } from '../model/watch-state.ts';
import { crc32 } from './checksum.ts';
import type { Cell } from './sqlite-database.ts';
import { BrokenRow } from './store-error.ts';

/**
 * Writes and reads one kind of value as a sealed text: CRC-32 of the JSON, CRC-32 of the other columns of its row, the JSON. SQLite does not
 * sum its pages, so without the seals one flipped bit in a stamp could age an image.
 */
export interface SealedForm<Value> {
  /**
   * @param columns the other columns of the row, in their order
   * @throws Error when the value has not the form of its type: a programmer error must not become a damaged store
   */
  seal(value: Value, ...columns: readonly Cell[]): string;
  /** @throws BrokenRow when the text is not what was sealed */
  unseal(text: unknown): Value;
  /** The same of a text whose seal was checked a moment ago. */
  open(text: string): Value;
}

const SUM_LENGTH = 8;
/** Where the JSON begins. */
export const SEAL_LENGTH: number = 2 * SUM_LENGTH;

/** By bytes: to print a number that is larger than an index takes as long as to sum what it is of. */
function sumOf(text: string): string {
  const sum = crc32(text);
  return `${HEX[sum >>> 24]}${HEX[(sum >>> 16) & 0xff]}${HEX[(sum >>> 8) & 0xff]}${HEX[sum & 0xff]}`;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** @returns the JSON inside. @throws BrokenRow when its seal does not fit */
function openSeal(text: unknown): string {
  const json = typeof text === 'string' ? text.slice(SEAL_LENGTH) : '';
  if (typeof text !== 'string' || Number.parseInt(text.slice(0, SUM_LENGTH), 16) !== crc32(json)) throw new BrokenRow(NOT_AS_WRITTEN);
  return json;
}

/**
 * Checks both seals of a row whose last column is its sealed body: that of the columns alone says whose row it is.
 *
 * @returns the body. @throws BrokenRow
 */
export function verifyRow(cells: Readonly<Record<number, unknown>>, last: number): string {
  const body = cells[last];
  openSeal(body);
  const isWhole = typeof body === 'string' && Number.parseInt(body.slice(SUM_LENGTH, SEAL_LENGTH), 16) === crc32(joinColumns(cells, last));
  if (!isWhole) throw new BrokenRow(NOT_AS_WRITTEN);
  return body;
}

/** The first columns of a row. */
function joinColumns(cells: Readonly<Record<number, unknown>>, count: number): string {
  let joined = count === 0 ? '' : textOf(cells[0]);
  for (let at = 1; at < count; at++) joined += `\n${textOf(cells[at])}`;
  return joined;
}

function textOf(cell: unknown): string {
  return cell === null ? '' : String(cell);
}

const NOT_AS_WRITTEN = 'a row is not what was written';

/** @param decode null when the content has not the form */
export function sealedForm<Value>(encode: (value: Value) => unknown, decode: (content: unknown) => Value | null): SealedForm<Value> {
  const decodeWhole = (json: string): Value => {
    const value = decode(JSON.parse(json));
    if (value === null) throw new BrokenRow('a row has not the form of its kind');
    return value;
  };
  return {
    seal(value, ...columns) {
      const content = encode(value);
      const json = JSON.stringify(content);
      if (decode(content) === null) throw new Error(`not to be stored: ${json}`);
      return sumOf(json) + sumOf(joinColumns(columns, columns.length)) + json;
    },
    unseal: (text) => decodeWhole(openSeal(text)),
    open: (text) => decodeWhole(text.slice(SEAL_LENGTH)),
  };
}

/** Makes the form of a type from its schema. Brands are names at compile time alone, so a valid content is the value. */
function schemaForm<Value>(schema: v.GenericSchema<unknown, Value>): SealedForm<Value> {
  const isValue = (content: unknown): content is Value => v.is(schema, content);
  return sealedForm(
    (value) => value,
    (content) => (isValue(content) ? content : null),
  );
}

const number = v.pipe(v.number(), v.finite());
const image = v.pipe(v.string(), v.transform(imageId));
const wall = v.pipe(number, v.transform(wallMs));
const span = v.pipe(number, v.transform(durationMs));
const instant = v.object({ idleMs: v.pipe(number, v.transform(idleMs)), wallMs: wall });
const names = v.array(v.string());

const intent = v.object({
  imageId: image,
  references: names,
  digests: names,
  rule: v.picklist(['unused-for', 'dangling', 'disk', 'free']),
  freesBytes: v.nullable(v.pipe(number, v.transform(bytes))),
  mark: v.string(),
  at: instant,
  idleMs: v.optional(span),
  isReleasing: v.optional(v.boolean()),
});

/** The key of one store of one engine, sealed. */
export const KEY_FORM: SealedForm<string> = schemaForm(v.string());

/** {@link IdleClockState}, sealed. */
export const CLOCK_FORM: SealedForm<IdleClockState> = schemaForm(
  v.object({
    idleMs: instant.entries.idleMs,
    reading: v.object({ bootId: v.nullable(v.string()), bootTimeMs: span, suspendedMs: span, wallMs: wall, isSynchronised: v.boolean() }),
    gapCreditMs: span,
  }),
);

/** {@link StoredPin}, sealed. */
export const PIN_FORM: SealedForm<StoredPin> = schemaForm(
  v.object({ pattern: v.string(), owner: v.string(), reason: v.string(), until: v.nullable(wall), createdAt: wall }),
);

/** {@link Lineage}, sealed. */
export const LINEAGE_FORM: SealedForm<Lineage> = schemaForm(
  v.object({
    name: v.string(),
    headImageId: image,
    previousImageId: v.nullable(image),
    switchedAt: instant,
    headConfirmed: v.nullable(v.boolean()),
  }),
);

/** {@link RemovalFailure}, sealed. */
export const FAILURE_FORM: SealedForm<RemovalFailure> = schemaForm(
  v.object({ imageId: image, count: number, retryAt: instant, message: v.string() }),
);

/** {@link RemovalIntent}, sealed. */
export const INTENT_FORM: SealedForm<RemovalIntent> = schemaForm(intent);

/** {@link RemovalEntry}, sealed. */
export const REMOVAL_FORM: SealedForm<RemovalEntry> = schemaForm(
  v.object({ ...intent.entries, outcome: v.picklist(OUTCOME_KINDS), message: v.string() }),
);

/** {@link WatchState}, sealed. */
export const WATCH_FORM: SealedForm<WatchState> = schemaForm(
  v.object({
    cursor: v.nullable(v.string()),
    lastRun: instant,
    massHold: v.nullable(v.object({ plannedAt: v.object({ bootId: v.string(), bootTimeMs: span }), waitedMs: span })),
  }),
);

const endedList = v.array(v.object({ id: v.pipe(v.string(), v.transform(containerId)), end: v.string(), since: instant }));

/** {@link EndedContainer} by container, sealed. */
export const ENDED_FORM: SealedForm<ReadonlyMap<ContainerId, EndedContainer>> = sealedForm(
  (ended) => [...ended].map(([id, { end, since }]) => ({ id, end, since })),
  (content) => {
    const read = v.safeParse(endedList, content);
    return read.success ? new Map(read.output.map(({ id, end, since }) => [id, { end, since }])) : null;
  },
);

/**
 * The uses of one write, sealed together: seals and rows of their own would double what a burst costs. As lists and checked by hand,
 * because a schema takes as long as all else.
 */
export const USE_BATCH_FORM: SealedForm<readonly UseEntry[]> = sealedForm(
  (uses) => uses.map(({ imageId: id, references, evidence, at }) => [id, evidence, at.idleMs, at.wallMs, references]),
  parseUses,
);

/** Up to schema 2 each use was sealed alone, and in schema 1 as an object. */
function parseUses(content: unknown): readonly UseEntry[] | null {
  const isList = Array.isArray(content) && typeof content[0] !== 'string';
  const uses = (isList ? content : [content]).map(parseUse);
  return uses.every((use) => use !== null) ? uses : null;
}

const useOfSchema1 = v.object({ imageId: image, references: names, evidence: v.picklist(USE_EVIDENCE), at: instant });
const isUseOfSchema1 = (content: unknown): content is UseEntry => v.is(useOfSchema1, content);

function parseUse(content: unknown): UseEntry | null {
  if (!Array.isArray(content)) return isUseOfSchema1(content) ? content : null;
  const [id, evidence, idle, wallClock, references]: unknown[] = content;
  const at = parseInstant(idle, wallClock);
  const known = USE_EVIDENCE.find((each) => each === evidence);
  if (typeof id !== 'string' || known === undefined || at === null || !isNames(references)) return null;
  return { imageId: imageId(id), references, evidence: known, at };
}

type RecordBody = Omit<UseRecord, 'imageId'>;

/**
 * {@link UseRecord}, sealed, without its image, which has a column of its row. As a list and checked by hand: there is one per image, and a
 * schema over an object takes three times as long to read.
 */
export const RECORD_FORM: SealedForm<RecordBody> = sealedForm(listRecord, parseRecord);

/** Where the list of a record says since when its image is missing, on the idle clock. */
export const MISSING_SINCE = 8;

/** Up to schema 5 the image stood in the first place: a number there is refused by who looks for it, and all else keeps its place. */
function listRecord({ firstSeen, lastUsed, origin, references, digests, missingSince, isInUse }: RecordBody): unknown {
  const used = [lastUsed?.idleMs ?? null, lastUsed?.wallMs ?? null] as const;
  const missing = [missingSince?.idleMs ?? null, missingSince?.wallMs ?? null] as const;
  return [0, firstSeen.idleMs, firstSeen.wallMs, used[0], used[1], origin, references, digests, missing[0], missing[1], isInUse];
}

/** By index, because the daemon runs without a compiler (decision 0006), where taking a list apart costs more than all else here. */
function parseRecord(content: unknown): RecordBody | null {
  if (!Array.isArray(content)) return null;
  const cells: readonly unknown[] = content;
  const firstSeen = parseInstant(cells[1], cells[2]);
  const lastUsed = parseInstant(cells[3], cells[4]);
  const origin = cells[5];
  const references = cells[6];
  const digests = cells[7];
  const missingSince = parseInstant(cells[MISSING_SINCE], cells[MISSING_SINCE + 1]);
  // Schema 1 did not know what was in use: in doubt it was.
  const isInUse = cells[10] ?? cells[3] !== null;
  if (firstSeen === null || !isOrigin(origin) || !isNames(references) || !isNames(digests) || typeof isInUse !== 'boolean') return null;
  return { firstSeen, lastUsed, origin, references, digests, missingSince, isInUse };
}

function parseInstant(idle: unknown, wallClock: unknown): Instant | null {
  const isInstant = typeof idle === 'number' && typeof wallClock === 'number' && Number.isFinite(idle + wallClock);
  return isInstant ? { idleMs: idleMs(idle), wallMs: wallMs(wallClock) } : null;
}

function isOrigin(value: unknown): value is Origin | null {
  return value === null || value === 'pulled' || value === 'local';
}

function isNames(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((name) => typeof name === 'string');
}
