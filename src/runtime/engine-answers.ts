import * as v from 'valibot';
import { OperatingError } from '../model/error.ts';
import type { EngineAnswer } from './engine-client.ts';

// Only what is used is named; an engine may say more. Go encodes an empty list or map as null in places.
/** A list of texts. */
export const strings = v.optional(v.nullable(v.array(v.string())), null);
/** Labels; none is empty. */
export const labels = v.pipe(
  v.optional(v.nullable(v.record(v.string(), v.string())), null),
  v.transform((map) => map ?? {}),
);

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

/** One image as `GET /images/{name}/json` describes it. */
export type ImageDetails = v.InferOutput<typeof imageDetails>;

/**
 * Takes an answer that must be a success of a known form.
 *
 * @throws OperatingError `engine-refused` for another status, `engine-nonsense` for another form
 */
export function takeAnswer<Value>(schema: v.GenericSchema<unknown, Value>, answer: EngineAnswer): Value {
  if (answer.status !== 200) throw refusal(answer);
  const result = v.safeParse(schema, answer.body);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const place = v.getDotPath(issue) ?? 'the answer';
  const problem = issue.received === 'undefined' ? `it has no "${place}"` : `${place}: ${issue.message}`;
  const hint = 'does a container engine of a supported version listen there?';
  throw new OperatingError({ kind: 'engine-nonsense', operation: 'read the engine’s answer', subject: answer.call, problem, hint });
}

/** The error for a call that had to work. */
export function refusal(answer: EngineAnswer): OperatingError {
  const problem = `status ${answer.status}: ${engineMessage(answer)}`;
  const hint = "the engine's log may tell more";
  return new OperatingError({ kind: 'engine-refused', operation: 'ask the engine', subject: answer.call, problem, hint });
}

/** The engine's own words in an error answer. */
export function engineMessage(answer: EngineAnswer): string {
  const result = v.safeParse(v.object({ message: v.string() }), answer.body);
  return result.success ? result.output.message.trim() : `status ${answer.status} without a message`;
}
