import type { AskRegistry } from '../collect/ask-registries.ts';
import type { CollectReport } from '../collect/collection.ts';
import type { DaemonTools } from '../daemon/daemon-tools.ts';
import type { EngineLock, HeldBy } from '../runtime/engine-lock.ts';
import type { EngineAddress } from '../runtime/engine-transport.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Store } from '../store/store.ts';
import type { CollectOrder, DashboardOrder } from './forms/order-form.ts';
import type { Answer } from './terminal-question.ts';

/** A stream that a person or a program reads. */
export interface Output {
  readonly write: (text: string) => void;
  readonly isTTY: boolean;
  readonly columns: number | undefined;
}

/** Everything around a command. A test and the demonstration pass their own; `main.ts` passes the process's. */
export interface World extends Pick<DaemonTools, 'readClock' | 'wait' | 'makeMark' | 'judgeOwner' | 'releaseMemory'> {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The user's home folder. */
  readonly home: string;
  readonly userId: number;
  readonly out: Output;
  readonly err: Output;
  /** Asks a yes-or-no question; null where nobody can answer. */
  readonly ask: ((question: string) => Promise<Answer>) | null;
  /** Reads a text file. @throws as `node:fs` does */
  readonly readFile: (path: string) => string;
  readonly readBytes: (path: string) => Uint8Array;
  /** The names in a folder. @throws as `node:fs` does */
  readonly listDirectory: (path: string) => readonly string[];
  readonly writeFile: (path: string, text: string) => void;
  readonly openRuntime: (address: EngineAddress) => Promise<Runtime>;
  readonly openStore: (directory: string, access: 'read-write' | 'read-only', recordsChecked?: 'when-read') => Store;
  readonly openMemoryStore: () => Store;
  /** @throws OperatingError when there can be none */
  readonly makeStoreFolder: (directory: string) => void;
  readonly lockEngine: (engineId: string) => Promise<EngineLock | HeldBy>;
  /** From the call on, Ctrl-C no longer ends the process but aborts the signal. */
  readonly catchInterrupts: () => AbortSignal;
  /**
   * From the call on, being told to stop aborts the signal, and the process ends ten seconds later whatever it does; being told to read the
   * settings again calls `reload`.
   */
  readonly catchServiceSignals: (reload: () => void) => AbortSignal;
  /** Asks the registry that an image names; what it said is remembered for as long as this process runs. */
  readonly askRegistry: AskRegistry;
  /** Has a daemon do it. @returns the exit status; null where none takes orders */
  readonly askDaemon: (socketPath: string, order: CollectOrder | DashboardOrder, world: World) => Promise<number | null>;
  /** Told what a collection came to. */
  readonly noteReport?: (report: CollectReport) => void;
}
