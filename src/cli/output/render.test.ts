import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytes, chainId, durationMs, idleMs, imageId, wallMs } from '../../model/brands.ts';
import type { Image, Inventory } from '../../model/inventory.ts';
import type { Plan } from '../../model/plan.ts';
import type { RemovalEntry } from '../../model/removal-record.ts';
import type { UseRecord } from '../../model/use-record.ts';
import { loadSettings } from '../settings/load-settings.ts';
import { policyOf } from '../settings/policy-of.ts';
import { imageName } from './image-name.ts';
import { sumKept } from './kept-bytes.ts';
import { renderHistory } from './render-history.ts';
import { renderImages, renderWhy } from './render-images.ts';
import { renderPlan } from './render-plan.ts';
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
  layers: new Map(['base', 'a', 'b', 'c', 'd'].map((layer, index) => [chainId(layer), { sizeBytes: bytes((index + 1) * GB) }])),
  containers: [],
  buildCache: null,
  doubts: [],
};

const PLAN: Plan = {
  at: NOW,
  complete: true,
  refusal: null,
  expectedFreedBytes: bytes(5 * GB),
  target: null,
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

function show(plan: Plan, width: number | null = 80): readonly string[] {
  return renderPlan(plan, INVENTORY, POLICY, { width, isColour: false }).split('\n');
}

test('renderPlan() puts the summary first, then what goes, then what stays and why', () => {
  assert.deepEqual(show(PLAN), [
    'Would remove 2 images and free 5.00 GB (1 unused for 7d or more, 1 dangling and unused for 7d or more).',
    '',
    'REMOVE                                               RULE        UNUSED FOR    FREES',
  ]);
});
