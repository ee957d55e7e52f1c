import { type ContainerId, containerId, type ImageId, imageId, type WallMs, wallMs } from '../model/brands.ts';
import type { Container, Doubt } from '../model/inventory.ts';

/** Containers in every state, and why any of them is not fully known. */
export interface ContainerSurvey {
  readonly containers: readonly Container[];
  readonly doubts: ReadonlyMap<ContainerId, Doubt>;
}

/** A container, and what is not known of the images that it uses; null: nothing. */
export type Described = readonly [container: Container, problem: string | null];

/** What a listing came to. */
export function surveyOf(described: readonly Described[]): ContainerSurvey {
  const doubts = described.flatMap(([{ id, name, state }, problem]): [ContainerId, Doubt][] =>
    problem === null ? [] : [[id, { kind: 'in-use-unknown', message: `container ${name} (${state}): ${problem}` }]],
  );
  return { containers: described.map(([container]) => container), doubts: new Map(doubts) };
}

/** Who can be asked for the images of some containers alone. */
export interface ContainerLookup {
  /** @param ids some containers alone; empty means all @throws OperatingError when the listing itself fails */
  survey(ids?: readonly ContainerId[]): Promise<ContainerSurvey>;
  /** The images of a container, known without a question; null: ask. */
  readImages(id: ContainerId): readonly ImageId[] | null;
}

/** The form of an image's ID. */
export const IMAGE_ID = /^sha256:[0-9a-f]{64}$/;

/** One container, in what Docker and Podman list alike. */
export interface ListedContainer extends Readonly<Record<'Id' | 'Image' | 'ImageID' | 'State', string>> {
  readonly Names: readonly string[] | null;
  readonly Labels: Container['labels'];
}

/** What a listing says of a container, but for its times. Docker's names begin with a slash. */
export function describeContainer({ Id, Names, Image, ImageID, State, Labels }: ListedContainer, mountedImageIds: readonly ImageId[]) {
  const name = Names?.[0]?.replace(/^\//, '') ?? Id.slice(0, 12);
  const image = { imageId: IMAGE_ID.test(ImageID) ? imageId(ImageID) : null, imageName: Image === '' ? null : Image };
  return { id: containerId(Id), name, ...image, state: State, labels: Labels, mountedImageIds };
}

/** Seconds since 1970; Go's zero time, far before it, means that nobody wrote a time down. */
export function readSeconds(seconds: number): WallMs | null {
  return seconds > 0 ? wallMs(seconds * 1_000) : null;
}
