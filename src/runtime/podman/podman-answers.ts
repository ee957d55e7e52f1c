import * as v from 'valibot';
import { labels, strings } from '../engine-answers.ts';

const id = v.pipe(v.string(), v.regex(/^(?:sha256:)?[0-9a-f]{64}$/), v.transform(fullId));

/** libpod writes an image's ID without the algorithm, and events and listings must agree. */
export function fullId(text: string): string {
  return /^[0-9a-f]{64}$/.test(text) ? `sha256:${text}` : text;
}

/** `GET /libpod/info` */
export const podmanInfo = v.object({
  host: v.object({ security: v.object({ rootless: v.boolean() }) }),
  store: v.object({ graphDriverName: v.pipe(v.string(), v.minLength(1)), graphRoot: v.pipe(v.string(), v.minLength(1)) }),
  version: v.object({ Version: v.string() }),
});

/** `GET /libpod/images/json`. `Names` holds digests too, when somebody pulled by them; `History` every name that the image ever had. */
export const podmanImages = v.array(
  v.object({
    Id: id,
    Names: strings,
    RepoDigests: strings,
    History: strings,
    ParentId: v.pipe(v.optional(v.string(), ''), v.transform(fullId)),
    Created: v.optional(v.number(), 0),
    Size: v.optional(v.number(), -1),
    Labels: labels,
    ReadOnly: v.optional(v.boolean(), false),
    Digest: v.optional(v.string(), ''),
    IsManifestList: v.optional(v.boolean()),
  }),
);

/** `GET /libpod/images/{name}/json` */
export const podmanImage = v.object({ Id: id, RepoTags: strings, RepoDigests: strings });

/** `GET /libpod/containers/json`. An ID of no characters: it was not made from an image. `Mounts` are the places of the user's own mounts. */
export const podmanContainers = v.array(
  v.object({
    Id: v.pipe(v.string(), v.minLength(1)),
    Names: strings,
    Image: v.optional(v.string(), ''),
    ImageID: v.pipe(v.optional(v.string(), ''), v.transform(fullId)),
    State: v.optional(v.string(), ''),
    Labels: labels,
    Mounts: strings,
    Created: v.optional(v.string(), ''),
    StartedAt: v.optional(v.number(), 0),
    ExitedAt: v.optional(v.number(), 0),
  }),
);

/** `GET /libpod/containers/{id}/json`. The source of a mounted image is the name that was given. */
export const podmanContainer = v.object({
  Mounts: v.nullish(v.array(v.object({ Type: v.string(), Source: v.optional(v.string(), '') })), null),
});

/** `DELETE /libpod/images/remove`: what went wrong stands within a success. */
export const podmanRemoval = v.object({ Deleted: strings, Errors: strings, ExitCode: v.number() });

/** What `GET /libpod/info` says of the engine. */
export type PodmanInfo = v.InferOutput<typeof podmanInfo>;
/** One image as it is listed. */
export type PodmanImage = v.InferOutput<typeof podmanImages>[number];
/** One container as it is listed. */
export type PodmanContainer = v.InferOutput<typeof podmanContainers>[number];
