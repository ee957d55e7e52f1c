import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idleMs, wallMs } from '../../model/brands.ts';
import { OperatingError } from '../../model/error.ts';
import { formatInventory, type InventoryForm, parseInventory } from './inventory-form.ts';

const AT = { at: wallMs(Date.UTC(2026, 10, 23)) };

function read(form: object | string): InventoryForm {
  return parseInventory('inv.json', typeof form === 'string' ? form : JSON.stringify({ format: 'imagegc.inventory/1', ...form }), AT);
}

function problemOf(form: object | string): string {
  try {
    read(form);
  } catch (error) {
    assert.ok(error instanceof OperatingError, String(error));
    assert.deepEqual([error.kind, error.subject], ['input', 'inv.json']);
    return error.problem;
  }
  return assert.fail('nothing was refused');
}

test('parseInventory() takes what is absent as unknown, and an absent origin as pulled', () => {
  const { inventory, pins } = read({ images: [{ id: 'a' }], containers: [{ id: 'c', imageId: 'a' }] });
  assert.deepEqual(inventory, {
    observedAt: AT.at,
    engine: { name: 'unknown', version: 'unknown' },
    disk: null,
    images: [
      {
        id: 'a',
        references: [],
        digests: [],
        layers: null,
        sizeBytes: null,
        createdAt: null,
        labels: {},
        parentId: null,
        origin: 'pulled',
        pinned: false,
        leased: false,
        sandbox: false,
        readOnly: false,
      },
    ],
    layers: new Map(),
    containers: [
      {
        id: 'c',
        name: 'c',
        imageId: 'a',
        imageName: null,
        state: 'unknown',
        labels: {},
        mountedImageIds: [],
        createdAt: null,
        startedAt: null,
        finishedAt: null,
      },
    ],
    buildCache: null,
    workloads: [],
    doubts: [],
  });
  assert.deepEqual(pins, []);
});

test('parseInventory() completes names as an engine would, and puts digests where they belong', () => {
  const digest = `app@sha256:${'0'.repeat(64)}`;
  const [image] = read({ images: [{ id: 'a', references: ['app:1', 'host:5000/x', digest, 'No Name'] }], containers: [] }).inventory.images;
  assert.deepEqual(image?.references, ['docker.io/library/app:1', 'host:5000/x:latest', 'No Name']);
  assert.deepEqual(image?.digests, [`docker.io/library/${digest}`]);
});

test('parseInventory() doubts what is in use when a container has no image', () => {
  const { doubts } = read({ images: [], containers: [{ id: 'c', name: 'web', state: 'exited' }] }).inventory;
  assert.deepEqual(doubts, [{ kind: 'in-use-unknown', message: 'the image of container web (exited) is unknown' }]);
});

test('parseInventory() doubts what is in use when no containers are listed, but not when there are none', () => {
  assert.equal(read({ images: [] }).inventory.doubts[0]?.kind, 'in-use-unknown');
  assert.deepEqual(read({ images: [], containers: [] }).inventory.doubts, []);
});

test('parseInventory() takes a doubt of a kind it does not know as a doubt', () => {
  assert.equal(read({ images: [], containers: [], doubts: [{ kind: 'new', message: 'm' }] }).inventory.doubts[0]?.message, 'm');
});

test('parseInventory() completes the available bytes of a disk', () => {
  const { disk } = read({ images: [], containers: [], disk: { capacityBytes: 10, usedBytes: 4 } }).inventory;
  assert.deepEqual(disk, { capacityBytes: 10, usedBytes: 4, availableBytes: 6, inodes: null, inodesUsed: null });
});

test('parseInventory() ignores fields it does not know', () => {
  assert.equal(read({ images: [{ id: 'a', news: 1 }], containers: [], news: {} }).inventory.images.length, 1);
});

for (const [form, expected] of [
  ['{"format":"imagegc.inventory/1","images":[{"id":"a"', /^this is not whole JSON/],
  ['\u0000\u0001\u0002', /^this is not whole JSON/],
  ['', /^this is not whole JSON/],
  ['one\ntwo\n', /^this is not whole JSON: [^\n]+$/],
  ['[]', /^the file must be an object, not \[\]$/],
  ['{}', /^the file has no "format"; write "format": "imagegc.inventory\/1"/],
  [
    { format: 'imagegc.inventory/2' },
    /a version that this program does not know \("imagegc.inventory\/2"\); expected "imagegc.inventory\/1"/,
  ],
  [{ format: 'imagegc.uses/1' }, /is another form \("imagegc.uses\/1"\)/],
  [{}, /^the file has no "images"/],
  [{ images: {} }, /^images must be a list, not \{\}/],
  [{ images: [{}] }, /^images\[0\] has no "id"/],
  [{ images: [{ id: 'a' }, { id: 'b' }, { id: 'a' }] }, /^images\[2\] has the id of images\[0\]: a/],
  [{ images: [{ id: 'a' }, { id: 'b', sizeBytes: -1 }] }, /^images\[1\].sizeBytes must be a whole number of 0 or more, not -1/],
  [{ images: [{ id: 'a', sizeBytes: '1' }] }, /^images\[0\].sizeBytes must be a whole number/],
  [{ images: [{ id: 'a', sizeBytes: 1.5 }] }, /^images\[0\].sizeBytes must be a whole number/],
  [{ images: [{ id: '' }] }, /^images\[0\].id must not be empty/],
  [{ images: [{ id: 7 }] }, /^images\[0\].id must be a text, not 7/],
  [{ images: [{ id: 'a', references: [1] }] }, /^images\[0\].references\[0\] must be a text/],
  [{ images: [{ id: 'a', pinned: 'yes' }] }, /^images\[0\].pinned must be true or false, not "yes"/],
  [{ images: [{ id: 'a', pinned: null }] }, /^images\[0\].pinned must be true or false, not null/],
  [{ images: [{ id: 'a', origin: 'built' }] }, /^images\[0\].origin must be "pulled" or "local"/],
  [{ images: [{ id: 'a', createdAt: 'today' }] }, /^images\[0\].createdAt is wrong: "today" is not a time; write an RFC 3339/],
  [{ images: [{ id: 'a', labels: { x: 1 } }] }, /^images\[0\].labels must hold texts only/],
  [{ images: [], layers: { 'sha256:1': { sizeBytes: -2 } } }, /^layers\["sha256:1"\].sizeBytes must be a whole number/],
  [{ images: [], containers: [{ name: 'web' }] }, /^containers\[0\] has no "id"/],
  [{ images: [], containers: [{ id: 'c', mountedImageIds: 'a' }] }, /^containers\[0\].mountedImageIds must be a list/],
  [{ images: [], disk: { capacityBytes: 1, usedBytes: 2 } }, /^disk has more usedBytes than capacityBytes/],
  [{ images: [], pins: [{ pattern: 'App' }] }, /^pins\[0\].pattern is wrong: no image can have such a name/],
] as const) {
  test(`parseInventory() refuses ${JSON.stringify(form).slice(0, 90)}`, () => {
    assert.match(problemOf(form), expected);
  });
}

test('parseInventory() asks for observedAt when nothing stands for it', () => {
  const form = '{"format":"imagegc.inventory/1","images":[]}';
  assert.throws(() => parseInventory('inv.json', form, { at: null }), /has no "observedAt"/);
});

test('formatInventory() writes of a stored pin what the form has', () => {
  const form = read({ images: [], containers: [] });
  const pin = { pattern: 'a:1', owner: 'ann', reason: 'x', until: null, createdAt: AT.at };
  const written = JSON.parse(JSON.stringify(formatInventory({ ...form, pins: [pin] }, new Map())));
  assert.deepEqual(written.pins, [{ pattern: 'a:1', owner: 'ann', reason: 'x' }]);
});

test('formatInventory() writes the origin that was recorded, and null where nobody knows it', () => {
  const form = read({
    images: [
      { id: 'a', origin: null },
      { id: 'b', origin: null },
    ],
    containers: [],
  });
  const [image] = form.inventory.images;
  assert.ok(image);
  const firstSeen = { idleMs: idleMs(0), wallMs: AT.at };
  const origin = 'local' as const;
  const record = { imageId: image.id, firstSeen, lastUsed: null, origin, references: [], digests: [], missingSince: null, isInUse: false };
  const records = new Map([[image.id, record]]);
  const written = JSON.parse(JSON.stringify(formatInventory(form, records)));
  assert.deepEqual(
    written.images.map((each: { origin: unknown }) => each.origin),
    ['local', null],
  );
});
