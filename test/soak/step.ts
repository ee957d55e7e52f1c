import fc from 'fast-check';

/** How whoever starts a container names its image. */
export type NamedBy = 'tag' | 'digest' | 'id';

/** What happens on a host at one instant, whoever does it. Numbers pick among what is there. */
export type Deed =
  | { readonly kind: 'pull'; readonly image: number; readonly tag: number }
  | { readonly kind: 'load'; readonly image: number; readonly tag: number }
  | { readonly kind: 'build'; readonly base: number; readonly tag: number; readonly isClassic: boolean }
  | { readonly kind: 'run'; readonly image: number; readonly by: NamedBy; readonly mount: number | null; readonly isOnce: boolean }
  | { readonly kind: 'end'; readonly container: number }
  | { readonly kind: 'drop'; readonly container: number }
  | { readonly kind: 'tag'; readonly image: number; readonly name: number }
  | { readonly kind: 'untag'; readonly name: number }
  | { readonly kind: 'rmi'; readonly image: number; readonly isForced: boolean }
  | { readonly kind: 'pin'; readonly image: number; readonly isRepository: boolean }
  | { readonly kind: 'unpin' }
  | { readonly kind: 'settings'; readonly settings: number }
  | { readonly kind: 'pass'; readonly minutes: number }
  | { readonly kind: 'wall'; readonly jump: WallJump }
  | { readonly kind: 'synchronised'; readonly isSo: boolean }
  | { readonly kind: 'store-full'; readonly isSo: boolean }
  | { readonly kind: 'store-lost'; readonly isSetAside: boolean }
  | { readonly kind: 'streams-break'; readonly isForgotten: boolean };

/** Where the wall clock goes. `true` is back to the true time. */
export type WallJump = '+50y' | '-50y' | '-10y' | '1970' | '+8d' | '-1h' | 'true';

/** What goes wrong at a point: before or after a call of the engine, or a write to the store. */
export type Mishap =
  | { readonly kind: 'error'; readonly isSlow: boolean }
  | { readonly kind: 'kill' }
  | { readonly kind: 'deeds'; readonly deeds: readonly (Deed | { readonly kind: 'collect' })[] };

/** One step of a history. */
export type Step =
  | Deed
  /** Time passes in so many parts, and what waits for time goes on after each. A daemon that is down is started first. */
  | { readonly kind: 'live'; readonly hours: number; readonly parts: number }
  | { readonly kind: 'sleep'; readonly hours: number }
  | { readonly kind: 'reboot'; readonly offHours: number; readonly clock: 'kept' | 'stopped' | '1970'; readonly minutes: number }
  | { readonly kind: 'kill' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'start' }
  /** The daemon is down while others act and time passes, and the engine may forget all of it. */
  | { readonly kind: 'down'; readonly hours: number; readonly isForgotten: boolean; readonly deeds: readonly Deed[] }
  /** A person runs `imagegc collect`. */
  | { readonly kind: 'collect' }
  /** At so many points from now. */
  | { readonly kind: 'mishap'; readonly after: number; readonly mishap: Mishap };

/** A host's life, in steps. */
export interface History {
  readonly settings: number;
  /** The engine never refuses to remove what a container uses, as when it loses its race each time. */
  readonly isBlind: boolean;
  /** The wall clock says that it is synchronised when it is not. */
  readonly isLying: boolean;
  readonly steps: readonly Step[];
}

const few = fc.nat(7);
const tag = fc.nat(1);
const by = fc.constantFrom<NamedBy>('tag', 'tag', 'digest', 'id');

type Weighted<Value> = { readonly weight: number; readonly arbitrary: fc.Arbitrary<Value> };

function weigh<Value>(weight: number, arbitrary: fc.Arbitrary<Value>): Weighted<Value> {
  return { weight, arbitrary };
}

const images: readonly Weighted<Deed>[] = [
  weigh(14, fc.record({ kind: fc.constant('pull'), image: few, tag })),
  weigh(3, fc.record({ kind: fc.constant('load'), image: few, tag })),
  weigh(5, fc.record({ kind: fc.constant('build'), base: few, tag, isClassic: fc.boolean() })),
  weigh(4, fc.record({ kind: fc.constant('tag'), image: few, name: fc.nat(11) })),
  weigh(2, fc.record({ kind: fc.constant('untag'), name: fc.nat(11) })),
  weigh(2, fc.record({ kind: fc.constant('rmi'), image: few, isForced: fc.boolean() })),
];

const containers: readonly Weighted<Deed>[] = [
  weigh(12, fc.record({ kind: fc.constant('run'), image: few, by, mount: fc.option(few, { freq: 1, nil: null }), isOnce: fc.boolean() })),
  weigh(2, fc.record({ kind: fc.constant('end'), container: few })),
  weigh(8, fc.record({ kind: fc.constant('drop'), container: few })),
];

const people: readonly Weighted<Deed>[] = [
  weigh(2, fc.record({ kind: fc.constant('pin'), image: few, isRepository: fc.boolean() })),
  weigh(1, fc.record({ kind: fc.constant('unpin') })),
  weigh(2, fc.record({ kind: fc.constant('settings'), settings: fc.nat(7) })),
];

const clocks: readonly Weighted<Deed>[] = [
  weigh(
    3,
    fc.record({ kind: fc.constant('wall'), jump: fc.constantFrom<WallJump>('+50y', '-50y', '-10y', '1970', '+8d', '-1h', 'true', 'true') }),
  ),
  weigh(2, fc.record({ kind: fc.constant('synchronised'), isSo: fc.boolean() })),
];

const passing: Weighted<Deed> = weigh(2, fc.record({ kind: fc.constant('pass'), minutes: fc.constantFrom(1, 9, 60, 1_500, 6_000) }));

const storage: readonly Weighted<Deed>[] = [
  weigh(2, fc.record({ kind: fc.constant('store-full'), isSo: fc.boolean() })),
  weigh(1, fc.record({ kind: fc.constant('store-lost'), isSetAside: fc.boolean() })),
  weigh(2, fc.record({ kind: fc.constant('streams-break'), isForgotten: fc.boolean() })),
];

const collect: Weighted<{ readonly kind: 'collect' }> = weigh(3, fc.record({ kind: fc.constant('collect') }));
const inBetween = fc.oneof<Weighted<Deed | { readonly kind: 'collect' }>[]>(
  ...images,
  ...containers,
  ...people,
  ...clocks,
  ...storage,
  passing,
  collect,
);

const mishap = fc.oneof<Weighted<Mishap>[]>(
  weigh(3, fc.record({ kind: fc.constant('error'), isSlow: fc.boolean() })),
  weigh(3, fc.record({ kind: fc.constant('kill') })),
  weigh(6, fc.record({ kind: fc.constant('deeds'), deeds: fc.array(inBetween, { minLength: 1, maxLength: 3 }) })),
);

const hours = fc.constantFrom(1, 6, 25, 50, 120, 200);
const unseen = fc.oneof<Weighted<Deed>[]>(...images, ...containers);

const turns: readonly Weighted<Step>[] = [
  weigh(26, fc.record({ kind: fc.constant('live'), hours, parts: fc.integer({ min: 1, max: 4 }) })),
  weigh(1, fc.record({ kind: fc.constant('sleep'), hours: fc.constantFrom(1, 20, 30, 200) })),
  weigh(
    3,
    fc.record({
      kind: fc.constant('reboot'),
      offHours: fc.constantFrom(0, 1, 30, 300),
      clock: fc.constantFrom('kept', 'kept', 'stopped', '1970'),
      minutes: fc.constantFrom(0, 5, 20),
    }),
  ),
  weigh(2, fc.record({ kind: fc.constant('kill') })),
  weigh(
    6,
    fc.record({ kind: fc.constant('down'), hours, isForgotten: fc.boolean(), deeds: fc.array(unseen, { minLength: 1, maxLength: 3 }) }),
  ),
  weigh(1, fc.record({ kind: fc.constant('stop') })),
  weigh(2, fc.record({ kind: fc.constant('start') })),
  weigh(10, fc.record({ kind: fc.constant('mishap'), after: fc.nat(60), mishap })),
];

const step = fc.oneof<Weighted<Step>[]>(...images, ...containers, ...people, ...clocks, ...storage, passing, collect, ...turns);

/** Any history. */
export const history: fc.Arbitrary<History> = fc.record({
  settings: fc.nat(7),
  isBlind: fc.boolean(),
  isLying: fc.nat(4).map((pick) => pick === 4),
  steps: fc.array(step, { maxLength: 44, size: 'max' }),
});
