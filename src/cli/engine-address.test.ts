import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { OperatingError } from '../model/error.ts';
import { formatEngineAddress, parseEngineAddress } from '../runtime/engine-transport.ts';
import { type Candidate, chooseEngines, findEngines, listCandidates } from './engine-address.ts';

const folder = mkdtempSync(join(tmpdir(), 'imagegc-address-'));
chmodSync(folder, 0o755);
after(() => rmSync(folder, { recursive: true }));

function readFile(path: string): never {
  throw new Error(`there is no ${path}`);
}

/** The engine that is chosen, as it is written. */
function find(address: string, world: ReturnType<typeof user>): string {
  return findEngines(address, world).map(formatEngineAddress).join(' ');
}

/** A user whose own places are below a folder of the test's making. */
function user(name: string, environment: Readonly<Record<string, string>> = {}) {
  const home = join(folder, name);
  return { userId: 1_000, home, readFile, environment: { XDG_RUNTIME_DIR: join(home, 'run'), ...environment } };
}

/** Not a socket, which makes no difference before it is opened. */
function place(path: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, '');
  return path;
}

const isAbsent = (world: ReturnType<typeof user>, source: RegExp): boolean =>
  listCandidates(world).every((each) => !source.test(each.source) || each.state === 'absent');

describe('listCandidates()', () => {
  it('knows Docker and Podman, of the system and of a user, and Docker Desktop; root has no places of its own', () => {
    const sources = (world: ReturnType<typeof user>) => listCandidates(world).map(({ source }) => source);
    const own = ['rootless Docker', 'rootless Podman', 'Docker Desktop', 'Docker Desktop'];
    const later = ['containerd', 'k3s and RKE2', 'k0s', 'MicroK8s', 'CRI-O'];
    assert.deepEqual(sources(user('knows')), ['Docker', 'Podman', ...own, ...later]);
    assert.deepEqual(sources({ ...user('knows'), userId: 0 }), ['Docker', 'Podman', ...later]);
    const wishes = { CONTAINER_HOST: 'unix:///c.sock', DOCKER_HOST: 'unix:///d.sock' };
    assert.deepEqual(sources(user('knows', wishes)).slice(0, 3), ['DOCKER_HOST', 'CONTAINER_HOST', 'Docker']);
  });
});

describe('chooseEngines()', () => {
  const [containerd, k3s] = ['containerd:///run/containerd/containerd.sock', 'containerd:///run/k3s/containerd/containerd.sock'];
  const [docker, podman] = ['unix:///var/run/docker.sock', 'unix:///run/podman/podman.sock'];
  const at = (text: string, source: string, state: Candidate['state'] = 'open') => ({ address: parseEngineAddress(text), source, state });
  const choose = (...candidates: readonly Candidate[]) => chooseEngines(candidates).map(formatEngineAddress);

  it('takes the system’s containerd beside a Podman, and none but that one for Docker’s', () => {
    assert.deepEqual(choose(at(podman, 'Podman'), at(containerd, 'containerd')), [podman, containerd]);
    const all = [at(docker, 'Docker'), at(podman, 'Podman'), at(containerd, 'containerd'), at(k3s, 'k3s and RKE2')];
    assert.deepEqual(choose(...all), [docker, podman, k3s]);
    assert.deepEqual(choose(at(docker, 'Docker', 'closed'), at(containerd, 'containerd')), [containerd]);
  });

  it('takes a closed one where none is open, and nothing but what is wished for', () => {
    assert.deepEqual(choose(at(docker, 'Docker', 'closed'), at(podman, 'Podman', 'closed')), [docker]);
    assert.deepEqual(choose(at(podman, 'CONTAINER_HOST', 'wished'), at(docker, 'Docker')), [podman]);
  });
});

describe('findEngines()', () => {
  const hasSystemEngine = !isAbsent(user('probe'), /^(?:Docker|Podman)$/);

  it('finds a user\u2019s own Podman, and says every place where there is nothing', {
    skip: hasSystemEngine && 'an engine runs here',
  }, () => {
    const world = user('podman');
    const lookedAt = /no socket at \/var\/run\/docker\.sock \(Docker\) or \/run\/podman\/podman\.sock \(Podman\) or .*Docker Desktop/;
    const isSaid = (error: unknown) => error instanceof OperatingError && lookedAt.test(error.problem);
    assert.throws(() => findEngines('auto', world), isSaid);
    const socket = place(join(world.home, 'run/podman/podman.sock'));
    assert.equal(find('auto', world), `unix://${socket}`);
    assert.equal(find('auto', user('podman')), `unix://${socket}`);
  });

  it('passes over a socket that this user may not open', { skip: hasSystemEngine && 'an engine runs here' }, () => {
    const world = user('closed');
    const closed = place(join(world.home, 'run/docker.sock'));
    const open = place(join(world.home, 'run/podman/podman.sock'));
    chmodSync(closed, 0o600);
    chmodSync(open, 0o666);
    // Root may open every socket, so a process of its own becomes nobody.
    if (process.getuid?.() !== 0) chmodSync(closed, 0);
    const module = JSON.stringify(join(import.meta.dirname, 'engine-address.ts'));
    const script = `import { findEngines, listCandidates } from ${module};
      if (process.getuid() === 0) process.setuid(65534);
      const world = { ...${JSON.stringify(world)}, readFile: () => { throw new Error('none'); } };
      console.log(JSON.stringify([...findEngines('auto', world), ...listCandidates(world).map(({ source, state }) => source + ' ' + state)]));`;
    const [chosen, ...told] = JSON.parse(execFileSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' }));
    assert.deepEqual(chosen, { kind: 'unix', socketPath: open });
    assert.deepEqual(told.slice(2, 4), ['rootless Docker closed', 'rootless Podman open']);
  });

  it('takes all that can be opened, and containerd where no Docker is', { skip: hasSystemEngine && 'an engine runs here' }, () => {
    const world = user('several');
    const docker = place(join(world.home, 'run/docker.sock'));
    const podman = place(join(world.home, 'run/podman/podman.sock'));
    assert.equal(find('auto', world), `unix://${docker} unix://${podman}`);
    assert.equal(find(`auto, unix://${docker}, cri:///run/c.sock`, world), `unix://${docker} unix://${podman} cri:///run/c.sock`);
  });

  it('takes an engine once that two paths lead to', () => {
    const socket = place(join(folder, 'once/docker.sock'));
    symlinkSync(join(folder, 'once'), join(folder, 'twice'));
    assert.equal(find(`unix://${socket}, unix://${join(folder, 'twice/docker.sock')}`, user('once')), `unix://${socket}`);
  });

  it('takes those that are named, one of them with commas of its own', () => {
    const named = ['unix:///a.sock', 'containerd:///c.sock?namespace=k8s.io,default', 'ssh://host'];
    assert.equal(find(named.join(','), user('named')), named.join(' '));
  });

  it('believes a variable whatever is there, and an address before it', () => {
    const world = user('wish', { CONTAINER_HOST: 'unix:///nowhere/podman.sock' });
    assert.equal(find('auto', world), 'unix:///nowhere/podman.sock');
    assert.equal(find('unix:///elsewhere.sock', world), 'unix:///elsewhere.sock');
    assert.throws(
      () => findEngines('auto', user('wish', { CONTAINER_HOST: 'ssh://host/run/podman/podman.sock' })),
      /no address of an engine/,
    );
  });
});
