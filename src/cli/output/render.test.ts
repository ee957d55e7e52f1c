import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytes, chainId, containerId, type DurationMs, durationMs, type ImageId, idleMs, imageId, wallMs } from '../../model/brands.ts';
import type { Image, Inventory } from '../../model/inventory.ts';
import type { Plan } from '../../model/plan.ts';
import type { RemovalEntry } from '../../model/removal-record.ts';
import { NO_HABITS } from '../../model/use-habits.ts';
import type { UseRecord } from '../../model/use-record.ts';
import { loadSettings } from '../settings/load-settings.ts';
import { policyOf } from '../settings/policy-of.ts';
import { imageName } from './image-name.ts';
import { sumKept } from './kept-bytes.ts';
import { renderHistory } from './render-history.ts';
import { renderImages, renderWhy } from './render-images.ts';
import { renderPlan } from './render-plan.ts';
import { renderReport } from './render-report.ts';
import type { Look } from './style.ts';

const DAY_MS = 86_400_000;
const AT = wallMs(Date.UTC(2026, 10, 23, 10));
const NOW = { idleMs: idleMs(100 * DAY_MS), wallMs: AT, isWallTrusted: true };
const POLICY = policyOf(
  loadSettings({
    readFile: () => '',
    listDirectory: () => [],
    configPath: '/c',
    environment: {},
    flags: new Map(),
    isRoot: true,
    home: '/',
  }).settings,
);
const GB = 1_000_000_000;

function image(id: string, reference: string | null, layers: readonly string[]): Image {
  return {
    id: imageId(`sha256:${id.repeat(64)}`),
    references: reference === null ? [] : [reference],
    digests: [],
    layers: layers.map(chainId),
    sizeBytes: null,
    createdAt: null,
    labels: {},
    parentId: null,
    origin: 'pulled',
    pinned: false,
    leased: false,
    sandbox: false,
    readOnly: false,
  };
}

const OLD = image('a', 'registry.example.com/team/application/backend:2026.11.01-rc1', ['base', 'a']);
const LOOSE = image('b', null, ['b']);
const WEB = image('c', 'docker.io/library/web:2', ['base', 'c']);
const FRESH = image('d', 'docker.io/library/fresh:1', ['base', 'd']);

const INVENTORY: Inventory = {
  observedAt: AT,
  engine: { name: 'memory', version: '1' },
  disk: null,
  images: [OLD, LOOSE, WEB, FRESH],
  layers: new Map(
    ['base', 'a', 'b', 'c', 'd'].map((layer, index) => [chainId(layer), { place: index, sizeBytes: bytes((index + 1) * GB) }]),
  ),
  containers: [],
  buildCache: null,
  workloads: [],
  doubts: [],
};

const PLAN: Plan = {
  at: NOW,
  complete: true,
  refusal: null,
  expectedFreedBytes: bytes(5 * GB),
  target: null,
  buildCache: null,
  containers: [],
  removals: [
    {
      imageId: OLD.id,
      references: OLD.references,
      digests: [],
      rule: 'unused-for',
      idleMs: durationMs(9 * DAY_MS),
      freesBytes: bytes(2 * GB),
    },
    { imageId: LOOSE.id, references: [], digests: [], rule: 'dangling', idleMs: durationMs(8 * DAY_MS), freesBytes: bytes(3 * GB) },
  ],
  verdicts: [
    { imageId: OLD.id, verdict: 'remove', reason: 'unused-for', detail: 'last used 9 d ago', until: null },
    { imageId: LOOSE.id, verdict: 'remove', reason: 'dangling', detail: 'last used 8 d ago', until: null },
    { imageId: WEB.id, verdict: 'keep', reason: 'in-use', detail: 'container web (exited)', until: null },
    {
      imageId: FRESH.id,
      verdict: 'keep',
      reason: 'recently-used',
      detail: 'used 4 d ago, kept for 7d',
      until: wallMs(AT + 3 * DAY_MS),
    },
  ],
  held: [],
  heldByLocalBytes: bytes(0),
};

const RECORDS = new Map<ImageId, UseRecord>([record(OLD, 30, 9), record(LOOSE, 8, null), record(WEB, 30, 0)]);

function record({ id }: Image, seenDays: number, usedDays: number | null): [ImageId, UseRecord] {
  const ago = (days: number) => ({ idleMs: idleMs(NOW.idleMs - days * DAY_MS), wallMs: wallMs(0) });
  const lastUsed = usedDays === null ? null : ago(usedDays);
  return [
    id,
    { imageId: id, firstSeen: ago(seenDays), lastUsed, origin: null, references: [], digests: [], missingSince: null, isInUse: false },
  ];
}

const FACTS = { plan: PLAN, records: RECORDS, exclusiveBytes: new Map([[OLD.id, bytes(2 * GB)]]), habits: NO_HABITS, now: NOW };

const IMAGES_BY_WIDTH: ReadonlyMap<number, readonly string[]> = new Map([
  [
    40,
    [
      'IMAGE                VERDICT',
      'registry.…11.01-rc1  remove: unused-for',
      '<none> bbbbbbbbbbbb  remove: dangling',
      'web:2                keep: in-use',
      'fresh:1              keep: recently-used',
    ],
  ],
  [
    80,
    [
      'IMAGE                  LAST USED        EXCLUSIVE  VERDICT              WOULD GO',
      'registry.e….11.01-rc1  9 d ago            2.00 GB  remove: unused-for   now',
      '<none> bbbbbbbbbbbb    never, seen 8 d    unknown  remove: dangling     now',
      'web:2                  0 s ago            unknown  keep: in-use         –',
      'fresh:1                never, seen now    unknown  keep: recently-used  in 3 d',
    ],
  ],
  [
    120,
    [
      'IMAGE                                            ID            LAST USED        EXCLUSIVE  VERDICT              WOULD GO',
      'registry.example.com/te…/backend:2026.11.01-rc1  aaaaaaaaaaaa  9 d ago            2.00 GB  remove: unused-for   now',
      '<none> bbbbbbbbbbbb                              bbbbbbbbbbbb  never, seen 8 d    unknown  remove: dangling     now',
      'web:2                                            cccccccccccc  0 s ago            unknown  keep: in-use         –',
      'fresh:1                                          dddddddddddd  never, seen now    unknown  keep: recently-used  in 3 d',
    ],
  ],
]);

const LOOK: Look = { width: null, isColour: false };

function lines(text: string): readonly string[] {
  return text.trimEnd().split('\n');
}

function show(plan: Plan, width: number | null = 80): readonly string[] {
  return lines(renderPlan(plan, INVENTORY, POLICY, { width, isColour: false }));
}

test('renderPlan() puts the summary first, then what goes, then what stays and why', () => {
  assert.deepEqual(show(PLAN), [
    'Would remove 2 images and free 5.00 GB (1 unused for 7d or more, 1 dangling and unused for 7d or more).',
    '',
    'REMOVE                                           RULE        UNUSED FOR    FREES',
    'registry.example.com/te…/backend:2026.11.01-rc1  unused-for         9 d  2.00 GB',
    '<none> bbbbbbbbbbbb                              dangling           8 d  3.00 GB',
    '',
    'KEEP           IMAGES     SIZE  BECAUSE',
    'in-use              1  5.00 GB  a container needs it',
    'recently-used       1  5.00 GB  it was used or first seen too recently',
  ]);
});

test('renderPlan() gives up the rule and the meanings on 40 columns, and cuts nothing on 120', () => {
  assert.deepEqual(show(PLAN, 40).slice(2), [
    'REMOVE               UNUSED FOR    FREES',
    'registry.…11.01-rc1         9 d  2.00 GB',
    '<none> bbbbbbbbbbbb         8 d  3.00 GB',
    '',
    'KEEP           IMAGES     SIZE',
    'in-use              1  5.00 GB',
    'recently-used       1  5.00 GB',
  ]);
  assert.equal(show(PLAN, 120)[3], 'registry.example.com/team/application/backend:2026.11.01-rc1  unused-for         9 d  2.00 GB');
});

test('renderPlan() shows a refusal first, and alone says what is kept', () => {
  const kept = PLAN.verdicts.map(
    (verdict) => ({ imageId: verdict.imageId, verdict: 'keep', reason: 'doubt', detail: '', until: null }) as const,
  );
  const refusal = { kind: 'clock-unknown', message: 'the clock is not known' } as const;
  const lines = show({ ...PLAN, refusal, removals: [], verdicts: kept });
  assert.deepEqual(lines.slice(0, 2), ['Nothing is removed: the clock is not known (clock-unknown).', '']);
  assert.equal(lines[3], 'doubt       4  15.0 GB  something that must be known is not');
});

test('renderPlan() says when the first image may go while there is nothing to remove', () => {
  const lines = show({ ...PLAN, removals: [], verdicts: PLAN.verdicts.slice(2) });
  assert.deepEqual(lines.slice(0, 2), [
    'Nothing to remove: 2 images, all kept.',
    'The first that may go is fresh:1, in 3 d (2026-11-26T10:00:00Z).',
  ]);
});

test('renderPlan() says what holds the bytes when the target cannot be reached', () => {
  const target = { bytes: bytes(6.1 * GB), images: 0, reached: false };
  const held = [
    { reason: 'in-use', bytes: bytes(3.2 * GB) },
    { reason: 'local', bytes: bytes(0.9 * GB) },
  ] as const;
  const [, line] = show({ ...PLAN, target, held });
  assert.equal(line, 'Target not reached: 6.10 GB wanted, 5.00 GB possible: 3.20 GB held by containers, 900 MB kept as local.');
});

test('renderPlan() says that a target is reached, in images where only images are asked for', () => {
  assert.equal(show({ ...PLAN, target: { bytes: bytes(GB), images: 0, reached: true } })[1], 'Wanted: 1.00 GB; the target is reached.');
  const [, line] = show({ ...PLAN, target: { bytes: bytes(0), images: 3, reached: false } });
  assert.equal(line, 'Target not reached: 3 images wanted, 2 images possible.');
});

test('renderPlan() shows the build cache where it is known, and what of it goes first', () => {
  const buildCache = { sizeBytes: bytes(4 * GB), prunedBytes: bytes(3 * GB) };
  const render = (unused: DurationMs | null) =>
    lines(renderPlan({ ...PLAN, buildCache }, INVENTORY, { ...POLICY, buildCacheUnusedForMs: unused }, LOOK))[1];
  assert.equal(render(null), 'Build cache: 4.00 GB; rules.build_cache would prune it before images.');
  assert.equal(render(durationMs(2 * DAY_MS)), 'Build cache: 4.00 GB, of it 3.00 GB unused for 2d or more, which goes first.');
});

test('renderPlan() says how many bytes `local` holds back, and which key releases them', () => {
  const local = { imageId: FRESH.id, verdict: 'keep', reason: 'local', detail: '', until: null } as const;
  const last = show({ ...PLAN, heldByLocalBytes: bytes(1.2 * GB), verdicts: [...PLAN.verdicts.slice(0, 3), local] }).at(-1);
  assert.equal(last, '1.20 GB is held back because 1 image is local; protect.local = "no" would release it.');
});

test('renderPlan() says "at least" where a size is unknown', () => {
  const removals = PLAN.removals.map((removal) => ({ ...removal, freesBytes: null }));
  assert.match(show({ ...PLAN, removals, expectedFreedBytes: bytes(0) })[0] ?? '', /free at least 0 B \(/);
});

test('sumKept() counts a shared layer once, for the first reason that needs it', () => {
  assert.deepEqual(sumKept(PLAN, INVENTORY), [
    { reason: 'in-use', images: 1, bytes: 5 * GB },
    { reason: 'recently-used', images: 1, bytes: 5 * GB },
  ]);
});

test('imageName() is the familiar tag with a count, else the digest, else the ID', () => {
  const digests = [`docker.io/library/app@sha256:${'e'.repeat(64)}`];
  assert.equal(imageName({ references: ['docker.io/library/app:1', 'host:5000/app:1'], digests }, OLD.id), 'app:1 (+1)');
  assert.equal(imageName({ references: [], digests }, OLD.id), 'app@sha256:eeeeeeeeeeee');
  assert.equal(imageName({ references: [], digests: [] }, OLD.id), '<none> aaaaaaaaaaaa');
});

test('renderImages() shows last use, own bytes, verdict and when an image would go', () => {
  for (const [width, expected] of IMAGES_BY_WIDTH) {
    assert.deepEqual(lines(renderImages(INVENTORY, FACTS, { width, isColour: false })), expected);
  }
  assert.equal(renderImages({ ...INVENTORY, images: [] }, FACTS, LOOK), 'There are no images.\n');
});

test('renderWhy() gives the verdict, every reason, the record and the names of an image', () => {
  const holds = [
    { reason: 'in-use', detail: 'container web (exited)', until: null, binds: 'always' },
    { reason: 'protected', detail: 'protect.references has web', until: null, binds: 'always' },
  ] as const;
  assert.deepEqual(lines(renderWhy(WEB, FACTS, LOOK, holds)), [
    'web:2',
    '  verdict    keep: in-use',
    '  because    container web (exited)',
    '  and        protected: protect.references has web',
    '  would go   –',
    '  last used  0 s ago',
    '  first seen 30 d ago',
    '  origin     pulled',
    '  frees      unknown if it goes alone',
    `  id         ${WEB.id}`,
    '  names      docker.io/library/web:2',
  ]);
});

test('renderHistory() shows removals and uses together, newest first, with the digest to pull again', () => {
  const digests = ['docker.io/library/old@sha256:1'];
  const intent = {
    imageId: OLD.id,
    references: ['docker.io/library/old:1'],
    digests,
    rule: 'disk',
    freesBytes: bytes(GB),
    mark: 'm',
  } as const;
  const at = (hours: number) => ({ idleMs: idleMs(0), wallMs: wallMs(AT + hours * 3_600_000) });
  const removals: RemovalEntry[] = [
    { ...intent, at: at(2), outcome: 'failed', message: 'engine said no' },
    { ...intent, at: at(0), outcome: 'removed', message: '' },
  ];
  const uses = [{ imageId: WEB.id, references: WEB.references, evidence: 'sighting', at: at(1) }] as const;
  assert.deepEqual(lines(renderHistory(removals, uses, LOOK)), [
    'WHEN                  WHAT             IMAGE    FREED  PULL AGAIN / NOTE',
    '2026-11-23T12:00:00Z  failed (disk)    old:1           engine said no',
    '2026-11-23T11:00:00Z  used (sighting)  web:2',
    '2026-11-23T10:00:00Z  removed (disk)   old:1  1.00 GB  docker.io/library/old@sha256:1',
  ]);
  assert.equal(renderHistory([], [], LOOK), 'Nothing is recorded yet.\n');
});

test('a report names each image that went just when somebody brought it, and each container that was left without one', () => {
  const [removal] = PLAN.removals;
  assert.ok(removal !== undefined);
  const nothing = { containers: [], cachePrunedBytes: bytes(0), measuredBytes: null, isShort: false, stopped: null };
  const results = [{ removal, outcome: { kind: 'removed', message: '', freedBytes: null } as const }];
  const stranded = [{ id: containerId('1'), name: 'late', state: 'running', imageIds: [removal.imageId], isComplete: true }];
  const report = { ...nothing, plan: PLAN, results, freedBytes: bytes(2 * GB), stranded, overtaken: [removal] };
  const name = removal.references[0];
  assert.deepEqual(lines(renderReport(report, LOOK)).slice(2), [
    `  container late (running) was created while its image was being removed: pull ${removal.digests[0] ?? name} again`,
    `  ${name} was used or brought just when it was removed, and is gone: pull, load or build it again`,
  ]);
});
