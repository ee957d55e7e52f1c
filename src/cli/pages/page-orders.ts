import * as v from 'valibot';
import type { HostDaemon } from '../../daemon/host-daemon.ts';
import type { HttpAnswer, HttpQuestion, HttpRoutes } from '../../daemon/http-server.ts';
import type { Log } from '../../daemon/log.ts';
import { readOrNull } from '../../model/error.ts';
import { EXIT, outcomeOf, usageError } from '../output/error-text.ts';
import { type CommonOptions, capture, type Desk, deskFor, openDesk } from '../session.ts';
import type { World } from '../world.ts';
import type { DashboardKey } from './dashboard-key.ts';
import { runOrdered } from './ordered-run.ts';

/** What the page's actions work with. */
export interface PageOrderTools {
  readonly world: World;
  readonly options: CommonOptions;
  readonly key: DashboardKey;
  readonly daemon: HostDaemon;
  readonly log: Log;
  /** Aborted when the daemon stops. */
  readonly stop: AbortSignal;
}

const nothing = v.object({});
const pinned = v.object({ pattern: v.string(), reason: v.optional(v.string()), until: v.optional(v.string()) });
const named = v.object({ pattern: v.string() });

/** What may be changed from the page, by whoever has the token: the same commands, run here, with what they print for an answer. */
export function pageOrders(tools: PageOrderTools): HttpRoutes {
  return {
    'POST /api/collect': order('collect', nothing, tools, (desk, _asked, { query }) => collectOn(desk, query.get('engine'), tools.daemon)),
    'POST /api/pin': order('pin', pinned, tools, async (desk, { pattern, reason, until }) => {
      const { runPin } = await import('../commands/pin.ts');
      return runPin(desk, pattern, { owner: 'dashboard', reason, until });
    }),
    'POST /api/unpin': order('unpin', named, tools, async (desk, { pattern }) => {
      const { runUnpin } = await import('../commands/pin.ts');
      return runUnpin(desk, pattern);
    }),
  };
}

/** @param engine address of one that is watched, and of no other; null: the first */
async function collectOn(desk: Desk, engine: string | null, daemon: HostDaemon): Promise<number> {
  const { address } = daemon.engineAt(engine);
  if (engine !== null && engine !== address) throw usageError('collect', engine, 'no such engine is watched');
  return runOrdered(address === '' ? desk : deskFor(desk, address), { yes: true }, daemon);
}

type Form = typeof nothing | typeof pinned | typeof named;

function order<Asked extends Form>(
  name: string,
  form: Asked,
  { world, options, key, daemon, log, stop }: PageOrderTools,
  run: (desk: Desk, asked: v.InferOutput<Asked>, question: HttpQuestion) => Promise<number>,
): (question: HttpQuestion) => Promise<HttpAnswer> {
  return async (question) => {
    if (!key.isIn(question)) return { status: 401, body: { error: 'this needs the token that "imagegc dashboard" prints' } };
    const text = await question.readBody();
    const json: unknown = readOrNull(() => JSON.parse(text));
    const asked = v.safeParse(form, json);
    if (!asked.success) return { status: 400, body: { error: 'this is not what is asked here' } };
    log('info', `${name}, as ordered on the page`);
    const [out, err] = [capture(), capture()];
    const own: World = { ...world, out, err, ask: null, askDaemon: () => Promise.resolve(null), catchInterrupts: () => stop };
    const status = await outcomeOf(() => run(openDesk(own, { ...options, json: true }), asked.output, question), own);
    for (const each of daemon.engines) each.daemon.ledger.changes += 1;
    const body = { format: 'imagegc.order/1', exitStatus: status, message: err.text(), result: readOrNull(() => JSON.parse(out.text())) };
    return { status: status === EXIT.usage ? 400 : 200, body };
  };
}
