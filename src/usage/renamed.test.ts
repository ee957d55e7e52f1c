import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { daysAgo, emptyUsage, makeInventory, makeRecord, NO_CHAINS, type Row } from '../../test/worlds/world.ts';
import { imageId } from '../model/brands.ts';
import type { UsageState } from '../model/use-record.ts';
import { findRenamed } from './renamed.ts';
import { sight } from './sighting.ts';

const CONFIG = `sha256:${'c'.repeat(64)}`;
const MANIFEST = `sha256:${'d'.repeat(64)}`;
const OTHER = `sha256:${'e'.repeat(64)}`;
const APP = 'docker.io/library/app:1';
const byDigest = (digest: string) => [`docker.io/library/app@${digest}`];

/** The same pulled image, as a graph driver and as the containerd store name it. */
const onGraph: Row = { name: CONFIG, references: [APP], digests: byDigest(MANIFEST), usedDaysAgo: 3 };
const onContainerd: Row = { name: MANIFEST, references: [APP], digests: byDigest(MANIFEST), usedDaysAgo: 2 };

function remembered(...rows: readonly Row[]): UsageState {
  return { ...emptyUsage(), records: new Map(rows.map((row) => [imageId(row.name), makeRecord(row)])) };
}

/** How many days ago each listed image was used, by what another store knew. */
function found(listed: readonly Row[], other: readonly Row[], known: readonly Row[] = []): Readonly<Record<string, number>> {
  const renamed = findRenamed({
    inventory: makeInventory({ images: listed }),
    state: remembered(...known),
    isFirst: known.length === 0,
    otherStores: remembered(...other),
  });
  return Object.fromEntries([...renamed].map(([id, { lastUsed }]) => [id, (daysAgo(0).idleMs - (lastUsed?.idleMs ?? 0)) / 86_400_000]));
}

describe('findRenamed()', () => {
  it('finds a pulled image by its digest, from a graph driver to the containerd store and back', () => {
    assert.deepEqual(found([onContainerd], [onGraph]), { [MANIFEST]: 3 });
    assert.deepEqual(found([onGraph], [onContainerd]), { [CONFIG]: 2 });
  });

  it('finds an image that lost its names there by its ID, which is the digest here', () => {
    assert.deepEqual(found([onGraph], [{ name: MANIFEST, references: [], usedDaysAgo: 4 }]), { [CONFIG]: 4 });
  });

  it('finds a digest in whatever repository it stands', () => {
    assert.deepEqual(found([{ ...onContainerd, references: [], digests: [`mirror:5000/app@${MANIFEST}`] }], [onGraph]), { [MANIFEST]: 3 });
  });

  it('finds a built image, which has no digest, by its tag', () => {
    assert.deepEqual(found([{ ...onContainerd }], [{ ...onGraph, digests: [] }]), { [MANIFEST]: 3 });
  });

  it('prefers the digest to the tag', () => {
    const moved: Row = { name: OTHER, references: [APP], digests: [], usedDaysAgo: 9 };
    assert.deepEqual(found([onContainerd], [moved, { ...onGraph, references: [] }]), { [MANIFEST]: 3 });
  });

  it('takes a tag that two records claim for no proof', () => {
    const twins = ['x', 'y'].map((name) => ({ name, references: [APP] }));
    assert.deepEqual(found([{ name: OTHER, references: [APP] }], twins), {});
  });

  it('takes a tag for no proof when the digests contradict it: the tag has moved since', () => {
    assert.deepEqual(found([{ name: OTHER, references: [APP], digests: byDigest(OTHER) }], [onGraph]), {});
  });

  it('takes what is not known at a later look for new: it was pulled or built since', () => {
    const first: Row = { name: 'something', references: [] };
    assert.deepEqual(found([onContainerd, first], [onGraph], [first]), {});
  });

  it('brings back uses that a known image had meanwhile in another store, by digest alone, and no earlier ones', () => {
    const known = { ...onGraph, usedDaysAgo: 30 };
    assert.deepEqual(found([onGraph], [onContainerd], [known]), { [CONFIG]: 2 });
    assert.deepEqual(found([onGraph], [{ ...onContainerd, name: OTHER, digests: [] }], [known]), {});
    assert.deepEqual(found([onGraph], [{ ...onContainerd, usedDaysAgo: 31 }], [known]), {});
    assert.deepEqual(found([onGraph], [{ ...onContainerd, usedDaysAgo: null }], [known]), {});
  });

  it('finds nothing where nothing is remembered', () => {
    assert.deepEqual(found([onContainerd], []), {});
  });
});

describe('sight() after a store change', () => {
  const change = (listed: Row, other: Row, known?: Row) =>
    sight({
      inventory: makeInventory({ images: [listed] }),
      state: known === undefined ? emptyUsage() : remembered(known),
      isFirst: known === undefined,
      otherStores: remembered(other),
      now: daysAgo(0),
      listedSince: daysAgo(0),
      areRecordsLost: false,
      ...NO_CHAINS,
    });

  it('carries stamps and origin over to the new ID, and writes the record under it', () => {
    const { state, changes } = change({ ...onContainerd, image: { origin: null } }, { ...onGraph, seenDaysAgo: 8 });
    const record = state.records.get(imageId(MANIFEST));
    assert.deepEqual([record?.imageId, record?.firstSeen, record?.lastUsed], [MANIFEST, daysAgo(8), daysAgo(3)]);
    assert.deepEqual(changes.records, [record]);
    assert.deepEqual(changes.uses, []);
  });

  it('writes the later use of a known image once', () => {
    const { state, changes } = change(onGraph, onContainerd, { ...onGraph, usedDaysAgo: 30 });
    assert.deepEqual(
      changes.records.map(({ lastUsed }) => lastUsed),
      [daysAgo(2)],
    );
    const again = sight({
      inventory: makeInventory({ images: [onGraph] }),
      state,
      isFirst: false,
      otherStores: remembered(onContainerd),
      now: daysAgo(0),
      listedSince: daysAgo(0),
      areRecordsLost: false,
      ...NO_CHAINS,
    });
    assert.deepEqual(
      again.changes.records.filter(({ lastUsed }) => lastUsed?.idleMs !== daysAgo(2).idleMs),
      [],
    );
  });
});
