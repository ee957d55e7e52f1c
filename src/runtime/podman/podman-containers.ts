import { type ContainerId, containerId, type ImageId, type WallMs, wallMs } from '../../model/brands.ts';
import type { Container } from '../../model/inventory.ts';
import type { ContainerLookup, ContainerSurvey, Described } from '../container-survey.ts';
import { describeContainer, readSeconds, surveyOf } from '../container-survey.ts';
import { takeAnswer } from '../engine-answers.ts';
import type { EngineClient } from '../engine-client.ts';
import { type PodmanContainer, podmanContainer, podmanContainers } from './podman-answers.ts';

/** Lists containers, those of Buildah and of the storage alone among them; remembers what was mounted, since the names never change. */
export class PodmanContainers implements ContainerLookup {
  readonly #client: EngineClient;
  readonly #findNamed: (name: string) => Promise<readonly ImageId[]>;
  readonly #mountedNames = new Map<ContainerId, readonly string[]>();

  /** @param findNamed every image that a name means now, or meant once */
  constructor(client: EngineClient, findNamed: (name: string) => Promise<readonly ImageId[]>) {
    this.#client = client;
    this.#findNamed = findNamed;
  }

  async survey(ids: readonly ContainerId[] = []): Promise<ContainerSurvey> {
    const listed = takeAnswer(podmanContainers, await this.#client.call('GET', '/containers/json?all=true&external=true'));
    const wanted = new Set<string>(ids);
    const described: Described[] = [];
    for (const item of listed.filter(({ Id }) => wanted.size === 0 || wanted.has(Id))) {
      const container = readContainer(item, await this.#mountedImages(item));
      const isUnknown = container.imageId === null && item.ImageID !== '';
      described.push([container, isUnknown ? 'the engine does not say which image it was made from' : null]);
    }
    if (wanted.size === 0)
      for (const id of this.#mountedNames.keys()) if (!described.some(([each]) => each.id === id)) this.#mountedNames.delete(id);
    return surveyOf(described);
  }

  readImages(): null {
    return null;
  }

  /**
   * Podman keeps the name of a mounted image, looks it up anew at every start and every end, and removes the image without a word while it
   * is mounted (measured on 4.3 and 5.8). So what the name means now is needed, and what it meant once may be mounted.
   */
  async #mountedImages({ Id, Mounts }: PodmanContainer): Promise<readonly ImageId[]> {
    if (Mounts === null || Mounts.length === 0) return [];
    const id = containerId(Id);
    const names = this.#mountedNames.get(id) ?? (await this.#readMountedNames(id));
    this.#mountedNames.set(id, names);
    const found: ImageId[] = [];
    for (const name of names) found.push(...(await this.#findNamed(name)));
    return [...new Set(found)];
  }

  async #readMountedNames(id: ContainerId): Promise<readonly string[]> {
    const answer = await this.#client.call('GET', `/containers/${id}/json`);
    if (answer.status === 404) return [];
    return (takeAnswer(podmanContainer, answer).Mounts ?? []).flatMap(({ Type, Source }) => (Type === 'image' ? [Source] : []));
  }
}

function readContainer(item: PodmanContainer, mountedImageIds: readonly ImageId[]): Container {
  const [startedAt, finishedAt] = [readSeconds(item.StartedAt), readSeconds(item.ExitedAt)];
  return { ...describeContainer(item, mountedImageIds), createdAt: readTime(item.Created), startedAt, finishedAt };
}

function readTime(text: string): WallMs | null {
  const ms = Date.parse(text);
  return Number.isNaN(ms) || ms <= 0 ? null : wallMs(ms);
}
