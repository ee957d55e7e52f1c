import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OperatingError, type OperatingErrorParts } from '../../model/error.ts';
import { exitStatusOf, formatError } from './error-text.ts';

const PARTS: OperatingErrorParts = { kind: 'permission', operation: 'open', subject: '/x', problem: 'not allowed', hint: 'run as root' };

test('formatError() says what failed, on what, what happened and what to do', () => {
  assert.equal(formatError(new OperatingError(PARTS)), 'imagegc: cannot open (/x): not allowed\n  hint: run as root\n');
  assert.equal(formatError(new OperatingError({ ...PARTS, hint: null })), 'imagegc: cannot open (/x): not allowed\n');
});

test('formatError() keeps the lines of several problems and makes everything else harmless', () => {
  const error = new OperatingError({ ...PARTS, problem: '2 problems\n  a\u001b[2J\n  b', hint: null });
  assert.equal(formatError(error), 'imagegc: cannot open (/x): 2 problems\n  a?[2J\n  b\n');
});

test('formatError() calls any other error a fault of ours, with its trace', () => {
  assert.match(formatError(new TypeError('oops')), /^imagegc: internal error; please report it\nTypeError: oops\n {4}at /);
  assert.match(formatError('text'), /text\n$/);
});

test('exitStatusOf() is 2 for settings and input, 3 for a lock held by another, else 1', () => {
  assert.deepEqual((['settings', 'input', 'lock-held', 'disk-full', 'not-found'] as const).map(exitStatusOf), [2, 2, 3, 1, 1]);
});
