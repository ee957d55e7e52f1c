import assert from 'node:assert/strict';
import { it } from 'node:test';
import { readMachineId } from './machine-id.ts';

it('readMachineId() reads the ID of the host, and knows when there is none', () => {
  const id = 'c5d1f2e0b7a94f3f8b6c0123456789ab';
  const read = (text: string): string | null => readMachineId({ readFile: () => text });
  assert.deepEqual([read(`${id}\n`), read(''), read('uninitialized\n')], [id, null, null]);
  assert.equal(
    readMachineId({
      readFile: () => {
        throw new Error('ENOENT');
      },
    }),
    null,
  );
});
