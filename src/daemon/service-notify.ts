import { type DurationMs, durationMs } from '../model/brands.ts';

/** Tells a service manager how the daemon does (sd_notify(3)); does nothing where none asked for it. */
export interface ServiceNotifier {
  ready(): void;
  status(text: string): void;
  stopping(): void;
  alive(): void;
  /** How often it wants to be told that the daemon is alive; null when it does not. */
  readonly aliveEveryMs: DurationMs | null;
}

const MICROSECONDS_PER_MS = 1_000;

/**
 * Node cannot open the datagram socket that sd_notify(3) needs, so `systemd-notify` is asked to: 4 ms of CPU a call, at start, at the end
 * and once per half of the watchdog's time. The unit needs `NotifyAccess=all` for it.
 */
export function openServiceNotifier(environment: Readonly<Record<string, string | undefined>>): ServiceNotifier {
  const isAsked = (environment['NOTIFY_SOCKET'] ?? '') !== '';
  const watchdogUs = Number(environment['WATCHDOG_USEC'] ?? 0);
  let lastStatus = '';
  const tell = (...words: readonly string[]): void => {
    if (!isAsked) return;
    const { spawn } = process.getBuiltinModule('node:child_process');
    const child = spawn('systemd-notify', ['--no-block', ...words], { stdio: 'ignore' });
    // A host without the program is told nothing; that must not end the daemon.
    child.on('error', () => undefined).unref();
  };
  return {
    ready: () => tell('--ready'),
    stopping: () => tell('STOPPING=1'),
    alive: () => tell('WATCHDOG=1'),
    status(text) {
      if (text !== lastStatus) tell(`--status=${text}`);
      lastStatus = text;
    },
    aliveEveryMs: isAsked && watchdogUs > 0 ? durationMs(watchdogUs / MICROSECONDS_PER_MS / 2) : null,
  };
}
