import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Look } from '../../collect/look.ts';
import type { Daemon } from '../../daemon/daemon.ts';
import type { DaemonSettings } from '../../daemon/daemon-tools.ts';
import type { HostDaemon, WatchedEngine } from '../../daemon/host-daemon.ts';
import type { HttpAnswer, HttpQuestion, HttpRoutes } from '../../daemon/http-server.ts';
import { SharedLook } from '../../daemon/shared-look.ts';
import { formatDisk, formatLayers } from '../forms/dashboard-forms.ts';
import { formatHistory } from '../forms/history-form.ts';
import { formatWhy } from '../forms/images-form.ts';
import { formatPins } from '../forms/pins-form.ts';
import { formatPlan } from '../forms/plan-form.ts';
import { formatStatus } from '../forms/status-form.ts';
import type { World } from '../world.ts';

const HISTORY_LIMIT = 200;

/** The files of the page, which are read when they are asked for, and no others. */
const FILES = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/dashboard.js': ['dashboard.js', 'text/javascript; charset=utf-8'],
  '/dashboard.css': ['dashboard.css', 'text/css; charset=utf-8'],
  '/icon.svg': ['icon.svg', 'image/svg+xml'],
} as const;

/**
 * The page, and the JSON that it shows (`docs/json.md`): what the commands of the same names print, of the engine that `?engine=` names by its
 * address, else of the first.
 */
export function dashboardPages(
  host: HostDaemon,
  settings: () => DaemonSettings,
  world: Pick<World, 'readClock' | 'releaseMemory'>,
): HttpRoutes {
  const looks = new WeakMap<Daemon, ReturnType<typeof shareLooks>>();
  const engineOf = ({ query }: HttpQuestion): WatchedEngine => host.engineAt(query.get('engine'));
  const looked = (part: keyof ReturnType<typeof renderLook>) => async (question: HttpQuestion) => {
    const { daemon } = engineOf(question);
    const shared = looks.get(daemon) ?? shareLooks(daemon, world);
    looks.set(daemon, shared);
    return (await shared.read())?.[part] ?? { status: 503, body: { error: 'the engine was not looked at yet' } };
  };
  const recalled = (read: Parameters<typeof Daemon.prototype.recall<object>>[0]) => (question: HttpQuestion) => {
    const value = engineOf(question).daemon.recall(read);
    return value === null ? { status: 503, body: { error: 'there is no store to read' } } : content(value);
  };
  return {
    ...Object.fromEntries(Object.entries(FILES).map(([path, [name, type]]) => [path, () => readPage(name, type)])),
    '/api/status': (question) => content(formatStatus(host.status(), engineOf(question).address)),
    '/api/disk': (question) => content(formatDisk(engineOf(question).daemon.ledger, settings().policy.disk)),
    '/api/images': looked('images'),
    '/api/layers': looked('layers'),
    '/api/plan': looked('plan'),
    '/api/history': recalled((store, key) => formatHistory(store.readRemovals(key, HISTORY_LIMIT), [])),
    '/api/pins': recalled((store) => formatPins(store.listPins())),
  };
}

/** One look at an engine for all who watch it. */
function shareLooks(daemon: Daemon, world: Pick<World, 'readClock' | 'releaseMemory'>) {
  return new SharedLook({ ...world, look: () => daemon.peek(), countChanges: () => daemon.ledger.changes, render: renderLook });
}

/** Only the text of it is kept. */
function renderLook(look: Look) {
  return {
    images: content(formatWhy(look.inventory.images, look)),
    layers: content(formatLayers(look.inventory)),
    plan: content(formatPlan(look.plan)),
  };
}

function content(value: object): HttpAnswer {
  return named(Buffer.from(`${JSON.stringify(value)}\n`), 'application/json');
}

function named(body: Buffer, type: string): HttpAnswer {
  const hash = process.getBuiltinModule('node:crypto').createHash('sha256').update(body).digest('base64url');
  return { status: 200, body, type, etag: `"${hash.slice(0, 22)}"` };
}

function readPage(name: string, type: string): HttpAnswer {
  // Beside the bundle; a checkout that runs from its source has built it there too.
  const places = [join(import.meta.dirname, 'dashboard'), join(import.meta.dirname, '../../../dist/dashboard')];
  const file = places.map((place) => join(place, name)).find((path) => existsSync(path));
  if (file === undefined) return { status: 404, body: { error: `${name} was not built: run "npm run build"` } };
  return named(readFileSync(file), type);
}
