import type { RuleName, Verdict } from '../model/plan.ts';

/** One image as `/api/images` tells it (`docs/json.md`). */
export interface ImageRow {
  readonly imageId: string;
  readonly references: readonly string[];
  readonly digests: readonly string[];
  readonly origin: string | null;
  readonly firstSeenAt: string | null;
  readonly lastUsedAt: string | null;
  readonly exclusiveBytes: number | null;
  readonly verdict: Verdict['verdict'] | null;
  readonly reason: Verdict['reason'] | null;
  readonly detail: string | null;
  readonly until: string | null;
  readonly holds: readonly { readonly reason: string; readonly detail: string }[];
}

/** What the daemon serves, by the name of its path. */
export interface Served {
  readonly status: {
    readonly ready: boolean;
    readonly collecting: boolean;
    readonly engine: string | null;
    readonly problems: readonly { readonly subject: string; readonly problem: string; readonly hint: string | null }[];
    readonly lastRunAt: string | null;
    readonly nextRunAt: string | null;
  };
  readonly disk: {
    readonly highFraction: number | null;
    readonly lowFraction: number | null;
    readonly minFreeBytes: number | null;
    readonly samples: readonly {
      readonly at: string;
      readonly capacityBytes: number;
      readonly usedBytes: number;
      readonly availableBytes: number;
    }[];
    readonly runs: readonly {
      readonly at: string;
      readonly kind: string;
      readonly result: string;
      readonly removed: number;
      readonly freedBytes: number;
    }[];
  };
  readonly images: { readonly at: string; readonly images: readonly ImageRow[] };
  readonly layers: { readonly sets: readonly { readonly bytes: number; readonly layers: number; readonly images: readonly string[] }[] };
  readonly plan: {
    readonly refusal: { readonly message: string } | null;
    readonly expectedFreedBytes: number;
    readonly target: { readonly bytes: number; readonly reached: boolean } | null;
    readonly removals: readonly {
      readonly imageId: string;
      readonly references: readonly string[];
      readonly rule: RuleName;
      readonly idleSeconds: number;
      readonly freesBytes: number | null;
    }[];
  };
  readonly history: {
    readonly removals: readonly {
      readonly at: string;
      readonly imageId: string;
      readonly references: readonly string[];
      readonly digests: readonly string[];
      readonly rule: string;
      readonly outcome: string;
      readonly message: string;
      readonly freedBytes: number | null;
    }[];
  };
  readonly pins: {
    readonly pins: readonly { readonly pattern: string; readonly owner: string; readonly reason: string; readonly until: string | null }[];
  };
}

/** All that was fetched so far; null: not yet. */
export type Data = { readonly [Name in keyof Served]: Served[Name] | null };

const known = new Map<keyof Served, string | null>();

/** Asks for one document. @returns null where it is what it was, or there is none now @throws where the daemon does not answer */
export async function load<Name extends keyof Served>(name: Name): Promise<Partial<Data> | null> {
  const answer = await fetch(`/api/${name}`, { cache: 'no-cache' });
  const etag = answer.headers.get('etag');
  if (!answer.ok || known.get(name) === etag) return null;
  const value: Served[Name] = await answer.json();
  known.set(name, etag);
  return { [name]: value };
}

/** Has the daemon do something. @returns what went wrong; null: nothing */
export async function order(name: 'collect' | 'pin' | 'unpin', token: string, asked: object = {}): Promise<string | null> {
  const headers = { 'content-type': 'application/json', 'x-imagegc-token': token };
  const answer = await fetch(`/api/${name}`, { method: 'POST', headers, body: JSON.stringify(asked) });
  const { error, message }: { readonly error?: string; readonly message?: string } = await answer.json();
  return error ?? (message || null);
}
