import type { LookContext } from '../collect/look.ts';
import type { Bytes } from '../model/brands.ts';
import { OperatingError } from '../model/error.ts';
import type { Policy } from '../model/policy.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Store } from '../store/store.ts';
import { findEngine } from './engine-address.ts';
import { lookOf, type Look as TextLook } from './output/style.ts';
import { type Loaded, loadSettings } from './settings/load-settings.ts';
import { policyOf } from './settings/policy-of.ts';
import type { World } from './world.ts';

/** What every command was told on the command line, beside its own options. */
export interface CommonOptions {
  readonly config: string | undefined;
  readonly json: boolean;
  /** Settings given as flags, under their keys. */
  readonly flags: ReadonlyMap<string, string>;
}

/** The settings in force, and where output goes: what commands without an engine need. */
export interface Desk {
  readonly world: World;
  readonly options: CommonOptions;
  readonly loaded: Loaded;
  readonly policy: Policy;
  readonly look: TextLook;
}

/** Loads the settings and says what is odd about them. @throws OperatingError `settings` */
export function openDesk(world: World, options: CommonOptions): Desk {
  const loaded = loadSettings({
    readFile: world.readFile,
    listDirectory: world.listDirectory,
    configPath: options.config ?? null,
    environment: world.environment,
    flags: options.flags,
    isRoot: world.userId === 0,
    home: world.home,
  });
  for (const warning of loaded.warnings) world.err.write(`imagegc: warning: ${warning}\n`);
  return { world, options, loaded, policy: policyOf(loaded.settings), look: lookOf(world.out, world.environment) };
}

/** An engine and a store, open. */
export interface Session extends Disposable {
  readonly desk: Desk;
  readonly runtime: Runtime;
  readonly store: Store;
  readonly mayWrite: boolean;
}

/**
 * Connects to the engine and opens the store.
 *
 * @param need `write`: the command cannot do without a store it may write; `read`: it shows what it can
 * @throws OperatingError when the engine does not answer, or the store is needed and cannot be had
 */
export async function openSession(desk: Desk, need: 'read' | 'write'): Promise<Session> {
  const { world, loaded } = desk;
  const address = findEngine(loaded.settings['engine.address'], world);
  const { store, mayWrite } = openStore(desk, need);
  try {
    const runtime = await world.openRuntime(address);
    const close = (): void => {
      runtime.close();
      store[Symbol.dispose]();
    };
    return { desk, runtime, store, mayWrite, [Symbol.dispose]: close };
  } catch (error) {
    store[Symbol.dispose]();
    throw error;
  }
}

/** A listing must not fail because a store is full or belongs to root: then it is only read, or done without. */
function openStore({ world, loaded }: Desk, need: 'read' | 'write'): { store: Store; mayWrite: boolean } {
  const directory = loaded.settings['store.path'];
  try {
    return { store: world.openStore(directory, 'read-write'), mayWrite: true };
  } catch (error) {
    if (need === 'write' || !isAccessProblem(error)) throw error;
    const store = openReadOnly(directory, world);
    const records =
      store === null ? 'not even read, so every image counts as first seen now' : 'only read, so what is seen now is not recorded';
    world.err.write(`imagegc: warning: the store is ${records} (${error.message})\n`);
    return { store: store ?? world.openMemoryStore(), mayWrite: false };
  }
}

function openReadOnly(directory: string, world: World): Store | null {
  try {
    return world.openStore(directory, 'read-only');
  } catch (error) {
    if (isAccessProblem(error)) return null;
    throw error;
  }
}

function isAccessProblem(error: unknown): error is OperatingError {
  return error instanceof OperatingError && ['permission', 'disk-full', 'disk-read-only'].includes(error.kind);
}

/** What a look at the session's engine needs. */
export function lookContext({ desk, runtime, store, mayWrite }: Session, freeBytes: Bytes | null): LookContext {
  return { runtime, store, mayWrite, policy: desk.policy, readClock: desk.world.readClock, freeBytes };
}

/** Prints a value as one JSON document. */
export function writeJson({ world }: Desk, value: object): void {
  world.out.write(`${JSON.stringify(value, null, 2)}\n`);
}
