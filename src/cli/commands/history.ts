import { storeKey } from '../../collect/look.ts';
import { formatHistory } from '../forms/history-form.ts';
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
