import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idleMs } from '../model/brands.ts';
import { GAP_BUCKETS, type LineageHabit } from '../model/use-habits.ts';
import { HABIT_FORM } from './habit-forms.ts';

test('HABIT_FORM takes less than 1 KiB for a lineage of which everything is known', () => {
  const at = idleMs(94_608_000_123);
  const habit: LineageHabit = {
    name: `registry.example:5000/${'team/'.repeat(8)}service:release-#.#.#`,
    gaps: Array.from({ length: GAP_BUCKETS }, (_, bucket) => 0.999 + bucket / 64),
    lastUsedMs: at,
    headKey: '0123456789abcdef',
    pastVersions: Array.from({ length: 8 }, () => ({ key: '0123456789abcdef', lastUsedMs: at, supersededMs: at })),
    uses: 49.123_456_789,
    sameImageUses: 48.123_456_789,
  };
  const sealed = HABIT_FORM.seal(habit, 1, habit.name, at);
  assert.ok(sealed.length < 1_024, `${sealed.length} bytes`);
  assert.equal(HABIT_FORM.unseal(sealed).gaps[5], 1.08);
});

test('HABIT_FORM refuses a bucket that does not exist', () => {
  const [name, at] = ['app', idleMs(1)];
  const habit: LineageHabit = { name, gaps: [], lastUsedMs: at, headKey: 'a', pastVersions: [], uses: 0, sameImageUses: 0 };
  assert.throws(() => HABIT_FORM.seal({ ...habit, gaps: Array.from({ length: 41 }, () => 1) }, 1, name, at), /not to be stored/);
});
