/** The product in this process, where a test must move its clock or act between two of its steps. */
import { processWorld } from '../../src/cli/process-world.ts';
import { runCli } from '../../src/cli/program.ts';
import type { World } from '../../src/cli/world.ts';
import { durationMs, wallMs } from '../../src/model/brands.ts';
import type { Finished } from './imagegc-process.ts';

const DAY_MS = 24 * 3_600_000;

/**
 * Runs a command line as `bin/imagegc` would.
 *
 * @param days how far the host's clocks are ahead, the host on all the time
 * @param change what else differs from the process's own world
 */
export async function runInProcess(args: readonly string[], days: number, change: Partial<World> = {}): Promise<Finished> {
  const world = processWorld();
  const out = capture();
  const err = capture();
  const aheadMs = days * DAY_MS;
  const readClock: World['readClock'] = () => {
    const reading = world.readClock();
    return { ...reading, bootTimeMs: durationMs(reading.bootTimeMs + aheadMs), wallMs: wallMs(reading.wallMs + aheadMs) };
  };
  const own: Partial<World> = { environment: {}, out, err, ask: null, readClock, catchInterrupts: () => new AbortController().signal };
  const status = await runCli(args, { ...world, ...own, ...change });
  return { status, signal: null, stdout: out.text(), stderr: err.text() };
}

/** What a run writes, kept; no terminal. */
export function capture(): World['out'] & { readonly text: () => string } {
  let text = '';
  return {
    write: (part) => {
      text += part;
    },
    isTTY: false,
    columns: undefined,
    text: () => text,
  };
}
