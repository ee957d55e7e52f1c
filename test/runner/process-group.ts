import { readdirSync, readFileSync } from 'node:fs';

/** Ends every process of the group at once; a group that is gone already is fine. */
export function killGroup(group: number): void {
  try {
    if (group > 1) process.kill(-group, 'SIGKILL');
  } catch {
    // nobody is left
  }
}

/** Waits until the group has no living process, or the patience is used up. */
export async function waitForGroup(group: number, patienceMs: number): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (hasMembers(group) && listGroup(group).length > 0 && performance.now() < deadline) {
    // waits: the kernel tells nobody when a group that is not ours to wait for has ended
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/**
 * The living processes of a group, each as `sleep (pid 123)`. Zombies do not count: where process 1 of a container does not
 * reap orphans, they stay for ever.
 */
export function listGroup(group: number): readonly string[] {
  return readdirSync('/proc').flatMap((pid) => {
    const stat = /^\d+$/.test(pid) ? readStat(pid) : null;
    return stat?.group === group && stat.state !== 'Z' && stat.state !== 'X' ? [`${stat.command} (pid ${pid})`] : [];
  });
}

function hasMembers(group: number): boolean {
  try {
    return group > 1 && process.kill(-group, 0);
  } catch {
    return false;
  }
}

/** `proc(5)`: the command stands in parentheses and may hold any sign, so it ends at the last one. */
function readStat(pid: string): { readonly command: string; readonly state: string; readonly group: number } | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state = '', , group = ''] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { command: text.slice(text.indexOf('(') + 1, text.lastIndexOf(')')), state, group: Number(group) };
  } catch {
    return null;
  }
}
