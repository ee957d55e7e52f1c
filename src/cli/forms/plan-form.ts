import type { ContainerRemoval, Plan, Removal, Verdict } from '../../model/plan.ts';
import type { JsonObject } from './form-reader.ts';
import { formatTime } from './rfc3339.ts';

/** The name and version of the form (`schema/imagegc.plan-1.schema.json`). */
export const PLAN_FORMAT = 'imagegc.plan/1';

/** Writes a plan for programs (`docs/design.md` §9): exactly these fields; a null is unknown or none. */
export function formatPlan(plan: Plan): JsonObject {
  return {
    format: PLAN_FORMAT,
    at: formatTime(plan.at.wallMs),
    complete: plan.complete,
    refusal: plan.refusal === null ? null : { kind: plan.refusal.kind, message: plan.refusal.message },
    expectedFreedBytes: plan.expectedFreedBytes,
    target: plan.target === null ? null : { bytes: plan.target.bytes, reached: plan.target.reached },
    ...(plan.buildCache === null ? {} : { buildCache: { ...plan.buildCache } }),
    ...(plan.containers.length === 0 ? {} : { containers: plan.containers.map(formatContainer) }),
    removals: plan.removals.map(formatRemoval),
    verdicts: plan.verdicts.map(formatVerdict),
  };
}

function formatContainer({ id, name, imageIds, endedForMs }: ContainerRemoval): JsonObject {
  return { id, name, imageIds, exitedSeconds: Math.floor(endedForMs / 1_000) };
}

function formatRemoval({ imageId, references, rule, idleMs, freesBytes }: Removal): JsonObject {
  return { imageId, references, rule, idleSeconds: Math.floor(idleMs / 1_000), freesBytes };
}

function formatVerdict({ imageId, verdict, reason, detail, until }: Verdict): JsonObject {
  return { imageId, verdict, reason, detail, until: until === null ? null : formatTime(until) };
}
