import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { daysAgo, makeInventory, makeRecord } from '../../test/worlds/world.ts';
import { type ContainerId, containerId, type ImageId, idleMs, imageId, wallMs } from '../model/brands.ts';
import type { EngineEvent, EngineEventKind } from '../model/engine-event.ts';
import type { Instant } from '../model/use-record.ts';
import { EventReader, recordEventUses } from './event-uses.ts';

const A = imageId('a');
const B = imageId('b');
const C1 = containerId('c1');
const NOW: Instant = daysAgo(0);
const NOBODY: ReadonlySet<ImageId> = new Set();

function event(kind: EngineEventKind, images: readonly ImageId[], more: Partial<EngineEvent> = {}): EngineEvent {
  return { kind, imageIds: images, containerId: null, reference: null, at: NOW.wallMs, ...more };
}

function of(container: ContainerId): Partial<EngineEvent> {
  return { containerId: container };
}

function later(ms: number): Instant {
  return { idleMs: idleMs(NOW.idleMs + ms), wallMs: wallMs(NOW.wallMs + ms) };
}

/** What one event of an image without a record leads to. */
function recordOf(kind: EngineEventKind, reference: string | null = null) {
  const uses = new EventReader().read(event(kind, [A], { reference }));
  return recordEventUses(uses, new Map(), NOBODY, NOW);
}

describe('EventReader', () => {
  it('takes every step of a container for a use of its root and its mounts', () => {
    const reader = new EventReader();
    for (const kind of ['container-created', 'container-started', 'container-ended', 'container-removed'] as const) {
      assert.deepEqual(
        reader.read(event(kind, [A, B], of(C1))).map(({ imageId: id, evidence }) => [id, evidence]),
        [
          [A, 'container'],
          [B, 'container'],
        ],
      );
    }
  });

  it('knows which images containers need, and for how long', () => {
    const reader = new EventReader();
    reader.read(event('container-created', [A, B], of(C1)));
    reader.read(event('container-ended', [A, B], of(C1)));
    assert.deepEqual([...reader.imagesInUse()], [A, B]);
    reader.read(event('container-removed', [A, B], of(C1)));
    assert.deepEqual([...reader.imagesInUse()], []);
  });

  it('takes a listing over, but for what events told while it was made', () => {
    const reader = new EventReader();
    const listed = makeInventory({ images: [{ name: 'a' }, { name: 'b' }], containers: [{ of: 'a' }] }).containers;
    const [old] = listed;
    reader.beginLook();
    reader.read(event('container-created', [B], of(C1)));
    reader.read(event('container-removed', [A], of(old?.id ?? C1)));
    reader.endLook(listed);
    assert.deepEqual([...reader.imagesInUse()], [B]);
  });

  it('takes neither a hold nor the name that comes back after one for a use, and any other tag for one', () => {
    const reader = new EventReader();
    const tag = (reference: string) => reader.read(event('image-tagged', [A], { reference })).length;
    assert.equal(tag('docker.io/lab/app:imagegc.hold.aaaaaaaa-1-1-1-1.1'), 0);
    assert.equal(tag('docker.io/lab/app:2'), 1);
    assert.equal(tag('docker.io/lab/app:1'), 0);
    assert.equal(tag('docker.io/lab/app:1'), 1);
    assert.equal(tag('docker.io/lab/app:imagegc.hold.aaaaaaaa-1-1-1-1.1'), 0);
    reader.read(event('image-removed', [A]));
    assert.equal(tag('docker.io/lab/app:1'), 1);
  });

  it('takes a name that was never given back, because somebody moved it, for used by who gives it to the image long after', () => {
    const reader = new EventReader();
    const tagAt = (reference: string, ms: number) => reader.read(event('image-tagged', [A], { reference, at: later(ms).wallMs })).length;
    for (const [ms, uses] of [
      [60_000, 0],
      [3_600_000, 1],
      // The clock was set back.
      [-3_600_000, 1],
    ] as const) {
      assert.equal(tagAt('docker.io/lab/app:imagegc.hold.aaaaaaaa-1-1-1-1.1', 0), 0);
      assert.equal(tagAt('docker.io/lab/app:1', ms), uses);
    }
  });

  it('takes a name for given by somebody else while all names of the image go, until it is held again', () => {
    const reader = new EventReader();
    const tag = (reference: string) => reader.read(event('image-tagged', [A], { reference })).length;
    const hold = () => tag('docker.io/lab/app:imagegc.hold.aaaaaaaa-1-1-1-1.1');
    assert.equal(hold(), 0);
    assert.equal(tag('docker.io/lab/app:imagegc.drop.aaaaaaaa-1-1-1-1.1'), 0);
    assert.equal(tag('docker.io/lab/app:1'), 1);
    assert.equal(hold(), 0);
    assert.equal(tag('docker.io/lab/app:1'), 0);
  });
});

describe('recordEventUses()', () => {
  it('knows from the event how an image came, and that what was pulled once can be pulled again', () => {
    assert.equal(recordOf('image-pulled').records[0]?.origin, 'pulled');
    assert.equal(recordOf('image-loaded').records[0]?.origin, 'local');
    assert.equal(recordOf('image-tagged').records[0]?.origin, null);
    const [pulled] = recordOf('image-pulled').records;
    assert.ok(pulled !== undefined);
    const loaded = recordEventUses(new EventReader().read(event('image-loaded', [A])), new Map([[A, pulled]]), NOBODY, later(90_000));
    assert.equal(loaded.records[0]?.origin, 'pulled');
  });

  it('keeps the name that an unknown image was given, in its record and in history', () => {
    const { records, uses } = recordOf('image-tagged', 'docker.io/lab/app:1');
    assert.deepEqual([records[0]?.references, uses[0]?.references], [['docker.io/lab/app:1'], ['docker.io/lab/app:1']]);
  });

  it('writes uses of one image within a minute once, and what they say of containers all the same', () => {
    const reader = new EventReader();
    const uses = [...reader.read(event('container-created', [A], of(C1))), ...reader.read(event('container-started', [A], of(C1)))];
    const first = recordEventUses(uses, new Map(), reader.imagesInUse(), NOW);
    assert.deepEqual([first.records.length, first.uses.length, first.records[0]?.isInUse], [1, 1, true]);
    const known = new Map(first.records.map((record) => [record.imageId, record]));
    assert.deepEqual(recordEventUses(uses, known, reader.imagesInUse(), later(59_999)), { records: [], uses: [] });
    assert.equal(recordEventUses(uses, known, reader.imagesInUse(), later(60_000)).records.length, 1);
  });

  it('never moves a stamp back, whatever the engine’s clock says', () => {
    const known = { ...makeRecord({ name: 'a' }), lastUsed: later(5_000) };
    const uses = new EventReader().read(event('container-created', [A], { ...of(C1), at: wallMs(0) }));
    assert.deepEqual(recordEventUses(uses, new Map([[A, known]]), NOBODY, NOW).records, []);
    const [record] = recordEventUses(uses, new Map(), NOBODY, NOW).records;
    assert.deepEqual(record?.lastUsed, NOW);
  });
});
