import * as v from 'valibot';
import { OperatingError } from '../../model/error.ts';
import type { DockerAnswer } from './docker-client.ts';

// Only what is used is named; an engine may say more. Go encodes an empty list or map as null in places.
const strings = v.optional(v.nullable(v.array(v.string())), null);
const labels = v.pipe(
  v.optional(v.nullable(v.record(v.string(), v.string())), null),
  v.transform((map) => map ?? {}),
);

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
export function takeImageList(answer: DockerAnswer): readonly ListedImage[] {
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

/**
 * `GET /images/{name}/json`. `Layers` is left out when the image has none, and `Type` too when Docker 28 with the containerd store
 * cannot tell: it pulled no blobs, because their layers were unpacked already.
 */
export const imageDetails = v.object({
  Id: v.pipe(v.string(), v.minLength(1)),
  RepoTags: strings,
  RepoDigests: strings,
  RootFS: v.object({ Type: v.optional(v.string()), Layers: strings }),
});

/** `GET /images/{id}/history`, newest first. */
export const imageHistory = v.array(
  v.object({ Id: v.optional(v.string(), ''), CreatedBy: v.optional(v.string(), ''), Size: v.number(), Tags: strings }),
);

/** `GET /containers/{id}/json` */
export const containerDetails = v.object({
  State: v.object({ Status: v.string(), FinishedAt: v.string() }),
  HostConfig: v.object({ RestartPolicy: v.object({ Name: v.string() }), AutoRemove: v.optional(v.boolean(), false) }),
});

/** @returns when the container ended, in the engine's words; null when it has not, or is to be started again or removed */
export function endOf({ State, HostConfig }: v.InferOutput<typeof containerDetails>): string | null {
  const isAlone = ['', 'no'].includes(HostConfig.RestartPolicy.Name) && !HostConfig.AutoRemove;
  return State.Status === 'exited' && isAlone ? State.FinishedAt : null;
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
/** One image as `GET /images/{name}/json` describes it. */
export type ImageDetails = v.InferOutput<typeof imageDetails>;
/** One container as `GET /containers/json` lists it. */
export type ListedContainer = v.InferOutput<typeof containerList>[number];
/** What `GET /info` says of the engine. */
export type EngineInfo = v.InferOutput<typeof engineInfo>;

/**
 * Takes an answer that must be a success of a known form.
 *
 * @throws OperatingError `engine-refused` for another status, `engine-nonsense` for another form
 */
export function takeAnswer<Value>(schema: v.GenericSchema<unknown, Value>, answer: DockerAnswer): Value {
  if (answer.status !== 200) throw refusal(answer);
  const result = v.safeParse(schema, answer.body);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const place = v.getDotPath(issue) ?? 'the answer';
  const problem = issue.received === 'undefined' ? `it has no "${place}"` : `${place}: ${issue.message}`;
  const hint = 'does a Docker engine of a supported version listen there?';
  throw new OperatingError({ kind: 'engine-nonsense', operation: 'read the engine’s answer', subject: answer.call, problem, hint });
}

/** The error for a call that had to work. */
export function refusal(answer: DockerAnswer): OperatingError {
  const problem = `status ${answer.status}: ${engineMessage(answer)}`;
  const hint = "the engine's log may tell more";
  return new OperatingError({ kind: 'engine-refused', operation: 'ask the engine', subject: answer.call, problem, hint });
}

/** The engine's own words in an error answer. */
export function engineMessage(answer: DockerAnswer): string {
  const result = v.safeParse(v.object({ message: v.string() }), answer.body);
  return result.success ? result.output.message.trim() : `status ${answer.status} without a message`;
}
