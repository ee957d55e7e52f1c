import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { daysAgo, HOUR_MS, makeInventory, NOW_MS, type WorldRows } from '../../test/worlds/world.ts';
import { idleMs, wallMs } from '../model/brands.ts';
import type { Instant, Lineage } from '../model/use-record.ts';
import { sightLineages } from './lineage-sighting.ts';

const STREAM = 'docker.io/library/app:#';
const images: WorldRows['images'] = ['app1', 'app2', 'app3'].map((name, index) => ({
  name,
  references: [`docker.io/library/app:${index + 1}`],
}));

/** One container of a version, created and started so many hours ago on the wall clock. */
function of(name: string, hoursAgo: number, rest: Partial<NonNullable<WorldRows['containers']>[number]> = {}) {
  const at = wallMs(NOW_MS - hoursAgo * HOUR_MS);
  return { of: name, createdAt: at, startedAt: at, state: 'running', ...rest };
}

function known(head: string, previous: string | null, switchedHoursAgo: number, headConfirmed = false): Lineage {
  const [lineage] = sightLineages(makeInventory({ images, containers: [of(head, 1)] }), new Map(), hoursAgo(switchedHoursAgo));
  const previousImageId = images.some(({ name }) => name === previous) ? (imageOf(previous) ?? null) : null;
  return { ...(lineage ?? assert.fail()), previousImageId, headConfirmed };
}

function imageOf(name: string | null) {
  return makeInventory({ images }).images.find(({ id }) => id === name)?.id;
}

function hoursAgo(hours: number): Instant {
  return daysAgo(hours / 24);
}

/** What changes in `before` when these containers are seen now. */
function seen(containers: NonNullable<WorldRows['containers']>, before?: Lineage, now: Instant = daysAgo(0)): readonly Lineage[] {
  const inventory = makeInventory({ images, containers });
  return sightLineages(inventory, new Map(before === undefined ? [] : [[before.name, before]]), now);
}

describe('sightLineages()', () => {
  it('takes the image of the newest container for the head, whatever its state and wherever it is listed', () => {
    const containers = [of('app1', 9), of('app3', 1, { state: 'exited' }), of('app2', 5)];
    for (const order of [containers, containers.toReversed()]) {
      assert.deepEqual(seen(order), [
        { name: STREAM, headImageId: 'app3', previousImageId: null, switchedAt: daysAgo(0), headConfirmed: false },
      ]);
    }
  });

  it('prefers the running one of two created at once', () => {
    assert.equal(seen([of('app1', 1), of('app2', 1, { state: 'exited' })])[0]?.headImageId, 'app1');
    assert.equal(seen([of('app2', 1, { state: 'exited' }), of('app1', 1)])[0]?.headImageId, 'app1');
  });

  it('makes the old head the previous version when a newer container runs another image', () => {
    const [after] = seen([of('app1', 100), of('app2', 0.1)], known('app1', null, 100, true));
    assert.deepEqual([after?.headImageId, after?.previousImageId, after?.headConfirmed], ['app2', 'app1', false]);
    assert.deepEqual(after?.switchedAt, daysAgo(0));
  });

  it('swaps head and previous version at a rollback, which has to prove itself again', () => {
    const [after] = seen([of('app1', 0.1)], known('app2', 'app1', 5, true));
    assert.deepEqual([after?.headImageId, after?.previousImageId, after?.headConfirmed], ['app1', 'app2', false]);
  });

  it('confirms a head that has run for an hour by the wall clock and by the idle clock', () => {
    assert.deepEqual(
      seen([of('app2', 1)], known('app2', 'app1', 1)).map(({ headConfirmed, previousImageId }) => [headConfirmed, previousImageId]),
      [[true, 'app1']],
    );
  });

  it('confirms nothing on one clock alone, nor what restarts, nor what does not run', () => {
    assert.deepEqual(seen([of('app2', 1)], known('app2', 'app1', 0.9)), [], 'the wall clock jumped');
    assert.deepEqual(seen([of('app2', 9, { startedAt: wallMs(NOW_MS - 0.9 * HOUR_MS) })], known('app2', 'app1', 9)), [], 'it restarted');
    assert.deepEqual(seen([of('app2', 9, { state: 'exited' })], known('app2', 'app1', 9)), [], 'it does not run');
    assert.deepEqual(seen([of('app2', 9, { startedAt: null })], known('app2', 'app1', 9)), [], 'nobody knows since when');
  });

  it('never takes a confirmation back', () => {
    assert.deepEqual(seen([of('app2', 0.1, { state: 'exited' })], known('app2', 'app1', 9, true)), []);
  });

  it('leaves a lineage alone whose containers are gone', () => {
    assert.deepEqual(seen([], known('app2', 'app1', 9)), []);
  });

  it('goes by the workload where labels name one, whatever repository it runs', () => {
    const labels = { 'com.docker.compose.project': 'shop', 'com.docker.compose.service': 'web' };
    assert.deepEqual(
      seen([of('app2', 1, { labels })]).map(({ name }) => name),
      ['compose:shop/web'],
    );
  });

  it('goes by the name a container was created with, where the image has several', () => {
    const two = [{ name: 'x', references: ['docker.io/library/app:1', 'docker.io/library/app:latest', 'host:5000/mirror:1'] }];
    const names = (imageName: string | null) =>
      sightLineages(makeInventory({ images: two, containers: [{ of: 'x', imageName }] }), new Map(), daysAgo(0)).map(({ name }) => name);
    assert.deepEqual(names('app:1'), [STREAM]);
    assert.deepEqual(names('app'), ['docker.io/library/app:latest']);
    assert.deepEqual(names('host:5000/mirror:1'), ['host:5000/mirror:#']);
    assert.deepEqual(names(null), [STREAM, 'docker.io/library/app:latest', 'host:5000/mirror:#']);
    assert.deepEqual(names('gone:1'), [STREAM, 'docker.io/library/app:latest', 'host:5000/mirror:#']);
  });

  it('learns nothing from a container whose image is unknown or gone', () => {
    assert.deepEqual(seen([of('app9', 1), { of: null, imageName: 'app:1' }]), []);
  });

  it('counts the switch on the clock it is given', () => {
    const now = { idleMs: idleMs(7), wallMs: wallMs(NOW_MS) };
    assert.deepEqual(seen([of('app1', 1)], undefined, now)[0]?.switchedAt, now);
  });
});
