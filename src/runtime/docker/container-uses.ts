import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { type ContainerId, containerId, type ImageId, imageId, wallMs } from '../../model/brands.ts';
import { readOrNull } from '../../model/error.ts';
import type { Container } from '../../model/inventory.ts';
import type { ContainerLookup, ContainerSurvey, Described } from '../container-survey.ts';
import { describeContainer, IMAGE_ID, readSeconds, surveyOf } from '../container-survey.ts';
import { takeAnswer } from '../engine-answers.ts';
import { imagePath } from '../engine-client.ts';
import { containerList, type ListedContainer } from './docker-answers.ts';
import type { DockerClient } from './docker-client.ts';
import { leastUptimeMs } from './uptime.ts';

/** What of a container's own file is used: Docker 28 writes the ID of a mounted image there, and tells it nowhere else. */
const containerFile = v.object({
  ID: v.string(),
  Image: v.pipe(v.string(), v.regex(IMAGE_ID)),
  MountPoints: v.record(v.string(), v.object({ Type: v.string(), Spec: v.object({ Source: v.optional(v.string(), '') }) })),
});
/** An ID has 64 digits, and a URL of 8 kB is read everywhere. */
const NAMED_MAX = 100;
const idOnly = v.object({ Id: v.string() });

/** Lists containers; remembers what was mounted into them, since that never changes. */
export class ContainerSurveyor implements ContainerLookup {
  readonly #client: DockerClient;
  readonly #dockerRoot: string;
  readonly #mounts = new Map<ContainerId, readonly ImageId[]>();

  constructor(client: DockerClient, dockerRoot: string) {
    this.#client = client;
    this.#dockerRoot = dockerRoot;
  }

  /**
   * @param ids some containers alone; more than a URL may name are all
   * @throws OperatingError when the listing itself fails
   */
  async survey(ids: readonly ContainerId[] = []): Promise<ContainerSurvey> {
    const filter = ids.length === 0 || ids.length > NAMED_MAX ? '' : `&filters=${encodeURIComponent(JSON.stringify({ id: ids }))}`;
    const listed = takeAnswer(containerList, await this.#client.call('GET', `/containers/json?all=1${filter}`));
    const described: Described[] = [];
    for (const item of listed) {
      const mounted = await this.#mountedImages(item);
      const container = readContainer(item, mounted ?? []);
      described.push([container, findProblem(container, mounted)]);
    }
    return surveyOf(described);
  }

  /**
   * The images of a container as the engine wrote them down, before it told of the container: its root's, then those of mounts. Read in a
   * tenth of the time that a question takes.
   *
   * @returns null when its file cannot be read: the engine has to be asked
   */
  readImages(id: ContainerId): readonly ImageId[] | null {
    const file = readContainerFile(this.#dockerRoot, id);
    if (file === null) return null;
    const mounts = Object.values(file.MountPoints).filter(({ Type }) => Type === 'image');
    const mounted = mounts.map(({ Spec }) => Spec.Source);
    return mounted.every((source) => IMAGE_ID.test(source)) ? [file.Image, ...mounted].map(imageId) : null;
  }

  /** @returns null when it cannot be known which image is mounted */
  async #mountedImages(item: ListedContainer): Promise<readonly ImageId[] | null> {
    const mounts = (item.Mounts ?? []).filter(({ Type }) => Type === 'image');
    const id = containerId(item.Id);
    const remembered = mounts.length === 0 ? [] : this.#mounts.get(id);
    if (remembered !== undefined) return remembered;
    const recorded = readMountedImages(this.#dockerRoot, item.Id);
    const found: ImageId[] = [];
    for (const { Name, Destination } of mounts) {
      const mounted = recorded?.get(Destination) ?? (await this.#resolveFixed(Name));
      if (mounted === null) return null;
      found.push(mounted);
    }
    this.#mounts.set(id, found);
    return found;
  }

  /** A digest or an ID means the same image for ever; a tag may have been moved since the container was created. */
  async #resolveFixed(name: string): Promise<ImageId | null> {
    if (!/@sha256:[0-9a-f]{64}$/.test(name) && !IMAGE_ID.test(name)) return null;
    const answer = await this.#client.call('GET', `${imagePath(name)}/json`);
    const result = v.safeParse(idOnly, answer.body);
    return answer.status === 200 && result.success ? imageId(result.output.Id) : null;
  }
}

/**
 * Reads which images Docker mounted into a container. Docker 28 lists a mounted image by the name that was given, and removes the
 * image itself without a word once that name points elsewhere (measured), so the name cannot be trusted.
 *
 * @returns image IDs by destination; null when the file cannot be read or is not this container's
 */
function readMountedImages(dockerRoot: string, id: string): ReadonlyMap<string, ImageId> | null {
  const file = readContainerFile(dockerRoot, id);
  if (file === null) return null;
  const mounts = Object.entries(file.MountPoints).filter(([, { Type, Spec }]) => Type === 'image' && IMAGE_ID.test(Spec.Source));
  return new Map(mounts.map(([destination, { Spec }]) => [destination, imageId(Spec.Source)]));
}

/** @returns null when the file is not readable, not there, of another form or another container's: the API alone has to be gone by */
function readContainerFile(dockerRoot: string, id: string): v.InferOutput<typeof containerFile> | null {
  const path = join(dockerRoot, 'containers', id, 'config.v2.json');
  const file = readOrNull(() => v.parse(containerFile, JSON.parse(readFileSync(path, 'utf8'))));
  return file?.ID === id ? file : null;
}

function readContainer(item: ListedContainer, mountedImageIds: readonly ImageId[]): Container {
  const upMs = leastUptimeMs(item.Status);
  // Not before this, as far as the listing tells.
  const startedAt = upMs === null ? null : wallMs(Date.now() - upMs);
  return { ...describeContainer(item, mountedImageIds), createdAt: readSeconds(item.Created), startedAt, finishedAt: null };
}

function findProblem(container: Container, mounted: readonly ImageId[] | null): string | null {
  if (container.imageId === null) return 'the engine does not say which image it was made from';
  return mounted === null ? 'it mounts an image by a name that may have moved since; root on the same host can look it up' : null;
}
