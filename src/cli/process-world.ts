import { readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { formatOwnerMark, parseOwnerMark } from '../model/hold.ts';
import { acquireEngineLock } from '../runtime/engine-lock.ts';
import { readHostClock } from '../runtime/host/clock-reading.ts';
import { judgeOwner, readOwnerMark } from '../runtime/host/owner-mark.ts';
import { openEngineAt } from '../runtime/open-engine.ts';
import type { RegistryClient } from '../runtime/registry/registry-client.ts';
import { writeFileAtomically } from '../store/atomic-file.ts';
import { openMemoryStore, openSqliteStore } from '../store/open-sqlite-store.ts';
import { makeStoreDirectory } from '../store/store-files.ts';
import { askOnTerminal } from './terminal-question.ts';
import type { World } from './world.ts';

const STANDARD_INPUT = 0;

/** The process as commands see it: its streams, its host's clocks, its user. */
export function processWorld(): World {
  const startedAt = new Date().toISOString();
  const output = (stream: NodeJS.WriteStream): World['out'] => {
    return { write: (text) => void stream.write(text), isTTY: stream.isTTY === true, columns: stream.columns };
  };
  const [environment, home, userId] = [process.env, homedir(), process.getuid?.() ?? -1];
  const readFile = (path: string): string => readFileSync(path === '-' ? STANDARD_INPUT : path, 'utf8');
  let registry: Promise<RegistryClient> | undefined;
  return {
    environment,
    home,
    userId,
    out: output(process.stdout),
    err: output(process.stderr),
    ask: isOnTerminal() ? askOnTerminal : null,
    readClock: () => readHostClock(),
    wait: pause,
    readFile,
    readBytes: (path) => readFileSync(path === '-' ? STANDARD_INPUT : path),
    listDirectory: (path) => readdirSync(path),
    writeFile: (path, text) => writeFileAtomically(path, text, 0o644),
    openRuntime: openEngineAt,
    openStore: (directory, access, recordsChecked) => openSqliteStore({ directory, access, ...(recordsChecked && { recordsChecked }) }),
    openMemoryStore,
    makeStoreFolder: makeStoreDirectory,
    lockEngine: (engineId) =>
      acquireEngineLock(engineId, { pid: process.pid, command: ['imagegc', ...process.argv.slice(2)].join(' '), startedAt }),
    makeMark: () => formatOwnerMark(readOwnerMark()),
    judgeOwner: (text) => {
      const mark = parseOwnerMark(text);
      return mark === null ? 'unknown' : judgeOwner(mark, readOwnerMark());
    },
    releaseMemory: () => void globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' }),
    catchInterrupts,
    catchServiceSignals,
    // Loaded by who needs it alone, as most commands do not.
    askRegistry: async (name) => {
      registry ??= import('../runtime/registry/registry.ts').then(({ openRegistry }) =>
        openRegistry({ environment, home, userId, readFile }, () => readHostClock().bootTimeMs),
      );
      return (await registry).ask(name);
    },
    askDaemon: async (socketPath, order, world) => (await import('./daemon-client.ts')).askDaemon(socketPath, order, world),
  };
}

/** Not by process.stdin, which begins a stream for it. Where the output is no terminal, as a daemon's, node:tty is not even loaded. */
function isOnTerminal(): boolean {
  return process.stdout.isTTY && process.getBuiltinModule('node:tty').isatty(STANDARD_INPUT);
}

/** From here on the first Ctrl-C lets the batch under way end and gives names back; the second ends at once, as anywhere. */
function catchInterrupts(): AbortSignal {
  return catchSignals(() => process.stderr.write('\nimagegc: finishing what was begun; once more ends at once\n'));
}

/** The time in which a service has to end (systemd waits ninety seconds, a person less). */
const STOP_LIMIT_MS = 9_500;

function catchServiceSignals(reload: () => void): AbortSignal {
  process.on('SIGHUP', reload);
  return catchSignals(() => setTimeout(() => process.exit(1), STOP_LIMIT_MS).unref());
}

function catchSignals(begin: () => void): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    // Not once(): between two of those a signal meets no handler, and kills.
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(130);
      begin();
      controller.abort();
    });
  }
  return controller.signal;
}

/** Written out, because node:timers/promises takes longer to load than most commands wait. */
function pause(ms: number, signal?: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = (): void => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', end);
    resolve();
  };
  const timer = setTimeout(end, ms);
  signal?.addEventListener('abort', end);
  if (signal?.aborted === true) end();
  return promise;
}
