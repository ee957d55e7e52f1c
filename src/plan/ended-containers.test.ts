import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { plan } from '../../test/worlds/planned.ts';
import { DAY_MS, planInput, type WorldRows } from '../../test/worlds/world.ts';
import { durationMs } from '../model/brands.ts';
import { parseLabelPattern } from '../model/pattern.ts';
import type { Plan } from '../model/plan.ts';
import type { Policy } from '../model/policy.ts';
import { planScheduled } from './brakes.ts';
import { hasWork } from './build-cache.ts';

const WEEK = durationMs(7 * DAY_MS);

type Rows = NonNullable<WorldRows['containers']>;

function ended(of: string, days: number, more: Partial<Rows[number]> = {}): Rows[number] {
  return { of, state: 'exited', name: `${of}-job`, endedForMs: durationMs(days * DAY_MS), ...more };
}

function planned(containers: Rows, policy: Partial<Policy> = {}, images: WorldRows['images'] = [{ name: 'a' }, { name: 'b' }]): Plan {
  return plan({ images, containers, policy: { containersExitedForMs: WEEK, ...policy } });
}

const names = ({ containers }: Plan): readonly string[] => containers.map(({ name }) => name);

describe('a plan with exited containers', () => {
  it('removes one that ended long enough ago, to the millisecond, and its image stays in use in that run', () => {
    const made = planned([ended('a', 7), ended('b', 7 - 1 / DAY_MS)]);
    assert.deepEqual(names(made), ['a-job']);
    assert.equal(made.verdicts.find(({ imageId }) => made.containers[0]?.imageIds.includes(imageId))?.reason, 'in-use');
    assert.equal(hasWork(made), true);
  });

  it('removes none unless the rule is set', () => {
    assert.deepEqual(names(planned([ended('a', 99)], { containersExitedForMs: null })), []);
  });

  it('leaves what has not ended for good as far as anybody asked, and every other state', () => {
    const { endedForMs: _, ...unknown } = ended('a', 99);
    for (const container of [unknown, ...['created', 'running', 'dead', 'paused'].map((state) => ended('a', 99, { state }))]) {
      assert.deepEqual(names(planned([container])), []);
    }
  });

  for (const label of [
    'com.docker.compose.project',
    'com.docker.swarm.service.id',
    'io.kubernetes.pod.name',
    'net.azure-devices.edge.owner',
    'PODMAN_SYSTEMD_UNIT',
  ]) {
    it(`leaves one that ${label} says is an orchestrator's`, () => {
      assert.deepEqual(names(planned([ended('a', 99, { labels: { [label]: 'x' } })])), []);
    });
  }

  it('leaves one with a label that protects', () => {
    const label = parseLabelPattern('io.imagegc.keep=true');
    assert.ok(label.ok);
    const containers = [ended('a', 99, { labels: { 'io.imagegc.keep': 'true' } }), ended('b', 99, { labels: { 'io.imagegc.keep': 'no' } })];
    const rows: WorldRows = { images: [{ name: 'a' }, { name: 'b' }], containers };
    assert.deepEqual(names(plan({ ...rows, policy: { containersExitedForMs: WEEK, protect: { labels: [label.value] } } })), ['b-job']);
  });

  it('leaves one whose image another container needs as well, or goes with it where that is due too', () => {
    assert.deepEqual(names(planned([ended('a', 99), { of: 'a', state: 'running' }])), []);
    assert.deepEqual(names(planned([ended('a', 99), ended('a', 3)])), []);
    assert.deepEqual(names(planned([ended('a', 99), ended('a', 98)])), ['a-job', 'a-job']);
  });

  it('leaves one whose image is kept anyway, as by a rule', () => {
    const pinned = [{ name: 'a', image: { pinned: true } }, { name: 'b' }];
    assert.deepEqual(names(planned([ended('a', 99), ended('b', 99)], {}, pinned)), ['b-job']);
  });

  it('removes no more than one run may', () => {
    assert.deepEqual(names(planned([ended('a', 99), ended('b', 99)], { maxRemovals: 1 })), ['a-job']);
  });

  it('waits with it after boot, as with images that are old, when nobody asked', () => {
    const input = planInput({
      images: [{ name: 'a', usedDaysAgo: 0 }],
      containers: [ended('a', 99)],
      policy: { containersExitedForMs: WEEK },
    });
    const at = (minutes: number) =>
      planScheduled(input, { uptime: { bootId: 'b', bootTimeMs: durationMs(minutes * 60_000) }, massHold: null });
    assert.deepEqual([names(at(14).plan), names(at(15).plan)], [[], ['a-job']]);
    assert.notEqual(at(14).heldUntilMs, null);
  });

  it('removes none in doubt', () => {
    const doubts = [{ kind: 'in-use-unknown', message: 'x' }] as const;
    const rows = { images: [{ name: 'a' }], containers: [ended('a', 99)], inventory: { doubts }, policy: { containersExitedForMs: WEEK } };
    assert.deepEqual(names(plan(rows)), []);
  });
});
