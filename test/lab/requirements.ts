/** What the engine laboratory needs of this machine, and the exact words for what is missing. */
import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const PROGRAMS = ['/bin/bash', 'apt-get', 'dpkg', 'flock', 'unshare', 'nsenter', 'mount', 'pivot_root'];

/** Everything that is missing, in words a person can act on; empty if the laboratory can be set up. */
export function missingRequirements(): readonly string[] {
  if (process.platform !== 'linux') return [`Linux (this is ${process.platform})`];
  const uid = process.getuid?.();
  const missing = [
    ...(uid === 0 ? [] : [`root (this runs as uid ${uid})`]),
    ...PROGRAMS.filter((name) => !isProgram(name)),
    ...(existsSync(KEYRING) ? [] : [`${KEYRING} (package debian-archive-keyring)`]),
  ];
  // the kernel is asked only when the asking can succeed at all
  return missing.length > 0 ? missing : missingFromKernel();
}

function missingFromKernel(): readonly string[] {
  if (!succeeds('unshare', ['--mount', '--pid', '--fork', 'true'])) return ['unshare --mount --pid (CAP_SYS_ADMIN)'];
  const overlay = 'mount -t tmpfs none /mnt && cd /mnt && mkdir a b c d && mount -t overlay -o lowerdir=a,upperdir=b,workdir=c none d';
  return succeeds('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', overlay])
    ? []
    : ['overlay file systems (kernel module overlay)'];
}

function succeeds(program: string, args: readonly string[]): boolean {
  try {
    execFileSync(program, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function isProgram(name: string): boolean {
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return (name.startsWith('/') ? [name] : directories.map((directory) => join(directory, name))).some(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
