/** What a daemon of two engines serves of each, and does on which. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as v from 'valibot';
import { until } from '../../../test/e2e/daemon-process.ts';
import { type ServedDaemon, serveTwoEngines } from '../../../test/worlds/served-daemon.ts';
import { DAY_MS } from '../../../test/worlds/world.ts';

const TWO = `?engine=${encodeURIComponent('unix:///two')}`;
const images = v.object({ images: v.array(v.object({ references: v.array(v.string()) })) });
const documents = v.object({ engines: v.array(v.object({ document: images })) });
const status = v.object({
  ready: v.boolean(),
  engine: v.nullable(v.string()),
  problems: v.array(v.object({ subject: v.string(), engine: v.nullable(v.string()) })),
  uses: v.nullable(v.number()),
  engines: v.array(v.object({ address: v.string(), ready: v.boolean(), page: v.optional(v.nullable(v.string())) })),
});

async function read<Form extends v.GenericSchema>(form: Form, daemon: ServedDaemon, path: string): Promise<v.InferOutput<Form>> {
  return v.parse(form, await (await fetch(daemon.address + path)).json());
}

async function namesOf(daemon: ServedDaemon, query = ''): Promise<readonly string[]> {
  return (await read(images, daemon, `/api/images${query}`)).images.flatMap(({ references }) => references);
}

function isReady(daemon: ServedDaemon, query = ''): Promise<unknown> {
  return until(
    () => fetch(`${daemon.address}/api/images${query}`).catch(() => null),
    (answer) => answer?.status === 200,
  );
}

describe('a daemon of two engines', () => {
  it('serves each under its address, the first without one, and says which are where', async () => {
    await using daemon = await serveTwoEngines();
    for (const query of ['', TWO]) await isReady(daemon, query);
    assert.deepEqual([await namesOf(daemon), await namesOf(daemon, TWO)], [['docker.io/lab/one:1'], ['docker.io/lab/two:1']]);
    const { ready, engines } = await read(status, daemon, `/api/status${TWO}`);
    assert.deepEqual(
      [ready, engines.map(({ address, page }) => [address, page])],
      [
        true,
        [
          ['unix:///one', '?engine=unix%3A%2F%2F%2Fone'],
          ['unix:///two', null],
        ],
      ],
    );
  });

  it('collects on the one that the page shows, on none that is not watched, and counts the run where it was', async () => {
    await using daemon = await serveTwoEngines();
    for (const query of ['', TWO]) await isReady(daemon, query);
    daemon.pass(9 * DAY_MS);
    const token = /token: (\S+)/.exec((await daemon.run(['dashboard'])).out)?.[1] ?? '';
    const collect = (query: string): Promise<Response> =>
      fetch(`${daemon.address}/api/collect${query}`, { method: 'POST', headers: { 'x-imagegc-token': token }, body: '{}' });
    const wrong = await collect('?engine=unix:///three');
    assert.deepEqual([wrong.status, /no such engine is watched/.test(await wrong.text())], [400, true]);
    assert.equal((await collect(TWO)).status, 200);
    const { engines } = v.parse(documents, JSON.parse((await daemon.run(['images', '--json'])).out));
    assert.deepEqual(
      engines.map(({ document }) => document.images.length),
      [1, 0],
    );
    const metrics = await (await fetch(`${daemon.address}/metrics`)).text();
    assert.match(metrics, /imagegc_runs_total\{address="unix:\/\/\/two",kind="ordered",result="removed"\} 1\n/);
    assert.match(metrics, /imagegc_runs_total\{address="unix:\/\/\/one",kind="ordered",result="removed"\} 0\n/);
  });

  it('collects on both for "imagegc collect", and tells which one is away while the other is watched', async () => {
    let isAway = true;
    await using daemon = await serveTwoEngines((name) => name === 'one' && isAway);
    await isReady(daemon, TWO);
    const away = await read(status, daemon, '/healthz');
    assert.deepEqual([away.ready, away.problems.map(({ engine }) => engine), away.uses], [false, ['unix:///one'], 0]);
    assert.match(away.engine ?? '', /^unix:\/\/\/one \(away\), memory engine two/);
    daemon.pass(9 * DAY_MS);
    const half = await daemon.run(['collect', '--yes']);
    assert.deepEqual([half.status, half.out.match(/Done: 1 removed/g)?.length], [1, 1], half.err);
    isAway = false;
    await isReady(daemon);
    const both = await daemon.run(['collect', '--yes']);
    assert.deepEqual([both.status, both.out.match(/^== unix:/gm)?.length], [0, 2], both.err);
  });
});
