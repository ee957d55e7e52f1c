import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { plan, removed } from '../../test/worlds/planned.ts';
import type { WorldRows } from '../../test/worlds/world.ts';

const digest = `sha256:${'b'.repeat(64)}`;
const IMAGES: WorldRows['images'] = [
  { name: 'named' },
  { name: 'globbed', references: ['registry.example/team/app:7'] },
  { name: 'by-digest', references: [], digests: [`docker.io/library/by-digest@${digest}`] },
  { name: 'other', references: ['docker.io/library/named:2'] },
];

describe('what workloads need', () => {
  const workloads = [
    { pattern: 'named:1', by: '/srv/compose.yaml (service web)' },
    { pattern: 'docker.io/library/named:1', by: 'swarm service web' },
    { pattern: '*/app:*', by: '/srv/compose.yaml (service app)' },
    { pattern: `by-digest:3@${digest}`, by: 'swarm service db' },
  ];

  it('is kept as protected under every rule, with who needs it; another tag of the same repository is not', () => {
    for (const policy of [{}, { disk: { maxImages: 1 } }]) {
      const made = plan({ images: IMAGES, inventory: { workloads }, policy });
      assert.deepEqual(removed(made), ['other']);
      const details = made.verdicts.flatMap((verdict) => (verdict.reason === 'protected' ? [verdict.detail] : []));
      assert.deepEqual(details, [
        '/srv/compose.yaml (service web) needs named:1 and 1 more do',
        '/srv/compose.yaml (service app) needs */app:*',
        `swarm service db needs by-digest:3@${digest}`,
      ]);
    }
  });

  it('goes by age without them', () => {
    assert.equal(removed(plan({ images: IMAGES })).length, 4);
  });
});
