import { bytes, durationMs } from '../model/brands.ts';
import { formatByteSize } from '../model/byte-size.ts';
import { formatAge } from '../model/duration.ts';
import type { ImageRow } from './api.ts';

/** Bytes for people; null is unknown. */
export function sizeOf(count: number | null): string {
  return formatByteSize(count === null ? null : bytes(Math.round(count)));
}

let skewMs = 0;

/** Takes over what time it is on the host: it may be far from the reader's. */
export function setClock(at: string): void {
  skewMs = Date.parse(at) - Date.now();
}

function hostNow(): number {
  return Date.now() + skewMs;
}

/** How long ago, or in how long; null is never. */
export function when(at: string | null): string {
  if (at === null) return 'never';
  const agoMs = hostNow() - Date.parse(at);
  return agoMs >= 0 ? `${formatAge(durationMs(agoMs))} ago` : `in ${formatAge(durationMs(-agoMs))}`;
}

/** A moment in the reader's own time. */
export function momentOf(at: string): string {
  return new Date(at).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' });
}

/** The share of a disk that is used, as df shows it. */
export function percentOf({ usedBytes, availableBytes }: { readonly usedBytes: number; readonly availableBytes: number }): number {
  return (usedBytes / Math.max(1, usedBytes + availableBytes)) * 100;
}

type Named = Pick<ImageRow, 'references' | 'imageId'> & Partial<Pick<ImageRow, 'digests'>>;

/** What people call an image. */
export function nameOf({ references, digests, imageId }: Named): string {
  return shorten(references[0] ?? digests?.[0]?.replace(/(@sha256:.{12}).*/, '$1') ?? imageId.slice(0, 19));
}

/** Without what every name of Docker Hub has. */
export function shorten(reference: string): string {
  return reference.replace(/^docker\.io\/(library\/)?/, '');
}

/** Days since the last use, else since first seen; 0 while it is in use. */
export function idleDays({ reason, lastUsedAt, firstSeenAt }: ImageRow): number {
  const since = lastUsedAt ?? firstSeenAt;
  return reason === 'in-use' || since === null ? 0 : Math.max(0, hostNow() - Date.parse(since)) / 86_400_000;
}

/** When an image would go. */
export function goes({ verdict, until }: ImageRow): string {
  return verdict === 'remove' ? 'at the next collection' : until === null ? '–' : when(until);
}

/** So many of something. */
export function countOf(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}
