import { storeKey } from '../../collect/look.ts';
import type { RemovalEntry } from '../../model/removal-record.ts';
import type { UseEntry } from '../../model/use-record.ts';
import { formatTime } from '../forms/rfc3339.ts';
import { renderHistory } from '../output/render-history.ts';
import { answer, type Desk, openSession } from '../session.ts';

/** `imagegc history`: uses and removals, newest first, with the digests to pull again. */
export async function runHistory(desk: Desk, { limit }: { readonly limit: number }): Promise<number> {
  using session = await openSession(desk, 'read');
  const key = storeKey(session.runtime);
  const removals = session.store.readRemovals(key, limit);
  const uses = session.store.readUses(key, limit);
  return answer(desk, { json: () => formatHistory(removals, uses), text: () => renderHistory(removals, uses, desk.look) });
}

function formatHistory(removals: readonly RemovalEntry[], uses: readonly UseEntry[]): object {
  return {
    format: 'imagegc.history/1',
    removals: removals.map(({ imageId, references, digests, rule, outcome, message, freesBytes, at }) => {
      const freedBytes = outcome === 'removed' ? freesBytes : null;
      return { at: formatTime(at.wallMs), imageId, references, digests, rule, outcome, message, freedBytes };
    }),
    uses: uses.map(({ imageId, references, evidence, at }) => ({ at: formatTime(at.wallMs), imageId, references, evidence })),
  };
}
