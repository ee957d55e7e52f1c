import type { ContainerId, ImageId } from '../../src/model/brands.ts';
import { parseHold } from '../../src/model/hold.ts';
import type { MemoryEngine, MemoryImageSpec } from '../../src/runtime/memory/memory-engine.ts';
import type { Moment } from './host-clock.ts';
import type { Deed, NamedBy } from './step.ts';
import type { Truth, Use, UsedBy } from './truth.ts';

type Stack = MemoryImageSpec['layers'];

const MB = 1_000_000;
const REPOSITORIES = 3;

/** Everyone on a host but imagegc: pulls, builds, runs, names and removes, and says to the truth what was used. */
export class People {
  readonly #engine: MemoryEngine;
  readonly #truth: Truth;
  readonly #now: () => Moment;
  readonly #stacks = new Map<ImageId, Stack>();
  #built = 0;
  #step = 0;

  constructor(engine: MemoryEngine, truth: Truth, now: () => Moment) {
    this.#engine = engine;
    this.#truth = truth;
    this.#now = now;
  }

  /** Does one deed, if it can be done. @param step of the world, later than all before */
  act(deed: Deed, step: number): void {
    this.#step = step;
    const before = new Map(this.#engine.names);
    const images = new Set(this.#engine.images.keys());
    const used = this.#perform(deed);
    this.#truth.follow(before, this.#engine.names, step);
    for (const id of images) if (!this.#engine.images.has(id)) this.#truth.forget(id);
    for (const { image, use } of used) if (this.#engine.images.has(image)) this.#truth.addUse(image, use);
  }

  #perform(deed: Deed): readonly { image: ImageId; use: Use }[] {
    switch (deed.kind) {
      case 'pull':
        return this.#add(pulled(deed.image % 6, deed.tag));
      case 'load':
        return this.#add(loaded(deed.image % 3, deed.tag));
      case 'build':
        return this.#build(deed.base, deed.tag, deed.isClassic);
      case 'run':
        return this.#run(deed);
      case 'end':
        return this.#withContainer(deed.container, (id) => this.#engine.endContainer(id));
      case 'drop':
        return this.#withContainer(deed.container, (id) => {
          this.#engine.removeContainer(id);
          this.#truth.needs.delete(id);
        });
      case 'tag':
        return this.#tag(deed.image, deed.name);
      case 'untag':
        this.#untag(deed.name);
        return [];
      case 'rmi':
        this.#remove(deed.image, deed.isForced);
        return [];
      default:
        return [];
    }
  }

  #use(images: readonly ImageId[], by: UsedBy, isKnown = false, namedAt = 0): { image: ImageId; use: Use }[] {
    const event = this.#engine.events.count;
    return images.map((image) => ({ image, use: { at: this.#now(), by, step: this.#step, namedAt, event, isKnown } }));
  }

  #add(spec: MemoryImageSpec): { image: ImageId; use: Use }[] {
    const image = this.#engine.addImage(spec);
    this.#stacks.set(image, spec.layers);
    if (spec.digests !== undefined) this.#truth.wasPulled.add(image);
    // An image that nobody has seen before is new to whoever sees it, event or not.
    const isNew = !this.#truth.everSeen.has(image);
    this.#truth.everSeen.add(image);
    return this.#use([image], { kind: 'name' }, isNew);
  }

  /** BuildKit tells of the result alone; the classic builder leaves an untagged image in between, and names parents. */
  #build(pick: number, tag: number, isClassic: boolean): { image: ImageId; use: Use }[] {
    const base = this.#pickImage(pick);
    const below = base === null ? undefined : this.#stacks.get(base);
    if (base === null || below === undefined) return [];
    const number = ++this.#built;
    const middle: Stack = isClassic ? [...below, [`step${number}`, 5 * MB]] : below;
    const parent = isClassic ? this.#add({ layers: middle, parentId: base, by: 'build' }) : [];
    const [{ image: parentId } = { image: null }] = parent;
    const layers: Stack = [...middle, [`built${number}`, 10 * MB]];
    const references = [`docker.io/lab/built${number % 2}:${tag}`];
    const made = this.#add({ layers, references, by: 'build', ...(parentId === null ? {} : { parentId }) });
    const [{ image: of } = { image: base }] = made;
    const bases = [base, ...parent.map(({ image }) => image)];
    return [...parent, ...made, ...this.#use(bases, { kind: 'base', of }, true)];
  }

  #run({ image, by, mount, isOnce }: Extract<Deed, { kind: 'run' }>): { image: ImageId; use: Use }[] {
    const root = this.#pickImage(image);
    const name = root === null ? null : this.#nameOf(root, by);
    if (root === null || name === null) return [];
    const mounted = mount === null ? null : this.#pickImage(mount);
    const id = this.#engine.createContainer({
      image: name,
      mounts: mounted === null ? [] : [mounted],
      state: isOnce ? 'running' : 'created',
    });
    const namedAt = this.#truth.namedAt.get(name) ?? 0;
    const used = [...this.#use([root], { kind: by }, false, namedAt), ...this.#use(mounted === null ? [] : [mounted], { kind: 'id' })];
    for (const { image: each, use } of used)
      this.#truth.needs.set(id, { images: [...(this.#truth.needs.get(id)?.images ?? []), each], use });
    if (!isOnce) return used;
    this.#engine.removeContainer(id);
    this.#truth.needs.delete(id);
    // Whichever of its events is remembered tells of it, so the last one counts.
    return used.map(({ image: each, use }) => ({ image: each, use: { ...use, event: this.#engine.events.count } }));
  }

  /** What a container that is known to be there needed was used until it went, even when nobody saw that. */
  #withContainer(pick: number, work: (id: ContainerId) => void): { image: ImageId; use: Use }[] {
    const ids = [...this.#truth.needs.keys()];
    const id = ids[pick % Math.max(1, ids.length)];
    const need = id === undefined ? undefined : this.#truth.needs.get(id);
    if (id === undefined || need === undefined) return [];
    work(id);
    return this.#use(need.images, need.use.by, need.use.isKnown, need.use.namedAt);
  }

  #tag(pick: number, name: number): { image: ImageId; use: Use }[] {
    const image = this.#pickImage(pick);
    if (image === null) return [];
    const reference = nameNumber(name);
    // While a hold stands for this very name, giving it looks like giving it back: no event tells who did.
    const isLikeOurs = this.#engine.namesOf(image).some((each) => {
      const hold = parseHold(each);
      return hold?.original === reference && !hold.isReleasing;
    });
    this.#engine.tag(image, reference);
    return isLikeOurs ? [] : this.#use([image], { kind: 'name' });
  }

  #untag(name: number): void {
    const names = [...this.#engine.names.keys()].filter((each) => parseHold(each) === null);
    const picked = names[name % Math.max(1, names.length)];
    if (picked !== undefined) this.#engine.removeName(picked);
  }

  #remove(pick: number, isForced: boolean): void {
    const image = this.#pickImage(pick);
    if (image === null) return;
    if (isForced && ![...this.#truth.needs.values()].some(({ images }) => images.includes(image))) this.#engine.forceRemove(image);
    else this.#engine.removeImage(image);
  }

  #pickImage(pick: number): ImageId | null {
    const ids = [...this.#engine.images.keys()];
    return ids[pick % Math.max(1, ids.length)] ?? null;
  }

  #nameOf(image: ImageId, by: NamedBy): string | null {
    if (by === 'id') return image;
    const names = this.#engine.namesOf(image).filter((name) => name.includes('@') === (by === 'digest') && parseHold(name) === null);
    return names[0] ?? null;
  }
}

function pulled(number: number, tag: number): MemoryImageSpec {
  const repository = `docker.io/lab/app${number % REPOSITORIES}`;
  const digest = `sha256:${`d${number}`.padEnd(64, '0')}`;
  return {
    layers: [
      [`base${number % 2}`, 30 * MB],
      [`app${number}`, 10 * MB],
    ],
    references: [`${repository}:${tag}`],
    digests: [`${repository}@${digest}`],
  };
}

function loaded(number: number, tag: number): MemoryImageSpec {
  return { layers: [[`local${number}`, 20 * MB]], references: [`docker.io/lab/local${number}:${tag}`] };
}

function nameNumber(number: number): string {
  const repository = ['app0', 'app1', 'app2', 'built0', 'local0', 'own'][number % 6] ?? 'own';
  return `docker.io/lab/${repository}:${Math.floor(number / 6)}`;
}
