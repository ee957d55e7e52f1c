import * as v from 'valibot';
import { takeAnswer } from '../engine-answers.ts';
import { type EngineClient, imagePath } from '../engine-client.ts';
import type { PodmanImage } from './podman-answers.ts';

/** Of a list Podman counts its text alone. Podman 4.3 does not say which images are lists, so those of this size are asked for. */
const LIST_BYTES_MAX = 100_000;
const manifestList = v.object({ manifests: v.nullish(v.array(v.object({ digest: v.string() })), []) });

/** What a listing has that is no image of its own. */
export interface FoundLists {
  readonly ids: ReadonlySet<string>;
  /** Of the images that lists hold together; most have no other name. */
  readonly digests: ReadonlySet<string>;
}

/**
 * Finds manifest lists, which Podman lists among images, and describes as the one image of theirs that fits this host: whatever is asked
 * of one of them by its name or ID is answered of another. Remembers what is none, since that never changes.
 */
export class ManifestLists {
  readonly #client: EngineClient;
  readonly #images = new Set<string>();

  constructor(client: EngineClient) {
    this.#client = client;
  }

  async find(list: readonly PodmanImage[]): Promise<FoundLists> {
    const ids = new Set<string>();
    const digests = new Set<string>();
    const isList = ({ Id, IsManifestList, Size }: PodmanImage) => IsManifestList ?? (Size < LIST_BYTES_MAX && !this.#images.has(Id));
    for (const { Id, IsManifestList } of list.filter(isList)) {
      const answer = await this.#client.call('GET', `${imagePath(Id).replace('/images/', '/manifests/')}/json`);
      if (answer.status === 200) for (const { digest } of takeAnswer(manifestList, answer).manifests ?? []) digests.add(digest);
      if (answer.status === 200 || IsManifestList === true) ids.add(Id);
      else this.#images.add(Id);
    }
    return { ids, digests };
  }
}
