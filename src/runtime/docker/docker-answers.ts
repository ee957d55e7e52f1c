import * as v from 'valibot';
import { labels, strings, takeAnswer } from '../engine-answers.ts';
import type { EngineAnswer } from '../engine-client.ts';

/** `GET /info` */
export const engineInfo = v.object({
  ID: v.pipe(v.string(), v.minLength(1)),
  Driver: v.pipe(v.string(), v.minLength(1)),
  DriverStatus: v.optional(v.nullable(v.array(v.array(v.string()))), null),
  DockerRootDir: v.string(),
  ServerVersion: v.string(),
});

/** `GET /images/json` */
export const imageList = v.array(
  v.object({
    Id: v.pipe(v.string(), v.minLength(1)),
    RepoTags: strings,
    RepoDigests: strings,
    ParentId: v.optional(v.string(), ''),
    Created: v.optional(v.number(), 0),
    Size: v.optional(v.number(), -1),
    Labels: labels,
  }),
);

/**
 * Reads a listing of images by hand: it is by far the longest answer, and a schema takes several times as long. What is not as expected
 * is left to the schema, which says what is wrong.
 */
export function takeImageList(answer: EngineAnswer): readonly ListedImage[] {
  const items = answer.status === 200 && Array.isArray(answer.body) ? answer.body.map(readListedImage) : [null];
  const read = items.filter((item) => item !== null);
  return read.length === items.length ? read : takeAnswer(imageList, answer);
}

function readListedImage(item: unknown): ListedImage | null {
  if (typeof item !== 'object' || item === null) return null;
  const { Id, RepoTags = null, RepoDigests = null, ParentId = '', Created = 0, Size = -1, Labels = null }: RawImage = item;
  if (typeof Id !== 'string' || Id === '' || typeof ParentId !== 'string') return null;
  if (!Number.isFinite(Created) || !Number.isFinite(Size) || typeof Created !== 'number' || typeof Size !== 'number') return null;
  if (!isNames(RepoTags) || !isNames(RepoDigests) || !isLabels(Labels)) return null;
  return { Id, RepoTags, RepoDigests, ParentId, Created, Size, Labels: Labels ?? {} };
}

type RawImage = { readonly [Key in keyof ListedImage]?: unknown };

function isNames(value: unknown): value is string[] | null {
  return value === null || (Array.isArray(value) && value.every((name) => typeof name === 'string'));
}

function isLabels(value: unknown): value is Record<string, string> | null {
  if (value === null) return true;
  return typeof value === 'object' && !Array.isArray(value) && Object.values(value).every((text) => typeof text === 'string');
}

/** `GET /containers/json` */
export const containerList = v.array(
  v.object({
    Id: v.pipe(v.string(), v.minLength(1)),
    Names: strings,
    Image: v.optional(v.string(), ''),
    ImageID: v.optional(v.string(), ''),
    State: v.optional(v.string(), ''),
    Status: v.optional(v.string(), ''),
    Labels: labels,
    Created: v.optional(v.number(), 0),
    Mounts: v.optional(
      v.nullable(v.array(v.object({ Type: v.optional(v.string(), ''), Name: v.optional(v.string(), ''), Destination: v.string() }))),
      null,
    ),
  }),
);

/** `DELETE /images/{name}` */
export const deletions = v.array(v.object({ Untagged: v.optional(v.string()), Deleted: v.optional(v.string()) }));

/** One image as `GET /images/json` lists it. */
export type ListedImage = v.InferOutput<typeof imageList>[number];
/** One container as `GET /containers/json` lists it. */
export type ListedContainer = v.InferOutput<typeof containerList>[number];
/** What `GET /info` says of the engine. */
export type EngineInfo = v.InferOutput<typeof engineInfo>;
