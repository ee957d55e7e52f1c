import { readOrNull } from '../model/error.ts';
import type { World } from './world.ts';

/** What systemd and D-Bus agree on; an image of a container has it empty, or `uninitialized`. */
const MACHINE_ID = /^[0-9a-f]{32}$/;

/** The host's own ID (machine-id(5)); null where there is none. It is to stay on the host, and only a hash of it goes into anything. */
export function readMachineId({ readFile }: Pick<World, 'readFile'>): string | null {
  const text = readOrNull(() => readFile('/etc/machine-id').trim()) ?? '';
  return MACHINE_ID.test(text) ? text : null;
}
