import { SETTLE_MS } from '../../collect/collection.ts';
import type { DaemonSettings } from '../../daemon/daemon-tools.ts';
import { HostDaemon, type OpenRuntime } from '../../daemon/host-daemon.ts';
import { serveHttp } from '../../daemon/http-server.ts';
import type { Log } from '../../daemon/log.ts';
import { findCronProblem, type Schedule } from '../../daemon/schedule.ts';
import { openServiceNotifier, type ServiceNotifier } from '../../daemon/service-notify.ts';
import { OperatingError } from '../../model/error.ts';
import { formatEngineAddress } from '../../runtime/engine-transport.ts';
import { findEngines } from '../engine-address.ts';
import { readMachineId } from '../machine-id.ts';
import { EXIT, usageError } from '../output/error-text.ts';
import { daemonLog } from '../output/log-lines.ts';
import { DashboardKey } from '../pages/dashboard-key.ts';
import { dashboardPages } from '../pages/dashboard-pages.ts';
import { healthPages } from '../pages/health-pages.ts';
import { type PageOrderTools, pageOrders } from '../pages/page-orders.ts';
import { type Desk, openDesk, workloadFinder } from '../session.ts';
import { MountedSettings } from '../settings/mounted-settings.ts';
import type { Settings } from '../settings/setting-keys.ts';
import { keepLock, lockFor, lockStore } from './collecting.ts';
import { serveOrders } from './daemon-orders.ts';

/** `imagegc daemon`: watches use, collects on schedule, serves its health; until it is told to stop. @returns the exit status */
export async function runDaemon(first: Desk): Promise<number> {
  const { world } = first;
  const log = daemonLog(world);
  // Before the lock: what is wrong with the settings is told whoever keeps the store.
  let settings = readSettings(first);
  using _only = await beTheOnlyOne(first);
  const notifier = openServiceNotifier(world.environment);
  const { readClock, wait, makeMark, judgeOwner, releaseMemory } = world;
  const daemon = new HostDaemon({
    ...{ readClock, wait, makeMark, judgeOwner, releaseMemory, settleMs: SETTLE_MS, log },
    settings: () => settings,
    machineId: readMachineId(world),
    findEngines: () => openersOf(first),
    openStore: () => world.openStore(first.loaded.settings['store.path'], 'read-write', 'when-read'),
    lockEngine: (runtime) => lockFor(world, runtime),
  });
  const reload = (): void => {
    try {
      const next = openDesk(world, first.options);
      settings = readSettings(next);
      warnOfLateKeys(first.loaded.settings, next.loaded.settings, log);
      daemon.health.resolve('settings');
      log('info', 'the settings were read again');
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      daemon.health.report('settings', error);
    }
  };
  const stop = world.catchServiceSignals(reload);
  await using _serving = await serve(first, { settings: () => settings, daemon, log, stop });
  using _beating = beat(daemon, notifier, stop);
  using _watching = watchMounted(first, reload, stop);
  log('info', `imagegc daemon, store ${first.loaded.settings['store.path']}`);
  await daemon.run(stop);
  notifier.stopping();
  log('info', 'stopped');
  return EXIT.done;
}

/** @throws OperatingError when there is no engine to be found */
function openersOf({ world, loaded }: Desk): ReadonlyMap<string, OpenRuntime> {
  const found = findEngines(loaded.settings['engine.address'], world);
  return new Map(found.map((address) => [formatEngineAddress(address), () => world.openRuntime(address)]));
}

/** @throws OperatingError `settings` for a pattern that no time matches */
function readSettings(desk: Desk): DaemonSettings {
  const { settings } = desk.loaded;
  const cron = settings['schedule.cron'];
  const problem = cron === null ? null : findCronProblem(cron);
  if (problem !== null) {
    const hint = 'five fields: minute, hour, day of the month, month, day of the week; such as "17 3 * * *"';
    throw usageError('use the settings', `schedule.cron = "${cron}"`, problem, hint);
  }
  const { 'schedule.at': at, 'schedule.every': everyMs, 'schedule.spread': spreadMs } = settings;
  const schedule: Schedule = { ...(cron === null ? { kind: 'daily', at, everyMs } : { kind: 'cron', pattern: cron }), spreadMs };
  const { enabled, 'rules.pace': paceMs } = settings;
  return { enabled, policy: desk.policy, schedule, paceMs, findWorkloads: workloadFinder(desk), askRegistry: desk.world.askRegistry };
}

const LATE_KEYS = ['engine.address', 'store.path', 'http.listen'] as const;

function warnOfLateKeys(before: Settings, now: Settings, log: Log): void {
  for (const key of LATE_KEYS) {
    if (before[key] !== now[key]) log('warn', `${key} = "${now[key]}" takes effect when the daemon is started again`);
  }
}

/** One daemon per store. @throws OperatingError `lock-held` that says which other runs */
async function beTheOnlyOne(desk: Desk): Promise<Disposable> {
  const hint = 'one daemon is enough; "imagegc doctor" tells how it does';
  const told = { operation: 'run the daemon', subject: desk.loaded.settings['store.path'], hint };
  return keepLock(await lockStore(desk), 'keeps this store already', told);
}

/** What is served beside the daemon, and by what. */
interface Served extends Pick<PageOrderTools, 'daemon' | 'log' | 'stop'> {
  readonly settings: () => DaemonSettings;
}

async function serve(desk: Desk, { settings, daemon, log, stop }: Served): Promise<AsyncDisposable> {
  const serving = new AsyncDisposableStack();
  const key = new DashboardKey();
  const listen = desk.loaded.settings['http.listen'];
  if (listen !== '') {
    const { world, options } = desk;
    const shown = dashboardPages(daemon, settings, world);
    const orders = pageOrders({ world, options, key, daemon, log, stop });
    serving.use(await serveHttp(listen, { ...healthPages(daemon, settings, world), ...shown, ...orders }));
    log('info', `health is served at ${listen}: /healthz, /readyz`);
  }
  makeStoreFolder(desk);
  const orders = await serveOrders(desk, log, { key, daemon });
  if (orders !== null) serving.use(orders);
  return serving;
}

/** The socket stands beside the store. What is wrong there the daemon finds, reports and tries again. */
function makeStoreFolder({ world, loaded }: Desk): void {
  try {
    world.makeStoreFolder(loaded.settings['store.path']);
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
  }
}

const MOUNTED_EVERY_MS = 10_000;

/** Reads the settings again when the ConfigMap that they are mounted from has changed. */
function watchMounted({ world, loaded }: Desk, reload: () => void, stop: AbortSignal): Disposable {
  const mounted = new MountedSettings(loaded.files, world.listDirectory);
  const timer = setInterval(() => mounted.hasChanged() && reload(), MOUNTED_EVERY_MS).unref();
  const end = (): void => clearInterval(timer);
  stop.addEventListener('abort', end);
  return { [Symbol.dispose]: end };
}

/** How often a person who asks `systemctl status` sees something new. */
const STATUS_EVERY_MS = 10_000;

/** Tells the service manager that the daemon is there, what it does, and that it lives. */
function beat(daemon: HostDaemon, notifier: ServiceNotifier, stop: AbortSignal): Disposable {
  notifier.ready();
  const tell = (): void => {
    const { problems, isCollecting, isReady, engine } = daemon.status();
    const well = isCollecting ? 'collecting' : isReady ? `watching ${engine}` : 'looking for an engine';
    notifier.status(problems[0]?.problem ?? well);
  };
  const timers = [setInterval(tell, STATUS_EVERY_MS)];
  if (notifier.aliveEveryMs !== null) timers.push(setInterval(() => notifier.alive(), notifier.aliveEveryMs));
  for (const timer of timers) timer.unref();
  const end = (): void => timers.forEach(clearInterval);
  stop.addEventListener('abort', end);
  return { [Symbol.dispose]: end };
}
