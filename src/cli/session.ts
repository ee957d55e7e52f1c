import type { LookContext } from '../collect/look.ts';
import type { Bytes } from '../model/brands.ts';
import { OperatingError } from '../model/error.ts';
import type { Policy } from '../model/policy.ts';
import { planCollection } from '../plan/plan-collection.ts';
import { formatEngineAddress } from '../runtime/engine-transport.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Store } from '../store/store.ts';
import { findEngines } from './engine-address.ts';
import { EXIT, outcomeOf } from './output/error-text.ts';
import { lookOf, paint, printable, type Look as TextLook } from './output/style.ts';
import { type Loaded, loadSettings } from './settings/load-settings.ts';
import { policyOf } from './settings/policy-of.ts';
import { findWorkloads } from './workloads/find-workloads.ts';
import type { Output, World } from './world.ts';

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
  const loaded = loadSettings({ ...world, configPath: options.config ?? null, flags: options.flags, isRoot: world.userId === 0 });
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
 * Connects to the engine and opens the store, in this order: a store that is set aside must keep this very run from removing, so nothing
 * is set aside in a run that cannot even ask.
 *
 * @param need `write`: the command cannot do without a store it may write; `read`: it shows what it can
 * @throws OperatingError when the engine does not answer, or the store is needed and cannot be had
 */
export async function openSession(desk: Desk, need: 'read' | 'write'): Promise<Session> {
  return joinStore(desk, await openEngine(desk), need);
}

/** Connects to the engine alone. @throws OperatingError when it does not answer */
export function openEngine({ world, loaded }: Desk): Promise<Runtime> {
  return world.openRuntime(findEngines(loaded.settings['engine.address'], world)[0]);
}

/**
 * Runs a command on each engine that the settings mean, one after the other: what is wrong with one costs only that one. Several documents of JSON
 * become one.
 *
 * @returns the exit status; of several the first of usage, failed, kept back, target not reached
 */
export async function onEachEngine(desk: Desk, run: (desk: Desk) => Promise<number>): Promise<number> {
  const { world, options } = desk;
  const addresses = addressesOf(desk);
  if (addresses.length <= 1) return run(desk);
  const documents: unknown[] = [];
  const statuses: number[] = [];
  for (const address of addresses) {
    const { write, text } = capture();
    const out = options.json ? { ...world.out, write } : world.out;
    if (!options.json) out.write(`${paint('bold', `== ${printable(address)}`, desk.look)}\n\n`);
    statuses.push(await outcomeOf(() => run(deskFor({ world: { ...world, out }, options }, address)), world));
    if (options.json) documents.push({ address, document: text() === '' ? null : JSON.parse(text()) });
    else out.write('\n');
  }
  if (options.json) world.out.write(`${JSON.stringify({ format: 'imagegc.engines/1', engines: documents }, null, 2)}\n`);
  return WORST_FIRST.find((status) => statuses.includes(status)) ?? EXIT.done;
}

/** A stream that keeps what is written into it. */
export function capture(): Output & { readonly text: () => string } {
  let text = '';
  const write = (part: string): void => {
    text += part;
  };
  return { write, isTTY: false, columns: undefined, text: () => text };
}

/** The same desk for one engine alone. */
export function deskFor({ world, options }: Pick<Desk, 'world' | 'options'>, address: string): Desk {
  return openDesk(world, { ...options, flags: new Map([...options.flags, ['engine.address', address]]) });
}

/** Of the engines that the settings mean. @returns none where there is none to be found, which the command says better itself */
export function addressesOf({ world, loaded }: Desk): readonly string[] {
  try {
    return findEngines(loaded.settings['engine.address'], world).map(formatEngineAddress);
  } catch (error) {
    if (error instanceof OperatingError) return [];
    throw error;
  }
}

const WORST_FIRST: readonly number[] = [EXIT.interrupted, EXIT.usage, EXIT.failed, EXIT.keptBack, EXIT.targetNotReached];

/** Opens the store beside an engine, which is closed when that fails. @throws OperatingError when the store is needed and cannot be had */
export function joinStore(desk: Desk, runtime: Runtime, need: 'read' | 'write'): Session {
  try {
    const { store, mayWrite } = openStoreFor(desk, need);
    const close = (): void => {
      runtime.close();
      store[Symbol.dispose]();
    };
    return { desk, runtime, store, mayWrite, [Symbol.dispose]: close };
  } catch (error) {
    runtime.close();
    throw error;
  }
}

/** Opens the store of the settings, and says so when what was there had to be set aside. */
export function openStore({ world, loaded }: Desk, access: 'read-write' | 'read-only'): Store {
  const store = world.openStore(loaded.settings['store.path'], access);
  const { path, condition } = store;
  if (condition.kind === 'set-aside') {
    world.err.write(
      `imagegc: warning: the store ${printable(path)} could not be used: ${printable(condition.problem)}\n` +
        `  It lies in ${printable(condition.evidencePath)} now, and a new one was begun: every image counts as used now.\n`,
    );
  }
  return store;
}

/** A listing must not fail because a store is full or belongs to root: then it is only read, or done without. */
function openStoreFor(desk: Desk, need: 'read' | 'write'): { store: Store; mayWrite: boolean } {
  const { world } = desk;
  try {
    return { store: openStore(desk, 'read-write'), mayWrite: true };
  } catch (error) {
    if (need === 'write' || !isAccessProblem(error)) throw error;
    const store = openReadOnly(desk);
    const loss = store?.condition.kind === 'sound' ? '' : ', and every image counts as first seen now';
    world.err.write(`imagegc: warning: nothing of this run is recorded${loss}: ${printable(error.message)}\n`);
    if (error.hint !== null) world.err.write(`  hint: ${error.hint}\n`);
    return { store: store ?? world.openMemoryStore(), mayWrite: false };
  }
}

function openReadOnly(desk: Desk): Store | null {
  try {
    return openStore(desk, 'read-only');
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
  const { policy, world } = desk;
  const findWorkloads = workloadFinder(desk);
  const { readClock, askRegistry } = world;
  return { runtime, store, mayWrite, policy, readClock, askRegistry, findWorkloads, freeBytes, decide: planCollection };
}

/** Looks for what the files of this host need, those that the settings name among them. */
export function workloadFinder({ world, loaded }: Desk): NonNullable<LookContext['findWorkloads']> {
  return (containers) => findWorkloads(world, loaded.settings['protect.workloads'], containers);
}

/** Prints what a command has to say: one JSON document where that was asked for, else text. @returns the exit status of what is done */
export function answer({ world, options }: Desk, { json, text }: { readonly json: () => object; readonly text: () => string }): number {
  world.out.write(options.json ? `${JSON.stringify(json(), null, 2)}\n` : text());
  return EXIT.done;
}
