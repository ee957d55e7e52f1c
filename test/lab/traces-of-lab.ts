/** Finds whatever a laboratory could leave on a machine, for tests that claim it leaves nothing. */
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';

/** One line for each process, mount, control group and file of the laboratory in this directory; empty if it is gone. */
export function traceOf(directory: string): readonly string[] {
  const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && belongsTo(name, directory));
  const groups = globSync([`/sys/fs/cgroup/${basename(directory)}`, `/sys/fs/cgroup/*/${basename(directory)}`]);
  return [...processes.map((pid) => `process ${pid}`), ...groups, ...(existsSync(directory) ? [directory] : [])];
}

/** By its command line, or by a mount that it sees: mounts of a cell show in the table of every process inside. */
function belongsTo(pid: string, directory: string): boolean {
  if (Number(pid) === process.pid) return mentions('/proc/self/mountinfo', directory);
  return mentions(`/proc/${pid}/cmdline`, directory) || mentions(`/proc/${pid}/mountinfo`, directory);
}

function mentions(path: string, directory: string): boolean {
  try {
    return readFileSync(path, 'utf8').includes(directory);
  } catch {
    return false; // the process has ended meanwhile
  }
}
