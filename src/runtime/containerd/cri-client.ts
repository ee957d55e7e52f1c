import * as v from 'valibot';
import { type ContainerId, type ImageId, type WallMs, wallMs } from '../../model/brands.ts';
import { readOrNull } from '../../model/error.ts';
import type { Container } from '../../model/inventory.ts';
import { type GrpcClient, nullOn, STATUS } from './grpc-client.ts';
import { byId, listOf } from './lists.ts';
import { imageServiceApi, runtimeServiceApi } from './messages.ts';
import type { AnswerOf } from './wire.ts';

/** One image as CRI lists it. */
export type CriImage = AnswerOf<typeof imageServiceApi.listImages>['images'][number];
/** One container as CRI lists it. */
export type CriContainer = AnswerOf<typeof runtimeServiceApi.listContainers>['containers'][number];

const NANOSECONDS_PER_MS = 1_000_000;
const STATES = ['created', 'running', 'exited', 'unknown'] as const;
/** What containerd 1.6 tells of its settings in `Status`. */
const statusConfig = v.object({ sandboxImage: v.optional(v.string(), '') });

/** What CRI lists: images, containers in every state, and what has to be asked for verbosely. */
export const criLists = {
  images: listOf(imageServiceApi.listImages, (answers) => answers.flatMap(({ images }) => images).sort(byId)),
  containers: listOf(runtimeServiceApi.listContainers, (answers) => answers.flatMap(({ containers }) => containers).sort(byId)),
  /** The name of the image that every pod begins with; null where the engine does not tell it so, but says that it is pinned. */
  sandboxName: listOf(runtimeServiceApi.status, ([status]) => {
    const told = readOrNull(() => JSON.parse(status?.info['config'] ?? ''));
    const config = v.safeParse(statusConfig, told);
    return config.success && config.output.sandboxImage !== '' ? config.output.sandboxImage : null;
  }),
};

/** The container runtime interface of Kubernetes, as far as it is about images. */
export class CriClient {
  readonly name: string;
  readonly version: string;
  readonly #client: GrpcClient;

  private constructor(client: GrpcClient, { name, version }: Pick<CriClient, 'name' | 'version'>) {
    this.#client = client;
    this.name = name;
    this.version = version;
  }

  /** @returns null when it is not served there @throws OperatingError when it is, but not yet ready, say */
  static async open(client: GrpcClient): Promise<CriClient | null> {
    const told = await nullOn(STATUS.unimplemented, client.call(runtimeServiceApi.version, {}));
    return told === null ? null : new CriClient(client, { name: told.runtimeName, version: told.runtimeVersion });
  }

  /** Names or IDs of the images that are mounted into a container as volumes. @returns null when the container is gone */
  async readImageVolumes(id: string): Promise<readonly string[] | null> {
    const told = await nullOn(STATUS.notFound, this.#client.call(runtimeServiceApi.containerStatus, { containerId: id }));
    if (told === null) return null;
    return (told.status?.mounts ?? []).flatMap(({ image }) => (image === null || image.image === '' ? [] : [image.image]));
  }

  /** @param name an ID, or any name that the image has @returns null when there is none */
  async findImage(name: string): Promise<CriImage | null> {
    return (await this.#client.call(imageServiceApi.imageStatus, { image: { image: name } })).image;
  }

  /** Takes all names and the image, whoever uses it: all care is the caller's. Whether there was anything is not told. */
  async removeImage(name: string): Promise<void> {
    await this.#client.call(imageServiceApi.removeImage, { image: { image: name } });
  }

  /** Where the engine keeps its images, by its own word. */
  async readImageFolders(): Promise<readonly string[]> {
    const { imageFilesystems } = await this.#client.call(imageServiceApi.imageFsInfo, {});
    return imageFilesystems.flatMap(({ fsId }) => (fsId === null || fsId.mountpoint === '' ? [] : [fsId.mountpoint]));
  }
}

/** The name of a container, in its pod. */
export function nameOf({ id, metadata, labels }: CriContainer): string {
  const own = metadata?.name ?? id.slice(0, 12);
  const pod = labels['io.kubernetes.pod.name'];
  return pod === undefined ? own : `${pod}/${own}`;
}

/** The word for a container's state. */
export function stateOf({ state }: CriContainer): string {
  return STATES[state] ?? 'unknown';
}

/** A container as an inventory has it. @param root the image it was made of; null where that cannot be known */
export function describeCriContainer(
  listed: CriContainer,
  id: ContainerId,
  root: ImageId | null,
  mountedImageIds: readonly ImageId[],
): Container {
  const { image, labels, createdAt } = listed;
  const told = { labels, imageId: root, mountedImageIds, startedAt: null, finishedAt: null };
  const imageName = image?.image ?? null;
  return { ...told, id, name: nameOf(listed), imageName, state: stateOf(listed), createdAt: readNanoseconds(createdAt) };
}

/** Nanoseconds since 1970; 0 means that nobody wrote a time down. */
export function readNanoseconds(count: number): WallMs | null {
  return count > 0 ? wallMs(Math.floor(count / NANOSECONDS_PER_MS)) : null;
}
