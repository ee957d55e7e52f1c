import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { idleMs, imageId } from '../model/brands.ts';
import { type LineageHabit, NO_HABITS, versionKey } from '../model/use-habits.ts';
import { HabitLearner } from '../usage/habit-learner.ts';
import { findStandings } from './standings.ts';

/** Names and digests; some of both end alike, and some share a version key. */
const ids = fc.oneof(
  fc.constantFrom(
    'a',
    'b',
    'ab',
    'image-of-16-chars',
    '16-characters-id',
    'x16-characters-id',
    'sha256:0123456789abcdef',
    'sha256:f0123456789abcdef',
  ),
  // Of one key the halves are swapped, their characters are, and one half alone is another's.
  fc.constantFrom('sha256:89abcdef01234567', 'sha256:0123456789abcdfe', 'sha256:1023456789abcdef', 'sha256:7654321089abcdef'),
  fc.stringMatching(/^sha256:[0-9a-f]{64}$/),
);
const at = fc.nat(5).map(idleMs);
const habits: fc.Arbitrary<readonly LineageHabit[]> = fc.array(
  fc.record({
    name: fc.constantFrom('app', 'web', 'job'),
    gaps: fc.constant(NO_HABITS.host.gaps),
    lastUsedMs: at,
    headKey: ids.map((id) => versionKey(imageId(id))),
    pastVersions: fc.array(fc.record({ key: ids.map((id) => versionKey(imageId(id))), lastUsedMs: at, supersededMs: at }), {
      maxLength: 3,
    }),
    uses: fc.nat(9),
    sameImageUses: fc.constant(0),
  }),
  { maxLength: 8 },
);

test('findStandings() gives each image what the learner has by its version key', () => {
  fc.assert(
    fc.property(fc.array(ids, { maxLength: 12 }), habits, (names, list) => {
      const lineages = new Map(list.map((habit) => [habit.name, habit]));
      const { standings } = new HabitLearner({ ...NO_HABITS, lineages });
      const found = findStandings(
        names.map((id) => ({ id: imageId(id) })),
        lineages,
      );
      const seen = (lineages.size === 0 ? names.map(() => undefined) : found).map(
        (standing) => standing && { ...standing, habit: standing.habit.name },
      );
      const expected = names
        .map((id) => standings.get(versionKey(imageId(id))))
        .map((standing) => standing && { ...standing, habit: standing.habit.name });
      assert.deepEqual(seen, expected);
    }),
    { numRuns: 500 },
  );
});
