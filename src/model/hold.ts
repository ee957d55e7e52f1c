import { splitReference } from './reference.ts';

/**
 * A hold is a tag of ours that keeps an image alive while its own tags are off (design §5.4). It stands in the same repository and
 * says who placed it and which tag it stands for, so that names can be given back from the engine alone:
 * `imagegc.hold.<mark>.<original tag>`. An image with several names to lose loses them one after the other; so that a crash between
 * two of them is not mistaken for a wish to give names back, one more tag, `imagegc.drop.…`, is put on first and goes last.
 */
const PREFIX = { held: 'imagegc.hold.', releasing: 'imagegc.drop.' } as const;
const HOLD_TAG = /^imagegc\.(hold|drop)\.([0-9a-z]+(?:-[0-9a-z]+){4})\.(.+)$/;
const OWNER_MARK = /^[0-9a-z]+(?:-[0-9a-z]+){4}$/;
/** distribution/reference `reference.go`: a tag has at most 128 characters. */
const TAG_LENGTH_MAX = 128;

/**
 * Who placed a hold, as far as another process on the same kernel can check it. Written `boot-since-namespace-pid-start`.
 */
export interface OwnerMark {
  /** First 8 hex digits of the kernel's boot ID: a hold of another boot has no living owner. */
  readonly boot: string;
  /** Whole seconds on the boot-time clock when the run began. */
  readonly sinceSeconds: number;
  /** The inode of the owner's PID namespace: only there does the PID mean anything. */
  readonly pidNamespace: number;
  readonly pid: number;
  /** The owner's start in clock ticks since boot (`proc(5)`, field 22): tells a reused PID from the owner. */
  readonly startTicks: number;
}

/** What is known of the process behind an owner mark. `unknown`: it may live where this process cannot look. Only `own` and `dead` are repaired. */
export type OwnerState = 'own' | 'alive' | 'dead' | 'unknown';

/** Writes an owner mark in the characters that a tag allows. */
export function formatOwnerMark(mark: OwnerMark): string {
  const { boot, sinceSeconds, pidNamespace, pid, startTicks } = mark;
  return [boot, ...[sinceSeconds, pidNamespace, pid, startTicks].map((number) => number.toString(36))].join('-');
}

/** Reads an owner mark; null when the text is none of ours. */
export function parseOwnerMark(text: string): OwnerMark | null {
  if (!OWNER_MARK.test(text)) return null;
  const [boot = '', ...numbers] = text.split('-');
  const [sinceSeconds = 0, pidNamespace = 0, pid = 0, startTicks = 0] = numbers.map((digits) => Number.parseInt(digits, 36));
  return { boot, sinceSeconds, pidNamespace, pid, startTicks };
}

/** A hold taken apart. */
export interface Hold {
  /** The name it stands for, canonical. */
  readonly original: string;
  /** The owner's mark. */
  readonly mark: string;
  /** It says that the image's holds were being removed: all of them, with the image. */
  readonly isReleasing: boolean;
}

/**
 * The hold for one tag of an image.
 *
 * @param reference canonical, with a tag
 * @returns the hold's canonical reference; null when mark and tag together are too long for a tag
 */
export function holdReference(reference: string, mark: string, phase: keyof typeof PREFIX = 'held'): string | null {
  const { name, tag } = splitReference(reference);
  const holdTag = `${PREFIX[phase]}${mark}.${tag ?? ''}`;
  return tag === null || holdTag.length > TAG_LENGTH_MAX ? null : `${name}:${holdTag}`;
}

/** Takes a hold apart; null when the reference is an ordinary name. */
export function parseHold(reference: string): Hold | null {
  // Every name of every listing passes here, and next to none is a hold.
  if (!reference.includes(':imagegc.')) return null;
  const { name, tag } = splitReference(reference);
  const [, phase, mark, original] = (tag === null ? null : HOLD_TAG.exec(tag)) ?? [];
  if (mark === undefined || original === undefined) return null;
  return { original: `${name}:${original}`, mark, isReleasing: phase === 'drop' };
}
