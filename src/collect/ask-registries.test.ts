import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { anyPlanInput } from '../../test/worlds/any-world.ts';
import { addImage, age, type CollectWorld, collect, collectWorld, digestOf, namesOf } from '../../test/worlds/collect-world.ts';
import { POLICY, planInput } from '../../test/worlds/world.ts';
import { isDangling } from '../model/inventory.ts';
import type { RegistryAnswer } from '../model/registry-answer.ts';
import { type PlanInput, planCollection } from '../plan/plan-collection.ts';
import { type AskRegistry, askRegistries } from './ask-registries.ts';

const CHECK = { ...POLICY.protect, restorable: 'check' } as const;
const NO: RegistryAnswer = { kind: 'absent', detail: 'registry.example does not have it by that digest (404)' };
const NAMES = ['kept', 'lost', 'sound'] as const;
const nameOf = (name: string): string => `registry.example/lab/${name}@${digestOf(name)}`;

async function oldWorld(restorable: 'assume' | 'check'): Promise<CollectWorld> {
  const world = collectWorld({ protect: { ...CHECK, restorable } });
  for (const name of NAMES) addImage(world, name, [`registry.example/lab/${name}:1`], [nameOf(name)]);
  world.engine.createContainer({ image: 'registry.example/lab/kept:1', state: 'exited' });
  await age(world);
  return world;
}

describe('a collection with restorable = "check"', () => {
  it('asks about what would go and nothing else, and keeps what its registry does not have', async () => {
    const world = await oldWorld('check');
    const asked: string[] = [];
    const askRegistry: AskRegistry = async (name) => {
      asked.push(name);
      return name === nameOf('lost') ? NO : { kind: 'present' };
    };
    const { plan } = await collect(world, { askRegistry });
    assert.deepEqual(asked.toSorted(), [nameOf('lost'), nameOf('sound')]);
    assert.equal(namesOf(world)['registry.example/lab/sound:1'], undefined);
    assert.notEqual(namesOf(world)['registry.example/lab/lost:1'], undefined);
    const kept = plan.verdicts.flatMap(({ reason, detail }) => (reason === 'unrestorable' ? [detail] : []));
    assert.deepEqual(kept, ['registry.example does not have it by that digest (404)']);
  });

  it('removes nothing that was pulled when nobody asks', async () => {
    const world = await oldWorld('check');
    assert.deepEqual((await collect(world)).results, []);
  });

  it('asks another repository of the image when the first does not have it', async () => {
    const digests = [nameOf('lost'), `mirror.example/lab/lost@${digestOf('lost')}`];
    const input = checkedInput([{ name: 'lost', digests }]);
    const ask: AskRegistry = async (name) => (name.startsWith('mirror') ? { kind: 'present' } : NO);
    const { plan } = await askRegistries({ input, plan: planCollection(input) }, planCollection, ask);
    assert.equal(plan.removals.length, 1);
  });

  it('asks about two hundred images at most, and keeps the others', async () => {
    const images = Array.from({ length: 230 }, (_, at) => ({ name: `image${at}`, digests: [nameOf(`image${at}`)] }));
    const input = checkedInput(images);
    let asked = 0;
    const ask: AskRegistry = async () => {
      asked += 1;
      return { kind: 'present' };
    };
    const { plan } = await askRegistries({ input, plan: planCollection(input) }, planCollection, ask);
    assert.deepEqual([asked, plan.removals.length], [200, 200]);
    const unasked = plan.verdicts.filter(({ detail }) => detail.startsWith('its registry was not asked: at most 200'));
    assert.equal(unasked.length, 30);
  });
});

it('a collection with restorable = "assume" asks nobody', async () => {
  const world = await oldWorld('assume');
  const { results } = await collect(world, { askRegistry: () => assert.fail('asked') });
  assert.equal(results.length, 2);
});

it('in any world, whatever registries say: nothing that may have been pulled goes but what a registry said yes to', async () => {
  const anyAnswer = fc.constantFrom<RegistryAnswer>({ kind: 'present' }, NO, { kind: 'unknown', detail: 'slow' });
  await fc.assert(
    fc.asyncProperty(anyPlanInput({ unknownSizes: true }), fc.func(anyAnswer), async (drawn, answerTo) => {
      const policy = { ...drawn.policy, protect: { ...drawn.policy.protect, restorable: 'check' as const } };
      const input: PlanInput = { ...drawn, policy, registryAnswers: new Map() };
      const yes = new Set<string>();
      const ask: AskRegistry = async (name) => {
        const answer = answerTo(name);
        if (answer.kind === 'present') yes.add(name);
        return answer;
      };
      const { plan, input: last } = await askRegistries({ input, plan: planCollection(input) }, planCollection, ask);
      const images = new Map(input.inventory.images.map((image) => [image.id, image]));
      for (const { imageId } of plan.removals) {
        const image = images.get(imageId) ?? assert.fail();
        const origin = input.records.get(imageId)?.origin ?? image.origin;
        const isAsked = origin === 'pulled' || (origin === null && image.digests.length > 0);
        assert.ok(!isAsked || isDangling(image) || image.digests.some((name) => yes.has(name)), imageId);
      }
      assert.deepEqual(plan, planCollection(last));
      // Who asks nobody removes none of them at all.
      const { registryAnswers: _, ...unasked } = input;
      const named = planCollection(unasked).removals.filter(({ references, digests }) => references.length + digests.length > 0);
      assert.ok(named.every(({ imageId }) => (input.records.get(imageId)?.origin ?? images.get(imageId)?.origin) !== 'pulled'));
    }),
    { numRuns: 300 },
  );
});

function checkedInput(images: Parameters<typeof planInput>[0]['images']): PlanInput {
  return planInput({ images, policy: { protect: CHECK }, input: { registryAnswers: new Map() } });
}
