import type { Log, LogLevel } from '../../daemon/log.ts';
import type { World } from '../world.ts';
import { printable } from './style.ts';

/** Priorities of the journal (sd-daemon(3)). */
const PRIORITIES: Readonly<Record<LogLevel, string>> = { error: '<3>', warn: '<4>', info: '<6>' };

/**
 * Writes the daemon's log, a line per event, to standard error: with a priority for the journal, which has times of its own, and with the
 * time for everyone else. Written at once, so that a crash loses none.
 */
export function daemonLog({ err, environment, readClock }: Pick<World, 'err' | 'environment' | 'readClock'>): Log {
  const isJournal = (environment['JOURNAL_STREAM'] ?? '') !== '';
  return (level, message) => {
    const head = isJournal ? PRIORITIES[level] : `${new Date(readClock().wallMs).toISOString()} ${level.padEnd(5)} `;
    err.write(`${head}${message.split('\n').map(printable).join(' ')}\n`);
  };
}
