import type { CollectReport } from '../../collect/collection.ts';
import type { Repair } from '../../collect/repair.ts';
import { formatPlan } from './plan-form.ts';

/** What `imagegc collect --json` prints (`docs/json.md`): the plan, and what became of each removal. */
export function formatReport(report: CollectReport, repairs: readonly Repair[]): object {
  return {
    format: 'imagegc.collection/1',
    plan: formatPlan(report.plan),
    results: report.results.map(({ removal, outcome }) => {
      const { imageId, references, digests, rule } = removal;
      return { imageId, references, digests, rule, outcome: outcome.kind, message: outcome.message };
    }),
    ...(report.containers.length === 0
      ? {}
      : {
          containers: report.containers.map(({ removal: { id, name }, outcome: { kind, message } }) => ({
            id,
            name,
            outcome: kind,
            message,
          })),
        }),
    freedBytes: report.results.length === 0 ? 0 : report.freedBytes,
    cachePrunedBytes: report.cachePrunedBytes,
    measuredBytes: report.measuredBytes,
    stopped: report.stopped,
    stranded: report.stranded.map(({ id, name, state, imageIds }) => ({ id, name, state, imageIds })),
    repairs: repairs.map(({ imageId, restored, missing, isCompleted }) => ({ imageId, restored, missing, completed: isCompleted })),
  };
}
