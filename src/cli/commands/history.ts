import { storeKey } from '../../collect/look.ts';
import type { RemovalEntry } from '../../model/removal-record.ts';
import type { UseEntry } from '../../model/use-record.ts';
import { formatTime } from '../forms/rfc3339.ts';
import { EXIT } from '../output/error-text.ts';
import { renderHistory } from '../output/render-history.ts';
import { type Desk, openSession, writeJson } from '../session.ts';

/** `imagegc history`: uses and removals, newest first, with the digests to pull again. */
export async function runHistory(desk: Desk, { limit }: { readonly limit: number }): Promise<number> {
  using session = await openSession(desk, 'read');
  const key = storeKey(session.runtime);
  const removals = session.store.readRemovals(key, limit);
  const uses = session.store.readUses(key, limit);
  if (desk.options.json) writeJson(desk, formatHistory(removals, uses));
  else desk.world.out.write(renderHistory(removals, uses, desk.look));
  return EXIT.done;
}

function formatHistory(removals: readonly RemovalEntry[], uses: readonly UseEntry[]): object {
  return {
    format: 'imagegc.history/1',
    removals: removals.map(({ imageId, references, digests, rule, outcome, message, freesBytes, at }) => {
      return {
        at: formatTime(at.wallMs),
        imageId,
        references,
        digests,
        rule,
        outcome,
        message,
        freedBytes: outcome === 'removed' ? freesBytes : null,
      };
    }),
    uses: uses.map(({ imageId, references, evidence, at }) => ({ at: formatTime(at.wallMs), imageId, references, evidence })),
  };
}
