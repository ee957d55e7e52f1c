import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { DAY_MS, daysAgo, emptyUsage, HOUR_MS, makeInventory, makeRecord, NO_CHAINS, type WorldRows } from '../../test/worlds/world.ts';
import { idleMs, imageId, wallMs } from '../model/brands.ts';
import type { Instant, UsageState, UseRecord } from '../model/use-record.ts';
import { FORGET_AFTER_MS, imagesInUse, type Sighting, sight } from './sighting.ts';

const NOW = daysAgo(0);
const A = imageId('a');

function later(ms: number): Instant {
  return { idleMs: idleMs(NOW.idleMs + ms), wallMs: wallMs(NOW.wallMs + ms) };
}

function knowing(...records: readonly UseRecord[]): UsageState {
  return { ...emptyUsage(), records: new Map(records.map((record) => [record.imageId, record])) };
}

/** A look at what `world` lists, of which `state` is known. */
function look(world: WorldRows, state: UsageState = emptyUsage(), now: Instant = NOW, areRecordsLost = false): Sighting {
  return lookSince(now, world, state, now, areRecordsLost);
}

/** The same, which began to list at `listedSince`. */
function lookSince(listedSince: Instant, world: WorldRows, state: UsageState, now: Instant, areRecordsLost = false): Sighting {
  const rest = { ...NO_CHAINS, now, listedSince, areRecordsLost };
  const isFirst = state.records.size === 0;
  return sight({ inventory: makeInventory(world), state, isFirst, otherStores: emptyUsage(), ...rest });
}

const a: WorldRows = { images: [{ name: 'a' }] };
const aInUse: WorldRows = { ...a, containers: [{ of: 'a', state: 'exited' }] };
/** `a` is not listed, but something else is. */
const noA: WorldRows = { images: [{ name: 'b' }] };

describe('sight()', () => {
  it('starts the age of an unknown image at first sight, and counts no use', () => {
    const { state, changes } = look(a);
    assert.deepEqual(state.records.get(A)?.firstSeen, NOW);
    assert.equal(state.records.get(A)?.lastUsed, null);
    assert.deepEqual(changes.uses, []);
  });

  for (const status of ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead', 'a word of tomorrow']) {
    it(`takes a container that is "${status}" for a use`, () => {
      const { state, changes } = look({ ...a, containers: [{ of: 'a', state: status }] });
      assert.deepEqual(state.records.get(A)?.lastUsed, NOW);
      assert.deepEqual(changes.uses, [{ imageId: A, references: ['docker.io/library/a:1'], evidence: 'sighting', at: NOW }]);
    });
  }

  it('takes a mount for a use, of the image mounted and of the root', () => {
    const { state } = look({ images: [{ name: 'a' }, { name: 'b' }, { name: 'c' }], containers: [{ of: 'b', mountedImageIds: [A] }] });
    assert.deepEqual(
      [...state.records.values()].map(({ lastUsed }) => lastUsed),
      [NOW, NOW, null],
    );
  });

  it('moves the stamp of a known image forward, and its first sight never', () => {
    const { state } = look(aInUse, knowing(makeRecord({ name: 'a', usedDaysAgo: 3, seenDaysAgo: 9 })));
    assert.deepEqual(state.records.get(A)?.lastUsed, NOW);
    assert.deepEqual(state.records.get(A)?.firstSeen, daysAgo(9));
  });

  it('never moves a stamp back, when the clock stands before it', () => {
    const before = knowing({ ...makeRecord({ name: 'a' }), lastUsed: later(DAY_MS) });
    assert.deepEqual(look(aInUse, before).state.records.get(A)?.lastUsed, later(DAY_MS));
  });

  it('writes nothing for a second use within the same minute, and one after it', () => {
    const first = look(aInUse);
    const nothing = { records: [], forgotten: [], lineages: [], uses: [] };
    assert.deepEqual(look(aInUse, first.state, later(59_999)).changes, nothing);
    const third = look(aInUse, first.state, later(60_000)).changes;
    assert.deepEqual([third.records.length, third.uses.length], [1, 1]);
  });

  it('writes nothing for an unused image that did not change', () => {
    const first = look(a);
    assert.deepEqual(look(a, first.state, later(5 * DAY_MS)).changes.records, []);
  });

  it('notes new names, and an origin once it is known', () => {
    const first = look({ images: [{ name: 'a', image: { origin: null } }] });
    const renamed = look({ images: [{ name: 'a', references: ['docker.io/library/z:1'] }] }, first.state, later(HOUR_MS));
    assert.deepEqual(renamed.state.records.get(A)?.references, ['docker.io/library/z:1']);
    assert.equal(renamed.state.records.get(A)?.origin, 'pulled');
    const contradicted = look({ images: [{ name: 'a', image: { origin: 'local' } }] }, renamed.state, later(HOUR_MS));
    assert.equal(contradicted.state.records.get(A)?.origin, 'pulled');
  });

  it('counts every unknown image as used now when the records were lost, and writes no history of it', () => {
    const { state, changes } = look(a, emptyUsage(), NOW, true);
    assert.deepEqual([state.records.get(A)?.lastUsed, changes.uses], [NOW, []]);
  });
});

describe('sight() forgets', () => {
  it('an image that two listings a day apart do not hold, and not before', () => {
    const first = look(noA, look(a).state, NOW);
    assert.deepEqual(first.state.records.get(A)?.missingSince, NOW);
    const early = look(noA, first.state, later(DAY_MS - 1));
    assert.deepEqual([early.state.records.has(A), early.changes.forgotten], [true, []]);
    const second = look(noA, early.state, later(DAY_MS));
    assert.deepEqual([second.state.records.has(A), second.changes.forgotten], [false, [A]]);
  });

  it('nothing that was missing once and came back; that it came back is a use, because someone brought it', () => {
    const gone = look(noA, look(a, emptyUsage(), daysAgo(20)).state, daysAgo(1));
    const back = look(a, gone.state, NOW);
    assert.equal(back.state.records.get(A)?.missingSince, null);
    assert.deepEqual(back.state.records.get(A)?.lastUsed, NOW);
    const again = look(noA, back.state, later(DAY_MS));
    assert.equal(again.state.records.has(A), true);
  });

  it('nothing on an empty listing where images were known: that is doubt', () => {
    const before = look(a).state;
    const { state, changes, doubts } = look({ images: [] }, before, later(9 * DAY_MS));
    assert.equal(state, before);
    assert.deepEqual(changes, { records: [], forgotten: [], lineages: [], uses: [] });
    assert.deepEqual(
      doubts.map(({ kind }) => kind),
      ['empty-listing'],
    );
  });

  it('finds no doubt in an empty listing where nothing was known', () => {
    assert.deepEqual(look({ images: [] }).doubts, []);
  });
});

describe('imagesInUse()', () => {
  it('goes by image ID, and never by the name that a container was created with', () => {
    const inventory = makeInventory({ ...a, containers: [{ of: null, imageName: 'docker.io/library/a:1' }] });
    assert.deepEqual([...imagesInUse(inventory)], []);
  });
});

describe('sightings in any order and number', () => {
  const anyLook = fc.record({ minutes: fc.integer({ min: -100, max: 10_000 }), isListed: fc.boolean(), isUsed: fc.boolean() });

  it('never move a stamp back, nor first sight, while the image is known; and every use leaves a stamp within its minute', () => {
    fc.assert(
      fc.property(fc.array(anyLook, { maxLength: 20 }), (looks) => {
        let state = emptyUsage();
        for (const { minutes, isListed, isUsed } of looks) {
          const now = later(minutes * 60_000);
          const before = state.records.get(A);
          const images = isListed ? [{ name: 'a' }, { name: 'b' }] : [{ name: 'b' }];
          state = look({ images, containers: isListed && isUsed ? [{ of: 'a' }] : [] }, state, now).state;
          const after = state.records.get(A);
          if (before !== undefined && after !== undefined) {
            assert.deepEqual(after.firstSeen, before.firstSeen);
            assert.ok((after.lastUsed?.idleMs ?? 0) >= (before.lastUsed?.idleMs ?? 0));
          }
          if (isListed && isUsed) assert.ok((after?.lastUsed?.idleMs ?? 0) > now.idleMs - 60_000);
        }
      }),
    );
  });
});

describe('sight() and containers that went unseen', () => {
  it('counts an image as used until it is found unused, once', () => {
    const first = look(aInUse);
    assert.equal(first.state.records.get(A)?.isInUse, true);
    const second = look(a, first.state, later(DAY_MS));
    assert.deepEqual(second.state.records.get(A)?.lastUsed, later(DAY_MS));
    assert.equal(second.state.records.get(A)?.isInUse, false);
    assert.deepEqual(
      second.changes.uses.map(({ evidence }) => evidence),
      ['sighting'],
    );
    assert.deepEqual(look(a, second.state, later(2 * DAY_MS)).changes.records, []);
  });

  it('does not end a use that was recorded after the listing began, or so shortly before that its stamp cannot tell; the next look does', () => {
    const running = look(aInUse).state;
    for (const world of [a, noA]) {
      for (const listedSince of [daysAgo(1), NOW, later(59_999)]) {
        const { state } = lookSince(listedSince, world, running, later(HOUR_MS));
        assert.deepEqual([state.records.get(A)?.isInUse, state.records.get(A)?.missingSince], [true, null]);
      }
      const { state } = lookSince(later(60_000), world, running, later(HOUR_MS));
      assert.equal(state.records.get(A)?.isInUse, false);
    }
  });
});

describe('sight() with the records alone that a look needs', () => {
  const anyRecord = fc.record({
    usedMinutes: fc.option(fc.integer({ min: -5_000, max: 0 })),
    missingMinutes: fc.option(fc.integer({ min: -3_000, max: 0 })),
    isInUse: fc.boolean(),
    isListed: fc.boolean(),
  });

  it('changes what it changes with all of them, also where all that was known is left out', () => {
    const leftOut = { some: 0, all: 0 };
    fc.assert(
      fc.property(fc.array(anyRecord, { maxLength: 8 }), (known) => {
        const records = known.map(({ usedMinutes, missingMinutes, isInUse }, index): UseRecord => {
          const lastUsed = usedMinutes === null ? null : later(usedMinutes * 60_000);
          const missingSince = missingMinutes === null ? null : later(missingMinutes * 60_000);
          return { ...makeRecord({ name: `i${index}` }), lastUsed, missingSince, isInUse: isInUse && missingSince === null };
        });
        const images = known.flatMap(({ isListed }, index) => (isListed ? [{ name: `i${index}` }] : []));
        const inventory = makeInventory({ images: [...images, { name: 'new' }] });
        // Only at the first look of all is it the new image.
        const elsewhere = knowing({ ...makeRecord({ name: 'new' }), lastUsed: later(-DAY_MS) });
        const listed = new Set(inventory.images.map(({ id }) => id));
        const isNeeded = ({ imageId: id, missingSince }: UseRecord): boolean =>
          listed.has(id) || missingSince === null || missingSince.idleMs <= NOW.idleMs - FORGET_AFTER_MS;
        const all = { inventory, otherStores: elsewhere, now: NOW, listedSince: NOW, areRecordsLost: false, ...NO_CHAINS };
        const whole = sight({ ...all, state: knowing(...records), isFirst: records.length === 0 });
        const needed = records.filter(isNeeded);
        const scoped = sight({ ...all, state: knowing(...needed), isFirst: records.length === 0 });
        assert.deepEqual([scoped.changes, scoped.doubts], [whole.changes, whole.doubts]);
        for (const id of listed) assert.deepEqual(scoped.state.records.get(id), whole.state.records.get(id));
        leftOut.some += needed.length < records.length ? 1 : 0;
        leftOut.all += needed.length === 0 && records.length > 0 ? 1 : 0;
      }),
      { numRuns: 500 },
    );
    assert.ok(leftOut.some > 50 && leftOut.all > 0, JSON.stringify(leftOut));
  });
});
