import * as v from 'valibot';
import { peerOf } from '../daemon/control-socket.ts';
import { connectToFile } from '../daemon/socket-file.ts';
import { type CollectOrder, type DashboardOrder, daemonFrame } from './forms/order-form.ts';
import { EXIT } from './output/error-text.ts';
import type { CommonOptions } from './session.ts';
import type { World } from './world.ts';

/** Variables that change what a command does or how it looks. */
const PASSED_VARIABLE = /^(?:IMAGEGC_|(?:DOCKER|CONTAINER)_HOST$|NO_COLOR$|TERM$)/;

/** Where the daemon takes orders: beside the store that it keeps. */
export function controlPath(storePath: string): string {
  return `${storePath}/control.sock`;
}

/** Writes down what a command line asks for. */
export function formOrder(world: World, options: CommonOptions, order: Pick<CollectOrder, 'freeBytes' | 'yes'>): CollectOrder {
  const environment = Object.entries(world.environment).filter(([name, value]) => PASSED_VARIABLE.test(name) && value !== undefined);
  const stream = ({ isTTY, columns }: World['out']) => ({ isTTY, columns: columns ?? null });
  return {
    do: 'collect',
    ...order,
    json: options.json,
    config: options.config ?? null,
    flags: Object.fromEntries(options.flags),
    environment: Object.fromEntries(environment.map(([name, value]) => [name, value ?? ''])),
    canAsk: world.ask !== null,
    out: stream(world.out),
    err: stream(world.err),
  };
}

/**
 * Has the daemon do what is ordered, and is its terminal meanwhile.
 *
 * @returns the exit status; null when no daemon takes orders there, or not from this user
 */
export async function askDaemon(path: string, order: CollectOrder | DashboardOrder, world: World): Promise<number | null> {
  const socket = await connectToFile(path);
  if (socket === null) return null;
  const peer = peerOf(socket);
  peer.send(order);
  try {
    for (;;) {
      const frame = v.parse(daemonFrame, (await peer.receive()) ?? { status: EXIT.failed, err: HUNG_UP });
      if (frame.out !== undefined) world.out.write(frame.out);
      if (frame.err !== undefined) world.err.write(frame.err);
      if (frame.ask !== undefined) peer.send({ answer: (await world.ask?.(frame.ask)) ?? 'no' });
      // Ctrl-C ends a command that only looks, and lets one that removes finish its batch.
      if (frame.removing === true) world.catchInterrupts().addEventListener('abort', () => peer.send({ interrupt: true }));
      if (frame.status !== undefined) return frame.status;
    }
  } finally {
    socket.destroy();
  }
}

const HUNG_UP = 'imagegc: the daemon ended while it was collecting; what was half removed is given back at its next start\n';
