import * as v from 'valibot';
import { type ControlPeer, type Frame, serveControl } from '../../daemon/control-socket.ts';
import type { HostDaemon } from '../../daemon/host-daemon.ts';
import type { Log } from '../../daemon/log.ts';
import { bytes } from '../../model/brands.ts';
import { OperatingError } from '../../model/error.ts';
import { controlPath } from '../daemon-client.ts';
import { type CollectOrder, collectOrder, dashboardOrder } from '../forms/order-form.ts';
import { EXIT, outcomeOf } from '../output/error-text.ts';
import type { DashboardKey } from '../pages/dashboard-key.ts';
import { runOrdered } from '../pages/ordered-run.ts';
import type { PageOrderTools } from '../pages/page-orders.ts';
import { type Desk, openDesk } from '../session.ts';
import type { World } from '../world.ts';

/** What orders work with. */
export type OrderTools = Pick<PageOrderTools, 'key' | 'daemon'>;

/**
 * Takes orders to collect, from whoever may open the daemon's socket. An order is a whole command line, which is run here just as it
 * would be there, with the other side for a terminal.
 *
 * @returns null where there can be no socket; the daemon goes on without
 */
export async function serveOrders({ world, loaded }: Desk, log: Log, tools: OrderTools): Promise<AsyncDisposable | null> {
  try {
    return await serveControl(controlPath(loaded.settings['store.path']), (peer) =>
      follow(peer, world, log, { ...tools, listen: loaded.settings['http.listen'] }),
    );
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    log('warn', `orders cannot be taken: ${error.message}`);
    return null;
  }
}

const answerFrame = v.object({ answer: v.picklist(['yes', 'no', 'interrupted']) });

async function follow(peer: ControlPeer, world: World, log: Log, tools: OrderTools & { readonly listen: string }): Promise<void> {
  const asked = await peer.receive();
  const shown = v.safeParse(dashboardOrder, asked);
  if (shown.success) {
    peer.send(tellDashboard(tools.listen, tools.key, shown.output.json));
    return;
  }
  const order = v.safeParse(collectOrder, asked);
  if (!order.success) {
    peer.send({ err: 'imagegc: the daemon is of another version; start it again\n', status: EXIT.failed });
    return;
  }
  log('info', 'collecting, as ordered');
  const theirs = peerWorld(peer, order.output, world);
  const status = await outcomeOf(() => collectAs(order.output, theirs, tools.daemon), theirs);
  peer.send({ status });
  log('info', `the ordered collection ended with exit status ${status}`);
}

async function collectAs({ config, json, flags, freeBytes, yes }: CollectOrder, world: World, daemon: HostDaemon): Promise<number> {
  const desk = openDesk(world, { config: config ?? undefined, json, flags: new Map(Object.entries(flags)) });
  return runOrdered(desk, { yes, ...(freeBytes !== null && { free: bytes(freeBytes) }) }, daemon);
}

/** Whoever may open this socket may do what the page does. */
function tellDashboard(listen: string, key: DashboardKey, isJson: boolean): Frame {
  if (listen === '') return { err: 'imagegc: http.listen = "", so the daemon serves no page\n', status: EXIT.failed };
  const address = listen.startsWith('unix:') ? listen : `http://${listen.replace(/^(0\.0\.0\.0|\[::\]):/, '127.0.0.1:')}/`;
  const token = key.issue();
  const text = `${address}\ntoken: ${token}\n`;
  return { out: isJson ? `${JSON.stringify({ format: 'imagegc.dashboard/1', address, token }, null, 2)}\n` : text, status: EXIT.done };
}

/** The daemon's world, with the other side's terminal and variables. */
function peerWorld(peer: ControlPeer, order: CollectOrder, world: World): World {
  const output = (name: 'out' | 'err'): World['out'] => {
    const { isTTY, columns } = order[name];
    return { write: (text) => peer.send({ [name]: text }), isTTY, columns: columns ?? undefined };
  };
  const ask = async (question: string) => {
    peer.send({ ask: question });
    const answer = v.safeParse(answerFrame, await peer.receive());
    return answer.success ? answer.output.answer : 'interrupted';
  };
  return {
    ...world,
    environment: { ...world.environment, ...order.environment },
    out: output('out'),
    err: output('err'),
    ask: order.canAsk ? ask : null,
    askDaemon: () => Promise.resolve(null),
    catchInterrupts: () => interruptsOf(peer),
  };
}

/** From here on the other side says nothing but that it was interrupted, or is gone. */
function interruptsOf(peer: ControlPeer): AbortSignal {
  const interrupt = new AbortController();
  peer.send({ removing: true });
  void peer.receive().then(() => interrupt.abort());
  return interrupt.signal;
}
