/** Whole commands on containerd: as a person runs them, and beside a daemon. */
import assert from 'node:assert/strict';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import * as v from 'valibot';
import { type ContainerdWorld, openContainerdWorld } from '../contract/containerd-world.ts';
import { local } from '../contract/contract-images.ts';
import { openLabOfRun } from '../contract/lab-of-run.ts';
import { CONTAINERD_KINDS, type ContainerdKind, type Lab } from '../lab/lab.ts';
import { FAILED, USAGE } from './bad-input-cases.ts';
import { asNobody, checkRefusal, listenFalsely, speakHttp } from './bad-world.ts';
import { readUses, startDaemon, until } from './daemon-process.ts';
import { type Folder, makeFolder, runImagegc } from './imagegc-process.ts';

const plan = v.object({
  refusal: v.null(),
  removals: v.array(v.object({ imageId: v.string(), references: v.array(v.string()), freesBytes: v.number() })),
  verdicts: v.array(v.object({ imageId: v.string(), reason: v.string() })),
});
/** Whatever nobody needs, however young. */
const EVERYTHING = ['--free', '1GB', '--rules-min-age', '0s', '--protect-local', 'no'];
const TARGET_MISSED = 4;

const lab = await openLabOfRun(CONTAINERD_KINDS.map((kind) => `commands on ${kind}`));
if (lab !== null) {
  after(() => lab.close());
  for (const kind of CONTAINERD_KINDS) describe(`commands on ${kind}`, () => describeCommands(lab, kind));
}

function describeCommands(lab: Lab, kind: ContainerdKind): void {
  let world: ContainerdWorld;
  let folder: Folder;
  before(async () => {
    world = await openContainerdWorld(lab, kind, 'kubernetes');
    folder = makeFolder();
    chmodSync(folder.path, 0o755);
  });
  after(async () => {
    folder[Symbol.dispose]();
    await world.close();
  });
  const words = (command: string, store: string, ...more: readonly string[]): readonly string[] => {
    const address = `containerd://${world.engine.socketPath}`;
    return [command, '--engine-address', address, '--store-path', join(folder.path, store), ...more];
  };

  test('collect removes what plan said, in every namespace, and nothing that a pod, a lease or the engine needs', async () => {
    const { actor, runtime } = world;
    const ids = {
      busy: await actor.addImage(local('busy')),
      old: await actor.addImage(local('old', { layers: [['old', 900]] })),
      both: await actor.addImage(local('both', { layers: [['both', 500]] })),
    };
    await world.actorIn('default').addImage(local('both', { layers: [['both', 500]] }));
    const container = await actor.createContainer({ image: 'lab/busy:1', name: 'busy', state: 'exited' });
    const asked = await runImagegc(words('plan', 'one', '--json', ...EVERYTHING));
    const { removals, verdicts } = v.parse(plan, JSON.parse(asked.stdout));
    assert.deepEqual(new Set(removals.map(({ imageId }) => imageId)), new Set([ids.old, ids.both]));
    assert.deepEqual(
      verdicts.filter(({ imageId }) => imageId === ids.busy).map(({ reason }) => reason),
      ['in-use'],
    );
    const before = await world.usedBytes();
    const done = await runImagegc(words('collect', 'one', '--yes', ...EVERYTHING));
    const freed = before - (await world.usedBytes());
    const expected = removals.reduce((sum, { freesBytes }) => sum + freesBytes, 0);
    assert.equal(done.status, TARGET_MISSED, done.stderr);
    assert.match(done.stdout, /Done: 2 removed/);
    assert.ok(Math.abs(freed - expected) < 100_000, `expected ${expected}, freed ${freed}`);
    assert.deepEqual([await runtime.readNames(ids.old), await runtime.readNames(ids.both)], [null, null]);
    assert.notEqual(await runtime.readNames(ids.busy), null);
    await actor.removeContainer(container);
  });

  test('the daemon records a pull and a container as they happen, and goes on when containerd was started again', async () => {
    const { actor, engine } = world;
    // Before the daemon: uses of one image within a minute are one.
    const id = await actor.addImage(local('daemon-sees'));
    await using daemon = startDaemon(folder.path, engine.socketPath);
    await daemon.logged(/ready: /);
    const pulled = await actor.pullImage('team/seen', 'tag');
    const uses = () => readUses(folder.path, engine.socketPath);
    await until(uses, (list) => list.includes(`pull ${pulled.id}`));
    const container = await actor.createContainer({ image: 'lab/daemon-sees:1', name: 'daemon-sees', state: 'exited' });
    await until(uses, (list) => list.includes(`container ${id}`));
    await actor.removeContainer(container);
    await engine.restart();
    await daemon.logged(/ready: /);
    const late = await actor.addImage(local('after-restart'));
    const seen = await until(uses, (list) => list.some((use) => use.endsWith(late)));
    assert.equal(seen.filter((use) => use === `pull ${pulled.id}`).length, 1);
  });
}

describe('an address of containerd where none is', () => {
  let folder: Folder;
  before(() => {
    folder = makeFolder();
    chmodSync(folder.path, 0o755);
  });
  after(() => folder[Symbol.dispose]());
  const ask = (address: string, options = {}) =>
    runImagegc(['plan', '--engine-address', address, '--store-path', join(folder.path, 'store')], options);

  for (const scheme of ['containerd', 'cri', 'unix']) {
    test(`${scheme}: a web server and a socket that is not there are told apart`, async () => {
      const socket = join(folder.path, 'false.sock');
      await using _server = await listenFalsely(socket, speakHttp(null, '<html>'));
      const says =
        scheme === 'unix' ? /names no API version\n {2}hint: does a Docker engine/ : /speak gRPC.*\n {2}hint: does containerd or CRI-O/;
      checkRefusal(await ask(`${scheme}://${socket}`), { status: FAILED, says });
      checkRefusal(await ask(`${scheme}://${socket}.none`), {
        status: FAILED,
        says: /there is no such socket\n {2}hint: is the engine running/,
      });
    });
  }

  test('a socket that this user may not open is told as that', async (t) => {
    const nobody = asNobody();
    if (nobody.kind === 'missing') return t.skip(nobody.skip);
    const socket = join(folder.path, 'root.sock');
    await using _server = await listenFalsely(socket, speakHttp(null, ''));
    chmodSync(socket, 0o600);
    checkRefusal(await ask(`containerd://${socket}`, nobody.options), {
      status: FAILED,
      says: /may not open the socket\n {2}hint: run as root/,
    });
  });

  test('a wrong address is told with right ones', async () => {
    const says = /write unix:\/\/\/var\/run\/docker\.sock, .*cri:\/\/\/var\/run/;
    for (const address of ['containerd:///x?ns=a', 'cri:///x?namespace=a']) checkRefusal(await ask(address), { status: USAGE, says });
  });
});
