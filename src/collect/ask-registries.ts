import type { ImageId } from '../model/brands.ts';
import { inFlight } from '../model/in-flight.ts';
import type { Plan, Removal } from '../model/plan.ts';
import type { RegistryAnswer } from '../model/registry-answer.ts';
import type { PlanInput } from '../plan/plan-collection.ts';
import { openQuestions } from '../plan/restorable.ts';

/** Asks the registry that a name is of, `repository@digest`. Never throws for what a registry does. */
export type AskRegistry = (name: string) => Promise<RegistryAnswer>;

/** Images asked about in one run; registries count requests. */
const ASKED_MAX = 200;
const IN_FLIGHT = 8;
/** Of the repositories that an image is of, as many are asked until one has it. */
const NAMES_MAX = 3;
/** Every pass asks about what the last plan would remove; where one removal after the other falls through, it ends here. */
const PASSES_MAX = 20;
const NOT_ASKED = { kind: 'unknown', detail: `its registry was not asked: at most ${ASKED_MAX} images are asked about in a run` } as const;

/**
 * Plans, asks registries about what would go, and plans again with what they said, until nothing goes of which no registry said that it
 * can be pulled again. Nothing else is asked about, and nothing at all where `protect.restorable` is "assume".
 *
 * @param first made of `input`, whose answers are empty
 * @returns the plan that stands, and what it was made of
 */
export async function askRegistries(
  first: { readonly input: PlanInput; readonly plan: Plan },
  decide: (input: PlanInput) => Plan,
  ask: AskRegistry,
): Promise<{ readonly input: PlanInput; readonly plan: Plan }> {
  let { input, plan } = first;
  let left = ASKED_MAX;
  for (let pass = 1; ; pass++) {
    const open = openQuestions(plan, input);
    if (open.length === 0) return { input, plan };
    const answers = new Map<ImageId, RegistryAnswer>(input.registryAnswers);
    const asked = open.slice(0, left);
    left -= asked.length;
    await inFlight(asked, IN_FLIGHT, async (removal) => void answers.set(removal.imageId, await askFor(removal, ask)));
    const unasked = pass < PASSES_MAX ? open : input.inventory.images.map(({ id }) => ({ imageId: id }));
    for (const { imageId } of unasked) if (!answers.has(imageId)) answers.set(imageId, NOT_ASKED);
    input = { ...input, registryAnswers: answers };
    plan = decide(input);
  }
}

/** One repository that has it is enough; of several that have not, the first speaks. */
async function askFor({ digests }: Removal, ask: AskRegistry): Promise<RegistryAnswer> {
  let first: RegistryAnswer | null = null;
  for (const name of digests.slice(0, NAMES_MAX)) {
    const answer = await ask(name);
    if (answer.kind === 'present') return answer;
    first ??= answer;
  }
  return first ?? NOT_ASKED;
}
