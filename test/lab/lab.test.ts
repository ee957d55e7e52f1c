import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { stringOf } from './engine-api.ts';
import type { DockerKind, Lab, LabEngine, LabRegistry } from './lab.ts';
import { attachLab, DOCKER_KINDS, describeLab, ENGINE_KINDS, imageFamily, openLab } from './lab.ts';
import { traceOf } from './traces-of-lab.ts';

const result = await openLab({ say: console.log, podman: true });
const skipAll = result.kind === 'unavailable' ? `the engine laboratory needs ${result.missing.join(', ')}` : false;
const skip = skipAll;
const FAMILY = imageFamily({ count: 6, baseKb: 200, midKb: 50, leafKb: 10 });
let opened: { readonly lab: Lab; readonly registry: LabRegistry } | undefined;

if (result.kind === 'ready') {
  opened = { lab: result.lab, registry: await result.lab.startRegistry() };
  after(() => result.lab.close());
}

function laboratory(): { readonly lab: Lab; readonly registry: LabRegistry } {
  if (opened === undefined) throw new Error('skipped tests do not come here');
  return opened;
}

async function listOf(engine: LabEngine, path: string): Promise<readonly unknown[]> {
  const { body } = await engine.request('GET', path);
  assert.ok(Array.isArray(body), `${path}: ${JSON.stringify(body)}`);
  return body;
}

async function engineIdOf(engine: LabEngine): Promise<string> {
  return stringOf((await engine.request('GET', '/info')).body, 'ID');
}

for (const kind of ENGINE_KINDS) {
  const missing = opened?.lab.missing(kind) ?? null;
  const skip = result.kind === 'unavailable' ? skipAll : (missing ?? false);
  test(`${kind} loads images, runs a container of one, and keeps both over kill -9 and restart`, { skip }, async () => {
    await using engine = disposable(await laboratory().lab.start(kind, 'runs'));
    await engine.value.loadImages(FAMILY);
    assert.equal((await listOf(engine.value, '/images/json')).length, FAMILY.length);
    await engine.value.run({ image: 'lab/app1:v1', name: 'sleeper' });
    assert.equal((await listOf(engine.value, '/containers/json')).length, 1);
    const killed = engine.value.pid;
    await engine.value.kill9();
    await engine.value.restart();
    assert.notEqual(engine.value.pid, killed);
    assert.equal((await listOf(engine.value, '/images/json')).length, FAMILY.length);
    assert.equal((await listOf(engine.value, '/containers/json?all=1')).length, 1);
  });

  test(`${kind} pulls by tag and by digest, and one platform of several`, { skip }, async () => {
    const { lab, registry } = laboratory();
    await using engine = disposable(await lab.start(kind, 'pulls'));
    const base = { key: `${kind}-base`, kb: 100 };
    const [one, several] = registry.seed([
      { repository: `${kind}/one`, tags: ['v1', 'latest'], layers: [base, { key: 'one', kb: 10 }] },
      { repository: `${kind}/several`, layers: [base], architectures: ['amd64', 'arm64'] },
    ]);
    await engine.value.pull(`${registry.address}/${kind}/one:latest`);
    await engine.value.pull(`${registry.address}/${kind}/one@${one?.digest}`);
    await engine.value.pull(`${registry.address}/${kind}/several@${several?.digest}`);
    await engine.value.run({ image: `${registry.address}/${kind}/one@${one?.digest}`, createOnly: true });
    assert.equal((await listOf(engine.value, '/images/json')).length, 2);
  });
}

for (const kind of DOCKER_KINDS) {
  test(`${kind} saved and restored has the same images and is another engine`, { skip }, async () => {
    const { lab } = laboratory();
    await using first = disposable(await lab.start(kind, 'saved'));
    await first.value.loadImages(FAMILY);
    const [saved, id] = [await lab.save(first.value), await restartedId(first.value)];
    await using second = disposable(await lab.restore(kind, saved, 'restored'));
    assert.equal((await listOf(second.value, '/images/json')).length, FAMILY.length);
    assert.notEqual(await engineIdOf(second.value), id);
    await second.value.run({ image: 'lab/app0:v1' });
  });
}

async function restartedId(engine: LabEngine): Promise<string> {
  await engine.restart();
  return engineIdOf(engine);
}

test('an engine keeps its ID over stop, restart and a power cut', { skip }, async () => {
  await Promise.all(DOCKER_KINDS.map(keepsIdentity));
});

async function keepsIdentity(kind: DockerKind): Promise<void> {
  await using engine = disposable(await laboratory().lab.start(kind, 'identity'));
  const id = await engineIdOf(engine.value);
  assert.equal(await restartedId(engine.value), id);
  await engine.value.cutPower();
  assert.equal(await restartedId(engine.value), id);
}

test('the data root is at the path that the engine tells, and a disk of its own has the size asked for', { skip }, async () => {
  const diskBytes = 64 * 1024 * 1024;
  await using engine = disposable(await laboratory().lab.start('docker-new-overlay2', 'disk', { diskBytes }));
  const { body } = await engine.value.request('GET', '/info');
  assert.equal(stringOf(body, 'DockerRootDir'), engine.value.dataRoot);
  const { bsize, blocks, bfree } = statfsSync(engine.value.dataRoot);
  assert.equal(bsize * blocks, diskBytes);
  await engine.value.loadImages([{ repository: 'lab/big', layers: [{ key: 'big', kb: 20_000 }] }]);
  assert.ok(bsize * (bfree - statfsSync(engine.value.dataRoot).bfree) > 20_000_000);
});

test('two laboratories at once share no port, socket or container, and closing one leaves the other alone', { skip }, async () => {
  const { lab, registry } = laboratory();
  await using mine = disposable(await lab.start('docker-old-overlay2', 'twin'));
  const other = await openLab({ say: () => undefined });
  assert.ok(other.kind === 'ready');
  await using otherLab = other.lab;
  const [theirs, theirRegistry] = [await otherLab.start('docker-old-overlay2', 'twin'), await otherLab.startRegistry()];
  assert.notEqual(theirRegistry.address, registry.address);
  for (const engine of [mine.value, theirs]) {
    await engine.loadImages(FAMILY);
    await engine.run({ image: 'lab/app0:v1', name: 'same-name' });
  }
  await otherLab.close();
  assert.equal((await listOf(mine.value, '/containers/json')).length, 1);
  assert.deepEqual(traceOf(otherLab.directory), []);
});

test('an attached laboratory ends what it started and nothing else', { skip }, async () => {
  const { lab } = laboratory();
  await using owners = disposable(await lab.start('docker-new-overlay2', 'shared'));
  const attached = attachLab(describeLab(lab));
  const theirs = await attached.start('docker-new-overlay2', 'shared');
  await attached.close();
  assert.equal(existsSync(theirs.socketPath), false);
  assert.equal((await owners.value.request('GET', '/_ping')).status, 200);
});

test('attaching to a laboratory that has ended says so', () => {
  const description = JSON.stringify({ directory: '/tmp/imagegc-lab-ended', roots: [] });
  assert.throws(() => attachLab(description), /no laboratory in \/tmp\/imagegc-lab-ended/);
});

for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL'] as const) {
  test(`a process that ends by ${signal} leaves no process, mount, control group or file behind`, { skip }, async () => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'lab-left-open.ts')], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [directory] = await once(createInterface(child.stdout), 'line');
    assert.equal(typeof directory, 'string');
    assert.notDeepEqual(traceOf(String(directory)), []);
    child.kill(signal);
    await once(child, 'exit');
    await untilGone(String(directory));
  });
}

test('nothing of the machine changes: no interface, forwarding or mount, no engine state where engines keep it', { skip }, async () => {
  const before = stateOfMachine();
  const other = await openLab({ say: () => undefined, podman: true });
  assert.ok(other.kind === 'ready');
  await using otherLab = other.lab;
  for (const kind of ENGINE_KINDS.filter((each) => otherLab.missing(each) === null)) {
    const engine = await otherLab.start(kind);
    await engine.loadImages(FAMILY.slice(0, 1));
    await engine.run({ image: 'lab/app0:v1' });
  }
  assert.deepEqual(stateOfMachine(), before);
});

function stateOfMachine(): object {
  const list = (path: string): readonly string[] => (existsSync(path) ? readdirSync(path).sort() : ['absent']);
  return {
    interfaces: list('/sys/class/net'),
    forwarding: readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8'),
    mounts: readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => !line.includes('/imagegc-lab-')).length,
    sockets: ['/run/docker.sock', '/run/docker', '/run/containerd', '/run/podman', '/etc/docker', '/etc/cni'].map((path) =>
      existsSync(path),
    ),
    state: ['/var/lib/docker', '/var/lib/containerd', '/var/lib/containers'].map(list),
  };
}

async function untilGone(directory: string): Promise<void> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const left = traceOf(directory);
    if (left.length === 0) return;
    assert.ok(performance.now() < deadline, `left behind: ${left.join(', ')}`);
    const { promise, resolve } = Promise.withResolvers<void>();
    setTimeout(resolve, 50);
    await promise;
  }
}

/** An engine that ends with the test that started it, so that few run at a time. */
function disposable(value: LabEngine): AsyncDisposable & { readonly value: LabEngine } {
  return { value, [Symbol.asyncDispose]: () => value.cutPower() };
}
