/** Runs lab.sh and roots.sh, which hold everything that needs namespaces; TypeScript holds everything that needs thought. */

import type { ChildProcess } from 'node:child_process';
import { execFile, spawn } from 'node:child_process';
import { join } from 'node:path';

const LAB_SCRIPT = join(import.meta.dirname, 'lab.sh');
const ROOTS_SCRIPT = join(import.meta.dirname, 'roots.sh');
const BASH = '/bin/bash';

/** Runs `lab.sh ...args` for a laboratory and gives what it prints, trimmed. @throws with the script's own words */
export function runLab(directory: string, ...args: readonly string[]): Promise<string> {
  return run(LAB_SCRIPT, args, { ...process.env, LAB_DIR: directory });
}

/** Runs `roots.sh ...args` and gives what it prints, trimmed. @throws with the script's own words */
export function runRoots(...args: readonly string[]): Promise<string> {
  return run(ROOTS_SCRIPT, args, process.env);
}

/**
 * Starts the safety net: it waits for the end of its standard input, which the kernel brings about however this process
 * ends, and then ends every cell and deletes the directory. Its own session keeps a Ctrl-C at the terminal from it.
 */
export function startGuard(directory: string): ChildProcess {
  const guard = spawn(BASH, [LAB_SCRIPT, 'guard'], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { ...process.env, LAB_DIR: directory },
  });
  guard.unref();
  return guard;
}

async function run(script: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  execFile(BASH, [script, ...args], { env }, (error, stdout, stderr) => {
    if (error === null) resolve(stdout.trim());
    else reject(new Error(stderr.trim() === '' ? error.message : stderr.trim()));
  });
  return promise;
}
