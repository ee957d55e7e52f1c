import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OperatingError } from './error.ts';

describe('OperatingError', () => {
  it('says what was done, on what, what happened and what to do, and carries the cause', () => {
    const cause = new Error('ENOENT');
    const parts = {
      kind: 'settings',
      operation: 'read the settings',
      subject: '/etc/x.toml',
      problem: 'line 3: no',
      hint: 'write 7d',
      cause,
    } as const;
    const error = new OperatingError(parts);
    assert.equal(error.message, 'cannot read the settings (/etc/x.toml): line 3: no');
    assert.equal(error.name, 'OperatingError');
    const { kind, operation, subject, problem, hint } = error;
    assert.deepEqual({ kind, operation, subject, problem, hint, cause: error.cause }, parts);
    assert.ok(error instanceof Error);
  });
});
