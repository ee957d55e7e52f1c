import type { Verdict } from '../model/plan.ts';

/** One image as `/api/images` tells it (`docs/json.md`). */
export interface ImageRow extends Unknowable<'origin' | 'firstSeenAt' | 'lastUsedAt' | 'detail' | 'until', string> {
  readonly imageId: string;
  readonly references: readonly string[];
  readonly digests: readonly string[];
  readonly exclusiveBytes: number | null;
  readonly verdict: Verdict['verdict'] | null;
  readonly reason: Verdict['reason'] | null;
  readonly holds: readonly Texts<'reason' | 'detail'>[];
}

type Texts<Key extends string> = Readonly<Record<Key, string>>;
type Numbers<Key extends string> = Readonly<Record<Key, number>>;
type Unknowable<Key extends string, Value> = Readonly<Record<Key, Value | null>>;
type Named = Pick<ImageRow, 'imageId' | 'references'>;
type Removed = Named & Pick<ImageRow, 'digests'> & Texts<'at' | 'rule' | 'outcome' | 'message'> & Unknowable<'freedBytes', number>;
type Planned = Named & Texts<'rule'> & Numbers<'idleSeconds'> & Unknowable<'freesBytes', number>;
type Problem = Texts<'subject' | 'problem'> & Unknowable<'hint', string>;
type Sample = Texts<'at'> & Numbers<'capacityBytes' | 'usedBytes' | 'availableBytes'>;
type Run = Texts<'at' | 'kind' | 'result'> & Numbers<'removed' | 'freedBytes'>;

/** What the daemon serves, by the name of its path. */
export interface Served {
  readonly status: Readonly<Record<'ready' | 'collecting', boolean>> &
    Unknowable<'engine' | 'lastRunAt' | 'nextRunAt', string> & {
      readonly problems: readonly Problem[];
      readonly engines: readonly (Texts<'address'> & Unknowable<'engine' | 'page', string>)[];
    };
  readonly disk: Unknowable<'highFraction' | 'lowFraction' | 'minFreeBytes', number> & {
    readonly samples: readonly Sample[];
    readonly runs: readonly Run[];
  };
  readonly images: Texts<'at'> & { readonly images: readonly ImageRow[] };
  readonly layers: { readonly sets: readonly (Numbers<'bytes' | 'layers'> & { readonly images: readonly string[] })[] };
  readonly plan: Numbers<'expectedFreedBytes'> &
    Unknowable<'refusal', Texts<'message'>> &
    Unknowable<'target', Numbers<'bytes'> & { readonly reached: boolean }> & { readonly removals: readonly Planned[] };
  readonly history: { readonly removals: readonly Removed[] };
  readonly pins: { readonly pins: readonly Texts<'pattern'>[] };
}

/** All that was fetched so far; null: not yet. */
export type Data = { readonly [Name in keyof Served]: Served[Name] | null };

const known = new Map<keyof Served, string | null>();

/**
 * Asks for one document. Of several engines the page shows the one that its own address names, which is passed on.
 *
 * @returns null where it is what it was, or there is none now
 * @throws where the daemon does not answer
 */
export async function load<Name extends keyof Served>(name: Name): Promise<Partial<Data> | null> {
  const answer = await fetch(`/api/${name}${location.search}`, { cache: 'no-cache' });
  const etag = answer.headers.get('etag');
  if (!answer.ok || known.get(name) === etag) return null;
  const value: Served[Name] = await answer.json();
  known.set(name, etag);
  return { [name]: value };
}

/** Has the daemon do something. @returns what went wrong; null: nothing */
export async function order(name: 'collect' | 'pin' | 'unpin', token: string, asked: object = {}): Promise<string | null> {
  const headers = { 'content-type': 'application/json', 'x-imagegc-token': token };
  const answer = await fetch(`/api/${name}${location.search}`, { method: 'POST', headers, body: JSON.stringify(asked) });
  const { error, message }: { readonly error?: string; readonly message?: string } = await answer.json();
  return error ?? (message || null);
}
