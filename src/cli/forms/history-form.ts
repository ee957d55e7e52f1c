import type { RemovalEntry } from '../../model/removal-record.ts';
import type { UseEntry } from '../../model/use-record.ts';
import { formatTime } from './rfc3339.ts';

/** What `imagegc history --json` prints (`docs/json.md`). */
export function formatHistory(removals: readonly RemovalEntry[], uses: readonly UseEntry[]): object {
  return {
    format: 'imagegc.history/1',
    removals: removals.map(({ imageId, references, digests, rule, outcome, message, freesBytes, at }) => {
      const freedBytes = outcome === 'removed' ? freesBytes : null;
      return { at: formatTime(at.wallMs), imageId, references, digests, rule, outcome, message, freedBytes };
    }),
    uses: uses.map(({ imageId, references, evidence, at }) => ({ at: formatTime(at.wallMs), imageId, references, evidence })),
  };
}
