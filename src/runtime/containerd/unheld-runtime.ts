import { type Bytes, bytes, type ImageId } from '../../model/brands.ts';
import { OperatingError } from '../../model/error.ts';
import type { BuildCache } from '../../model/inventory.ts';
import type { RemoveOutcome } from '../runtime.ts';
import { engineWords } from './grpc-client.ts';

/** What becomes of a removal that the engine refused; any other error goes on. */
export function failureOf(error: unknown): RemoveOutcome {
  if (!(error instanceof OperatingError) || error.kind !== 'engine-refused') throw error;
  return { kind: 'failed', message: engineWords(error) };
}

/** What an engine without holds has in common with any other: names are neither given nor taken one by one, and it has no build cache of its own. */
export abstract class UnheldRuntime {
  #removing: Promise<unknown> = Promise.resolve();

  protected abstract remove(id: ImageId): Promise<RemoveOutcome>;

  /** One image at a time, because what is seen before each must still be so. */
  removeImage(id: ImageId): Promise<RemoveOutcome> {
    const removed = this.#removing.then(() => this.remove(id));
    this.#removing = removed.catch(() => undefined);
    return removed;
  }

  async removeName(_reference: string): Promise<RemoveOutcome> {
    return { kind: 'failed', message: 'on this engine an image loses all its names at once' };
  }

  async addName(_id: ImageId, reference: string): Promise<boolean> {
    const parts = { operation: 'give an image a name', subject: reference, problem: 'this engine has no holds', hint: null } as const;
    throw new OperatingError({ kind: 'engine-refused', ...parts });
  }

  /** Containers here are an orchestrator's business. */
  async readEnd(): Promise<null> {
    return null;
  }

  async removeContainer(): Promise<RemoveOutcome> {
    return { kind: 'failed', message: 'on this engine containers are left to whoever runs them' };
  }

  async readBuildCache(): Promise<BuildCache | null> {
    return null;
  }

  async pruneBuildCache(): Promise<Bytes> {
    return bytes(0);
  }
}
