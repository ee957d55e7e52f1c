import { OperatingError } from '../model/error.ts';
import { EXIT, exitStatusOf, formatError } from './output/error-text.ts';
import type { World } from './world.ts';

/** Does a command's work, and tells a person what went wrong with it. @returns the exit status */
export async function outcomeOf(work: () => Promise<number>, world: Pick<World, 'err'>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    world.err.write(formatError(error));
    return error instanceof OperatingError ? exitStatusOf(error.kind) : EXIT.failed;
  }
}
