import { readOrNull } from '../model/error.ts';
import { readForeign } from './settings/foreign-settings.ts';
import type { World } from './world.ts';

type Host = Pick<World, 'readFile' | 'listDirectory'>;

/** What stands around the engine on this host, as far as files tell; nothing is asked that could hang. */
export interface HostFacts {
  readonly storage: 'flash card' | 'hard disk' | 'solid state' | null;
  /** Null: there is none, or its settings cannot be read. */
  readonly kubelet: { readonly path: string; readonly high: unknown } | null;
  /** Other programs that remove images: what, and where it was found. */
  readonly collectors: readonly string[];
  readonly hasBattery: boolean;
  /** A program that builds for others. */
  readonly builder: string | null;
}

const KUBELET_FILES = ['/var/lib/kubelet/config.yaml', '/etc/kubernetes/kubelet/kubelet-config.json', '/etc/kubernetes/kubelet.yaml'];
const PERIODS = ['d', 'hourly', 'daily', 'weekly', 'monthly'].map((period) => `/etc/cron.${period}`);
const SCHEDULES = [...PERIODS, '/etc/systemd/system', '/var/spool/cron/crontabs'];
const COLLECTS = /\bdocuum\b|\bdocker-gc\b|\b(?:docker|podman) (?:system|image|builder) prune\b|\bcrictl rmi --prune\b/;
const COLLECTORS = /^(?:docuum|docker-gc|eraser)$/;
const BUILDERS = /^(?:gitlab-runner|buildkitd|Runner\.Listener|buildkite-agent|drone-runner.*|woodpecker-agent)$/;

/** Looks at the host. @param path where images are kept */
export function readHostFacts(host: Host, path: string): HostFacts {
  const list = (folder: string) => readOrNull(() => host.listDirectory(folder)) ?? [];
  const read = (file: string) => readOrNull(() => host.readFile(file)) ?? '';
  const processes = list('/proc').flatMap((pid) => (/^\d+$/.test(pid) ? [{ pid, name: read(`/proc/${pid}/comm`).trim() }] : []));
  const files = SCHEDULES.flatMap((folder) => list(folder).map((name) => `${folder}/${name}`));
  const scheduled = ['/etc/crontab', ...files].flatMap((file) => {
    const found = COLLECTS.exec(read(file).replaceAll(/^\s*#.*$/gm, ''))?.[0];
    return found === undefined ? [] : [`${found} (${file})`];
  });
  return {
    storage: readStorage(read, path),
    kubelet: readKubelet(read),
    collectors: [...processes.filter(({ name }) => COLLECTORS.test(name)).map(({ pid, name }) => `${name} (process ${pid})`), ...scheduled],
    hasBattery: list('/sys/class/power_supply').some((name) => name.startsWith('BAT')),
    builder: processes.find(({ name }) => BUILDERS.test(name))?.name ?? null,
  };
}

/** What the file system of a path lies on: the mount with the longest matching path tells its device. */
function readStorage(read: (file: string) => string, path: string): HostFacts['storage'] {
  const mounts = read('/proc/self/mountinfo')
    .split('\n')
    .map((line) => line.split(' '));
  const holding = mounts.filter(([, , , , point = '']) => point === '/' || `${path}/`.startsWith(`${point}/`));
  const [, , device] = holding.sort(([, , , , a = ''], [, , , , b = '']) => a.length - b.length).at(-1) ?? [];
  const block = `/sys/dev/block/${device}`;
  if (/^DEVNAME=mmcblk/m.test(read(`${block}/uevent`))) return 'flash card';
  // A partition has its queue one folder above.
  const rotates = (read(`${block}/queue/rotational`) || read(`${block}/../queue/rotational`)).trim();
  return rotates === '1' ? 'hard disk' : rotates === '0' ? 'solid state' : null;
}

function readKubelet(read: (file: string) => string): HostFacts['kubelet'] {
  const path = KUBELET_FILES.find((file) => read(file) !== '');
  const foreign = path === undefined ? null : readOrNull(() => readForeign('kubelet-config', path, read(path), []));
  return path === undefined || foreign === null ? null : { path, high: foreign.set.get('rules.disk.high') ?? 'off' };
}
