/** The forms are public: reader, writer, schema and golden example must say the same, or the version must change. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { bytes, containerId, durationMs, idleMs, imageId, wallMs } from '../../model/brands.ts';
import { KEEP_REASONS, type Plan } from '../../model/plan.ts';
import type { SimulationResult } from '../../simulate/simulation.ts';
import { formatInventory, INVENTORY_FORMAT, parseInventory } from './inventory-form.ts';
import { formatPlan, PLAN_FORMAT } from './plan-form.ts';
import { parseTime } from './rfc3339.ts';
import { formatSimulation, SIMULATION_FORMAT } from './simulation-form.ts';
import { formatUses, parseUses, USES_FORMAT } from './uses-form.ts';

const ROOT = `${import.meta.dirname}/../../..`;
const AT = wallMs(Date.UTC(2026, 10, 23, 10));
const NOW = { idleMs: idleMs(AT), wallMs: AT, isWallTrusted: true };
const SHA = (letter: string) => `sha256:${letter.repeat(64)}`;

const PLAN: Plan = {
  at: NOW,
  complete: false,
  refusal: null,
  expectedFreedBytes: bytes(30),
  target: { bytes: bytes(100), images: 0, reached: false },
  buildCache: { sizeBytes: bytes(20), prunedBytes: bytes(8) },
  containers: [{ id: containerId('c1'), name: 'job', imageIds: [imageId(SHA('b'))], endedForMs: durationMs(1500), labels: {} }],
  removals: [
    {
      imageId: imageId(SHA('a')),
      references: ['docker.io/library/app:1'],
      digests: [],
      rule: 'unused-for',
      idleMs: durationMs(691_200_999),
      freesBytes: bytes(30),
    },
    { imageId: imageId(SHA('c')), references: [], digests: [], rule: 'disk', idleMs: durationMs(10_000), freesBytes: null },
  ],
  verdicts: [
    { imageId: imageId(SHA('a')), verdict: 'remove', reason: 'unused-for', detail: 'last used 8 d ago', until: null },
    {
      imageId: imageId(SHA('b')),
      verdict: 'keep',
      reason: 'recently-used',
      detail: 'used 1 d ago, kept for 7d',
      until: wallMs(AT + 6 * 86_400_000),
    },
    { imageId: imageId(SHA('c')), verdict: 'remove', reason: 'disk', detail: 'last used 10 s ago', until: null },
  ],
  held: [],
  heldByLocalBytes: bytes(0),
};

const SIMULATED: SimulationResult = {
  policy: 'next-use',
  capacity: { text: '0.5W', bytes: 969_191_911 },
  ...{
    repulledBytes: 44_400_000_000,
    coldStarts: 973,
    supersededColdStarts: 2,
    removals: 5_512,
    freedBytes: 300_000_000_000,
    seconds: 2_748.123_4,
  },
  ...{ peakBytes: 1_500_000_000, boundRepulledBytes: 20_000_000_000 },
};

/** Each form, written by the program from what it read (or, for a plan, made). */
const FORMS = [
  [INVENTORY_FORMAT, (golden: string) => formatInventory(parseInventory('golden', golden, { at: null }), new Map())],
  [USES_FORMAT, (golden: string) => formatUses(parseUses('golden', golden, { at: AT }), NOW)],
  [PLAN_FORMAT, () => formatPlan(PLAN)],
  [SIMULATION_FORMAT, () => formatSimulation(1_938_383_822, [SIMULATED])],
] as const;

for (const [format, write] of FORMS) {
  const name = format.replace('/', '-');
  const schema = JSON.parse(readFileSync(`${ROOT}/schema/${name}.schema.json`, 'utf8'));
  const golden = readFileSync(`${ROOT}/test/fixtures/forms/${name.replace('imagegc.', '')}.json`, 'utf8');

  test(`${format}: what is written equals the golden example, field by field`, () => {
    assert.deepEqual(JSON.parse(JSON.stringify(write(golden))), JSON.parse(golden));
  });

  test(`${format}: the golden example is valid by its schema, and not under another version`, () => {
    const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, formats: { 'date-time': (text: string) => parseTime(text).ok } });
    const validate = ajv.compile(schema);
    const example: Readonly<Record<string, unknown>> = JSON.parse(golden);
    assert.ok(validate(example), ajv.errorsText(validate.errors));
    assert.equal(validate({ ...example, format: `${format}0` }), false);
  });

  test(`${format}: the schema names every field of the golden example, and no other`, () => {
    assert.deepEqual(fieldsOfSchema(schema, ''), fieldsOfValue(JSON.parse(golden), schema, ''));
    assert.equal(schema.properties.format.const, format);
  });
}

test(`${PLAN_FORMAT}: a refusal is written with its kind and message, and is valid`, () => {
  const schema = JSON.parse(readFileSync(`${ROOT}/schema/imagegc.plan-1.schema.json`, 'utf8'));
  const refused = formatPlan({ ...PLAN, refusal: { kind: 'clock-unknown', message: 'm' }, removals: [], target: null });
  assert.deepEqual(refused['refusal'], { kind: 'clock-unknown', message: 'm' });
  const validate = new Ajv2020({ allowUnionTypes: true, formats: { 'date-time': true } }).compile(schema);
  assert.ok(validate(refused), JSON.stringify(validate.errors));
});

test(`${PLAN_FORMAT}: the schema lists the reasons of the model in their order`, () => {
  const schema = JSON.parse(readFileSync(`${ROOT}/schema/imagegc.plan-1.schema.json`, 'utf8'));
  const reasons: readonly string[] = schema.properties.verdicts.items.properties.reason.enum;
  assert.deepEqual(reasons.slice(0, KEEP_REASONS.length), KEEP_REASONS);
});

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
}

/** Every field a schema names: `images[].id`. A refusal, absent from a plan that stands, is compared by a test of its own. */
function fieldsOfSchema(schema: Schema, place: string): readonly string[] {
  const own = Object.entries(schema.properties ?? {}).flatMap(([key, child]) => [
    `${place}.${key}`,
    ...fieldsOfSchema(child, `${place}.${key}`),
  ]);
  const below = [schema.items, schema.additionalProperties].flatMap((child) =>
    child === undefined ? [] : fieldsOfSchema(child, `${place}[]`),
  );
  return [...new Set([...own, ...below])].filter((field) => !field.startsWith('.refusal.')).sort();
}

/** Every field that a value has, with maps told from objects by the schema. */
function fieldsOfValue(value: unknown, schema: Schema, place: string): readonly string[] {
  if (typeof value !== 'object' || value === null) return [];
  const isMany = Array.isArray(value) || schema.additionalProperties !== undefined;
  const child = (key: string): Schema => (isMany ? (schema.items ?? schema.additionalProperties) : schema.properties?.[key]) ?? {};
  const fields = Object.entries(value).flatMap(([key, each]) => {
    const at = isMany ? `${place}[]` : `${place}.${key}`;
    return [...(isMany ? [] : [at]), ...fieldsOfValue(each, child(key), at)];
  });
  return [...new Set(fields)].sort();
}
