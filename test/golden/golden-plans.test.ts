/**
 * Whole plans, as `imagegc plan --json` prints them for a file: `UPDATE_GOLDEN=1 node test/golden/golden-plans.test.ts` writes what it
 * says now into `cases/`, for a person to read in the diff (`npx biome check --write test/golden` lays it out).
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as v from 'valibot';
import { runCli } from '../../src/cli/program.ts';
import { KEEP_REASONS } from '../../src/model/plan.ts';
import { offlineWorld } from './offline-world.ts';

const CASES = join(import.meta.dirname, 'cases');
const names = readdirSync(CASES).toSorted();
const isUpdate = process.env['UPDATE_GOLDEN'] === '1';

const caseForm = v.strictObject({ about: v.string(), arguments: v.array(v.string()), exitStatus: v.number() });
const planForm = v.object({
  expectedFreedBytes: v.number(),
  target: v.nullable(v.object({ bytes: v.number(), reached: v.boolean() })),
  refusal: v.nullable(v.object({ kind: v.string() })),
  removals: v.array(v.object({ imageId: v.string(), rule: v.string(), freesBytes: v.nullable(v.number()) })),
  verdicts: v.array(v.object({ imageId: v.string(), verdict: v.picklist(['keep', 'remove']), reason: v.string() })),
});
const inventoryForm = v.object({
  images: v.array(v.object({ id: v.string() })),
  containers: v.array(v.object({ imageId: v.optional(v.string()), mountedImageIds: v.array(v.string()) })),
});
type PlanForm = v.InferOutput<typeof planForm>;

function read<Form extends v.GenericSchema>(form: Form, name: string, file: string): v.InferOutput<Form> {
  return v.parse(form, JSON.parse(readFileSync(join(CASES, name, file), 'utf8')));
}

/** Runs the command on a case. */
async function planOf(name: string): Promise<{ readonly status: number; readonly printed: string; readonly complaints: string }> {
  const at = (file: string) => join(CASES, name, file);
  const { arguments: more } = read(caseForm, name, 'case.json');
  const { world, out, err } = offlineWorld();
  const files = ['--inventory', at('inventory.json'), '--uses', at('uses.json'), '--config', at('config.toml')];
  const status = await runCli(['plan', '--json', ...files, ...more], world);
  return { status, printed: out.join(''), complaints: err.join('') };
}

describe('the golden plans', () => {
  for (const name of names) {
    const { about, exitStatus } = read(caseForm, name, 'case.json');
    it(`${name}: ${about}`, async () => {
      const { status, printed, complaints } = await planOf(name);
      assert.equal(complaints, '');
      const file = join(CASES, name, 'plan.json');
      if (isUpdate) writeFileSync(file, printed);
      assert.deepEqual(JSON.parse(printed), JSON.parse(readFileSync(file, 'utf8')));
      assert.equal(status, exitStatus);
      checkInvariants(v.parse(planForm, JSON.parse(printed)), name);
    });
  }

  it('show every rule, and every reason but "held", which only a store remembers, and "unrestorable", which registries tell', async () => {
    const words = new Set<string>();
    for (const name of names) {
      const { verdicts } = v.parse(planForm, JSON.parse((await planOf(name)).printed));
      for (const { reason } of verdicts) words.add(reason);
    }
    const all = [
      'unused-for',
      'dangling',
      'disk',
      'free',
      ...KEEP_REASONS.filter((reason) => reason !== 'held' && reason !== 'unrestorable'),
    ];
    assert.deepEqual([...words].toSorted(), all.toSorted());
  });
});

/** What holds of every plan, whatever the case. */
function checkInvariants({ verdicts, removals, expectedFreedBytes, target, refusal }: PlanForm, name: string): void {
  const { images, containers } = read(inventoryForm, name, 'inventory.json');
  assert.deepEqual(
    verdicts.map(({ imageId }) => imageId),
    images.map(({ id }) => id),
  );
  const going = verdicts.filter(({ verdict }) => verdict === 'remove').map(({ imageId, reason }) => `${imageId} ${reason}`);
  assert.deepEqual(going.toSorted(), removals.map(({ imageId, rule }) => `${imageId} ${rule}`).toSorted());
  assert.equal(
    expectedFreedBytes,
    removals.reduce((sum, { freesBytes }) => sum + (freesBytes ?? 0), 0),
  );
  const used = new Set(containers.flatMap(({ imageId, mountedImageIds }) => [imageId, ...mountedImageIds]));
  assert.deepEqual(
    removals.filter(({ imageId }) => used.has(imageId)),
    [],
  );
  if (target !== null) assert.equal(target.reached, expectedFreedBytes >= target.bytes);
  if (refusal !== null) assert.ok(removals.length === 0 && verdicts.every(({ reason }) => reason === 'doubt'));
}
