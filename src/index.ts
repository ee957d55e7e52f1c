/**
 * imagegc as a library (docs/library.md): the planner and the simulator, pure functions over plain data. They read no clock, no file and no
 * engine, and remove nothing.
 */
import { DAY_MS, durationMs } from './model/brands.ts';
import type { Policy } from './model/policy.ts';

export type { Bytes, ChainId, ContainerId, DurationMs, IdleMs, ImageId, WallMs } from './model/brands.ts';
export { bytes, chainId, containerId, durationMs, idleAt, idleMs, imageId, wallMs } from './model/brands.ts';
export { parseByteSize } from './model/byte-size.ts';
export { parseDuration } from './model/duration.ts';
export type { Parsed } from './model/error.ts';
export type {
  BuildCache,
  Container,
  DiskUsage,
  Doubt,
  EngineName,
  Image,
  Inventory,
  Layer,
  Origin,
  WorkloadNeed,
} from './model/inventory.ts';
export { addLayer } from './model/inventory.ts';
export type { LabelPattern, ReferencePattern } from './model/pattern.ts';
export { parseLabelPattern, parseReferencePattern } from './model/pattern.ts';
export type {
  ContainerRemoval,
  HeldBytes,
  KeepReason,
  KeepVerdict,
  Plan,
  Removal,
  RemoveVerdict,
  RuleName,
  Target,
  Verdict,
} from './model/plan.ts';
export { KEEP_REASONS } from './model/plan.ts';
export type { DiskRule, Policy, Protection, RemovalOrder } from './model/policy.ts';
export type { HostHabit, LineageHabit, PastVersion, UseHabits } from './model/use-habits.ts';
export { NO_HABITS } from './model/use-habits.ts';
export type { Instant, Lineage, Now, Pin, RemovalFailure, UsageState, UseRecord } from './model/use-record.ts';
export type { AgeBrake } from './plan/assess.ts';
export type { PlanInput } from './plan/plan-collection.ts';
export { planCollection } from './plan/plan-collection.ts';
export type { ReplayFigures, SimulatedPolicy } from './simulate/replay.ts';
export type { Capacity, PolicyName, SimulationInput, SimulationResult } from './simulate/simulation.ts';
export { POLICY_NAMES, simulate } from './simulate/simulation.ts';
export type { Trace, TraceFacts, TraceUse } from './simulate/trace.ts';
export { measureTrace } from './simulate/trace.ts';

/** What decides where nothing is set: the defaults of `docs/settings.md`. */
export const DEFAULT_POLICY: Policy = {
  scope: 'all',
  unusedForMs: durationMs(7 * DAY_MS),
  danglingUnusedForMs: durationMs(7 * DAY_MS),
  buildCacheUnusedForMs: null,
  containersExitedForMs: null,
  minAgeMs: durationMs(600_000),
  maxRemovals: 0,
  order: 'next-use',
  disk: {
    highFraction: null,
    lowFraction: null,
    highInodesFraction: null,
    lowInodesFraction: null,
    maxImageBytes: null,
    minFreeBytes: null,
    maxImages: null,
  },
  protect: {
    references: [],
    labels: [{ text: 'io.imagegc.keep=true', key: 'io.imagegc.keep', value: 'true' }],
    keepLast: 1,
    keepLastForMs: durationMs(14 * DAY_MS),
    local: 'last',
    restorable: 'assume',
  },
};
