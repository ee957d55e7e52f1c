import * as v from 'valibot';
import { type ContainerId, containerId, type ImageId, imageId, wallMs } from '../../src/model/brands.ts';
import { type MemoryContainerSpec, MemoryEngine, type MemoryImageSpec } from '../../src/runtime/memory/memory-engine.ts';
import type { RemoveOutcome } from '../../src/runtime/runtime.ts';

const image = v.pipe(v.string(), v.transform(imageId));
const container = v.pipe(v.string(), v.transform(containerId));
const texts = v.array(v.string());
const layer = v.tuple([v.string(), v.nullable(v.number())]);

/** One change of an engine, and when on its wall clock. */
const ChangeSchema = v.intersect([
  v.object({ at: v.pipe(v.number(), v.transform(wallMs)) }),
  v.variant('kind', [
    v.object({ kind: v.literal('addImage'), spec: v.object({ layers: v.array(layer), references: texts, digests: texts }) }),
    v.object({ kind: v.literal('createContainer'), spec: v.object({ image: v.string(), state: v.string() }) }),
    v.object({ kind: v.literal('removeContainer'), id: container }),
    v.object({ kind: v.literal('tag'), id: image, reference: v.string() }),
    v.object({ kind: v.literal('removeName'), reference: v.string() }),
    v.object({ kind: v.literal('removeImage'), id: image }),
  ]),
]);

/** Reads {@link JournaledEngine.journal} back. */
export const JournalSchema = v.array(ChangeSchema);

/** What changed an engine, from its beginning on. */
type Journal = v.InferOutput<typeof JournalSchema>;

/** An engine whose state outlives its process: all that changed it is written down, and can be done again to another one. */
export class JournaledEngine extends MemoryEngine {
  readonly journal: unknown[] = [];

  /** Does all of it again, at the times of then. */
  redo(journal: Journal): void {
    for (const change of journal) {
      this.now = () => change.at;
      if (change.kind === 'addImage') this.addImage(change.spec);
      else if (change.kind === 'createContainer') this.createContainer(change.spec);
      else if (change.kind === 'removeContainer') this.removeContainer(change.id);
      else if (change.kind === 'tag') this.tag(change.id, change.reference);
      else if (change.kind === 'removeName') this.removeName(change.reference);
      else this.removeImage(change.id);
    }
  }

  override addImage(spec: MemoryImageSpec): ImageId {
    this.#note({ kind: 'addImage', spec: { ...spec, references: spec.references ?? [], digests: spec.digests ?? [] } });
    return super.addImage(spec);
  }

  override createContainer(spec: MemoryContainerSpec): ContainerId {
    this.#note({ kind: 'createContainer', spec: { image: spec.image, state: spec.state ?? 'running' } });
    return super.createContainer(spec);
  }

  override removeContainer(id: ContainerId): void {
    this.#note({ kind: 'removeContainer', id });
    super.removeContainer(id);
  }

  override tag(id: ImageId, reference: string): void {
    this.#note({ kind: 'tag', id, reference });
    super.tag(id, reference);
  }

  override removeName(reference: string): RemoveOutcome {
    this.#note({ kind: 'removeName', reference });
    return super.removeName(reference);
  }

  override removeImage(id: ImageId): RemoveOutcome {
    this.#note({ kind: 'removeImage', id });
    return super.removeImage(id);
  }

  #note(change: object): void {
    this.journal.push({ at: this.now(), ...change });
  }
}
