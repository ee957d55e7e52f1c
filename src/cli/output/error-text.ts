import { OperatingError, type OperatingErrorKind } from '../../model/error.ts';
import type { World } from '../world.ts';
import { printable } from './style.ts';

/** Exit statuses (`docs/design.md` §9). */
export const EXIT = { done: 0, failed: 1, usage: 2, keptBack: 3, targetNotReached: 4, interrupted: 130 } as const;

/** The exit status of an error of operation. */
export function exitStatusOf(kind: OperatingErrorKind): number {
  if (kind === 'settings' || kind === 'input') return EXIT.usage;
  return kind === 'lock-held' ? EXIT.keptBack : EXIT.failed;
}

/** An error of what was asked for, on a command line or in the settings. */
export function usageError(operation: string, subject: string, problem: string, hint: string | null = null): OperatingError {
  return new OperatingError({ kind: 'settings', operation, subject, problem, hint });
}

/** Says what failed, on what, what happened and what to do; an error that is none of operation is a fault of ours, told with its trace. */
export function formatError(error: unknown): string {
  if (!(error instanceof OperatingError)) {
    const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return `imagegc: internal error; please report it\n${safeLines(trace)}\n`;
  }
  const { operation, subject, problem, hint } = error;
  const message = `imagegc: cannot ${operation} (${subject}): ${problem}`;
  return `${safeLines(message)}\n${hint === null ? '' : `  hint: ${printable(hint)}\n`}`;
}

function safeLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

/** Does a command's work, and tells a person what went wrong with it. @returns the exit status */
export async function outcomeOf(work: () => Promise<number>, world: Pick<World, 'err'>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    world.err.write(formatError(error));
    return error instanceof OperatingError ? exitStatusOf(error.kind) : EXIT.failed;
  }
}
