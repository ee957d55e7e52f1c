/** The daemon as a process of its own, on real engines: what it records, what it survives, how it ends. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import * as v from 'valibot';
import { acquireEngineLock, isHeld } from '../../src/runtime/engine-lock.ts';
import { kindsOf, openLabOfRun } from '../contract/lab-of-run.ts';
import { ENGINE_KINDS, type EngineKind, isPodman, type Lab, type LabEngine, type LabRegistry } from '../lab/lab.ts';
import { TAR_END, tarMember } from '../lab/tar.ts';
import { readUses, startDaemon, until, wordsFor } from './daemon-process.ts';
import { imageOf, tagImage } from './engine-names.ts';
import { type Folder, makeFolder, runImagegc, startImagegc } from './imagegc-process.ts';

const image = (repository: string) => ({
  repository,
  tags: ['1'],
  layers: [
    { key: 'base', kb: 4 },
    { key: repository, kb: 4 },
  ],
});

const lab = await openLabOfRun(ENGINE_KINDS.map((kind) => `the daemon on ${kind}`));
if (lab !== null) {
  after(() => lab.close());
  describe('the daemon', { concurrency: true }, () => {
    for (const kind of kindsOf(lab, ENGINE_KINDS, 'the daemon')) describeDaemon(lab, kind);
  });
}

interface Host extends AsyncDisposable {
  readonly engine: LabEngine;
  readonly registry: LabRegistry;
  readonly folder: Folder;
}

async function openHost(lab: Lab, kind: EngineKind): Promise<Host> {
  const folder = makeFolder();
  // The registry first, because Podman reads which of them speak plain HTTP when it starts.
  const registry = await lab.startRegistry();
  const engine = await lab.start(kind);
  await engine.loadImages(['lab/app', 'lab/base', 'lab/other', 'lab/moving', 'lab/newer'].map(image));
  const close = async (): Promise<void> => {
    await engine.stop();
    await registry.stop();
    folder[Symbol.dispose]();
  };
  return { engine, registry, folder, [Symbol.asyncDispose]: close };
}

function describeDaemon(lab: Lab, kind: EngineKind): void {
  test(`records every use on ${kind}, through restarts and kills of either side, and ends when it is told to`, async () => {
    await using host = await openHost(lab, kind);
    const { engine, registry, folder } = host;
    await using daemon = startDaemon(folder.path, engine.socketPath);
    await daemon.logged(/watching (?:docker|podman)/);
    await until(
      () => daemon.status('/readyz'),
      ({ httpStatus }) => httpStatus === 200,
    );
    await checkEvents(host);

    await engine.restart();
    await daemon.logged(/watching (?:docker|podman)/);
    await engine.kill9();
    await daemon.logged(/error .*engine/);
    assert.equal((await daemon.status()).httpStatus, 503);
    await engine.restart();
    await daemon.logged(/the engine is well again/);
    await checkUse(host, 'container', 'lab/other:1', () => runOnce(engine, 'lab/other:1'));

    daemon.signal('SIGKILL');
    await daemon.finished;
    const before = await readUses(folder.path, engine.socketPath);
    assert.ok(before.includes(`container ${await imageOf(engine, 'lab/other:1')}`));
    const pulled = `${registry.address}/team/late:v1`;
    registry.seed([{ ...image('team/late'), tags: ['v1'] }]);
    await engine.pull(pulled);
    await using again = startDaemon(folder.path, engine.socketPath);
    await again.logged(/watching (?:docker|podman)/);
    const late = await imageOf(engine, pulled);
    await until(
      () => readUses(folder.path, engine.socketPath),
      (uses) => uses.includes(`pull ${late}`),
    );

    again.signal('SIGTERM');
    const startedAt = performance.now();
    const { status, stderr } = await again.finished;
    assert.deepEqual([status, performance.now() - startedAt < 10_000], [0, true], stderr);
  });
}

/** Every kind of event once, each for an image of its own. */
async function checkEvents(host: Host): Promise<void> {
  const { engine, registry } = host;
  registry.seed([{ ...image('team/pulled'), tags: ['v1'] }]);
  await checkUse(host, 'pull', `${registry.address}/team/pulled:v1`, () => engine.pull(`${registry.address}/team/pulled:v1`));
  // Podman 4.3 does not say what it loaded: a look finds it, and its age begins then.
  const isLoadTold = engine.kind !== 'podman-old';
  if (isLoadTold) await checkUse(host, 'load', 'lab/loaded:1', () => engine.loadImages([image('lab/loaded')]).then(() => undefined));
  await checkUse(host, 'container', 'lab/app:1', () => runOnce(engine, 'lab/app:1'));
  // The tag moves on before the container goes: the image that was used is the older one.
  const [older, newer] = [await imageOf(engine, 'lab/moving:1'), await imageOf(engine, 'lab/newer:1')];
  await checkUse(host, 'container', older, async () => {
    const container = await engine.run({ image: 'lab/moving:1', createOnly: true });
    await tagImage(engine, newer, 'lab/moving:1');
    await engine.removeContainer(container);
  });
  await checkUse(host, 'build', 'lab/base:1', () => build(engine, 'lab/base:1', 'lab/built:1'));
}

async function checkUse({ engine, folder }: Host, evidence: string, name: string, act: () => Promise<void>): Promise<void> {
  await act();
  const use = `${evidence} ${await imageOf(engine, name)}`;
  await until(
    () => readUses(folder.path, engine.socketPath),
    (uses) => uses.includes(use),
  );
  assert.ok((await readUses(folder.path, engine.socketPath)).includes(use), use);
}

async function runOnce(engine: LabEngine, name: string): Promise<void> {
  await engine.removeContainer(await engine.run({ image: name, cmd: ['/bin/true'] }));
}

/** With BuildKit, which tells nothing of the base. */
async function build(engine: LabEngine, base: string, name: string): Promise<void> {
  const context = Buffer.concat([
    tarMember({ kind: 'file', name: 'Dockerfile', data: Buffer.from(`FROM ${base}\nCOPY Dockerfile /copied\n`) }),
    TAR_END,
  ]);
  const { text } = await engine.request('POST', `/build?version=2&t=${name}`, context);
  assert.match(text, isPodman(engine.kind) ? /Successfully tagged/ : /moby\.image\.id/, text);
}

if (lab !== null) {
  describe('beside the daemon', { concurrency: true }, () => {
    test('collect has the daemon do it, with the same output and exit status; who comes in between is told who collects', async () => {
      await using host = await openHost(lab, 'docker-new-overlay2');
      const { engine, folder } = host;
      await using daemon = startDaemon(folder.path, engine.socketPath);
      await daemon.logged(/watching docker/);
      await until(
        () => daemon.status('/readyz'),
        ({ httpStatus }) => httpStatus === 200,
      );
      await engine.run({ image: 'lab/app:1', name: 'kept' });
      const words = [...wordsFor(folder.path, engine.socketPath), '--rules-min-age', '0s', '--protect-local', 'no'];
      const refused = await runImagegc(['collect', ...words]);
      assert.deepEqual([refused.status, /nobody can be asked/.test(refused.stderr)], [2, true]);
      const wrong = await runImagegc(['collect', '--yes', ...words, '--rules-unused-for', '7']);
      assert.deepEqual([wrong.status, /rules\.unused_for = "7"/.test(wrong.stderr)], [2, true], wrong.stderr);
      const collected = await runImagegc(['collect', '--yes', '--free', '1TB', ...words]);
      assert.equal(collected.status, 4, collected.stderr);
      assert.match(collected.stdout, /Done: 4 removed/);
      assert.match(await daemon.logged(/the ordered collection ended with exit status \d/), /4$/);
      await imageOf(engine, 'lab/app:1');

      const second = await runImagegc(['daemon', ...wordsFor(folder.path, engine.socketPath)]);
      assert.deepEqual([second.status, new RegExp(`process ${daemon.pid} .*keeps this store already`).test(second.stderr)], [3, true]);
      const doctor = await runImagegc(['doctor', ...wordsFor(folder.path, engine.socketPath)]);
      assert.match(doctor.stdout, new RegExp(`ok +daemon +process ${daemon.pid} `));
      daemon.signal('SIGTERM');
      assert.equal((await daemon.finished).status, 0);
    });

    test('a scheduled run that meets another collector removes nothing, says who that is, and the daemon goes on', async () => {
      await using host = await openHost(lab, 'docker-new-overlay2');
      const { engine, folder } = host;
      const { ID } = v.parse(v.object({ ID: v.string() }), (await engine.request('GET', '/info')).body);
      const other = await acquireEngineLock(ID, { pid: process.pid, command: 'another collector', startedAt: null });
      assert.ok(!isHeld(other));
      const rules = ['--rules-unused-for', '1ms', '--rules-min-age', '0s', '--protect-local', 'no', '--schedule-cron', '* * * * *'];
      await using daemon = startDaemon(folder.path, engine.socketPath, rules);
      await daemon.logged(new RegExp(`process ${process.pid} \\(another collector\\).* is collecting on this engine`));
      assert.deepEqual(
        (await daemon.status()).problems.map(({ subject }) => subject),
        ['collection'],
      );
      other.release();
      await imageOf(engine, 'lab/app:1');
      daemon.signal('SIGTERM');
      assert.equal((await daemon.finished).status, 0);
    });

    test('SIGHUP reads the settings again; a bad file changes nothing, and is told', async () => {
      await using host = await openHost(lab, 'docker-old-overlay2');
      const { engine, folder } = host;
      const config = join(folder.path, 'config.toml');
      writeFileSync(config, '[schedule]\nat = "03:00"\n');
      await using daemon = startDaemon(folder.path, engine.socketPath, ['--config', config]);
      await daemon.logged(/watching docker/);
      const first = await until(
        () => daemon.status(),
        ({ nextRunAt }) => nextRunAt !== null,
      );
      writeFileSync(config, '[schedule]\nat = "25:00"\n');
      daemon.signal('SIGHUP');
      await daemon.logged(/schedule\.at = "25:00": write a time of day/);
      const bad = await daemon.status();
      assert.deepEqual([bad.httpStatus, bad.nextRunAt, bad.problems[0]?.subject], [503, first.nextRunAt, 'settings']);
      writeFileSync(config, '[schedule]\nat = "04:00"\n');
      daemon.signal('SIGHUP');
      await daemon.logged(/the settings were read again/);
      const good = await daemon.status();
      assert.deepEqual([good.httpStatus, good.nextRunAt === first.nextRunAt], [200, false]);
      daemon.signal('SIGTERM');
      assert.equal((await daemon.finished).status, 0);
    });

    test('an engine that is not there yet is waited for, and a wrong setting ends the daemon at once', async () => {
      using folder = makeFolder();
      await using daemon = startDaemon(folder.path, join(folder.path, 'none.sock'));
      await daemon.logged(/there is no such socket/);
      assert.deepEqual((await daemon.status('/readyz')).ready, false);
      daemon.signal('SIGTERM');
      assert.equal((await daemon.finished).status, 0);
      const wrong = await startImagegc(['daemon', '--schedule-cron', '99 3 * * *', '--http-listen', '']).finished;
      assert.deepEqual([wrong.status, /schedule\.cron = "99 3 \* \* \*"/.test(wrong.stderr)], [2, true], wrong.stderr);
      const unknown = await startImagegc(['daemon', '--schedule-on', '03:00']).finished;
      assert.deepEqual([unknown.status, /unknown option '--schedule-on'/.test(unknown.stderr)], [2, true], unknown.stderr);
    });

    test('a store that is deleted under the daemon is begun anew, and what is used from then on is recorded', async () => {
      await using host = await openHost(lab, 'docker-old-overlay2');
      const { engine, folder } = host;
      await using daemon = startDaemon(folder.path, engine.socketPath);
      await until(
        () => daemon.status('/readyz').catch(() => null),
        (status) => status?.httpStatus === 200,
      );
      rmSync(join(folder.path, 'store'), { recursive: true });
      await checkUse(host, 'container', 'lab/app:1', () => runOnce(engine, 'lab/app:1'));
      await daemon.logged(/was deleted or replaced/);
      daemon.signal('SIGTERM');
      assert.equal((await daemon.finished).status, 0);
      assert.equal(spawnSync('test', ['-e', join(folder.path, 'store/imagegc.db')]).status, 0);
    });
  });
}
