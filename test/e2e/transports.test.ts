/** One real engine, spoken to from elsewhere: over TLS, and as ssh does, by `docker system dial-stdio`. The plan is the same; the disk is another host's. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createServer, type Server } from 'node:tls';
import * as v from 'valibot';
import { openLabOfRun } from '../contract/lab-of-run.ts';
import type { LabEngine } from '../lab/lab.ts';
import { type Finished, type Folder, makeFolder, runImagegc, runWell } from './imagegc-process.ts';

const KIND = 'docker-old-overlay2';
const SUBJECTS = ['TLS', 'ssh'].map((transport) => `${KIND} over ${transport}`);

const lab = await openLabOfRun(SUBJECTS);
const openssl = findOpenssl();
if (lab !== null && openssl === null)
  for (const subject of SUBJECTS) test(subject, { skip: 'missing: openssl, in Debian’s package of that name' });
if (lab !== null && openssl !== null) {
  after(() => lab.close());
  describe(`${KIND} on another host`, () => {
    let engine: LabEngine;
    let folder: Folder;
    before(async () => {
      engine = await lab.start(KIND);
      folder = makeFolder();
      await engine.loadImages([{ repository: 'lab/far', tags: ['1'], layers: [{ key: 'far', kb: 40 }] }]);
      await engine.run({ image: 'lab/far:1', name: 'far' });
    });
    after(async () => {
      await engine.stop();
      folder[Symbol.dispose]();
    });

    test('over TLS gives the same plan, and takes no disk for its own', async () => {
      const certificates = makeCertificates(folder.path);
      const server = await listenTls(certificates, engine.socketPath);
      try {
        const address = `tcp://localhost:${portOf(server)}`;
        const environment = { DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: join(certificates, 'client') };
        await expectSame(engine, folder, ['--engine-address', address], environment);
        await expectSame(engine, folder, [], { ...environment, DOCKER_HOST: address });
        const context = writeContext(folder.path, address, join(certificates, 'client'));
        await expectSame(engine, folder, [], { HOME: context, DOCKER_CONTEXT: 'far' });
        const unknown = await plan(folder, ['--engine-address', address], {
          ...environment,
          DOCKER_CERT_PATH: join(certificates, 'other'),
        });
        assert.equal(unknown.status, 1);
        assert.match(unknown.stderr, /tcp:\/\/localhost:\d+\): .*(?:certificate|self-signed|signature)/);
        const none = await plan(folder, ['--engine-address', address], { ...environment, DOCKER_CERT_PATH: '/nonexistent' });
        assert.match(none.stderr, /ca\.pem\): the certificate cannot be read/);
        assert.equal(none.status, 2);
      } finally {
        server.close();
      }
    });

    test('over ssh gives the same plan, and says what ssh said when it cannot', async () => {
      const root = lab.roots.find(({ generation }) => generation === 'old')?.path ?? '';
      const PATH = `${writeSsh(folder.path, engine.socketPath, join(root, 'usr/bin/docker'))}:${process.env['PATH']}`;
      await expectSame(engine, folder, ['--engine-address', 'ssh://ann@far.example:2222'], { PATH });
      const refused = await plan(folder, ['--engine-address', 'ssh://nobody@far.example'], { PATH });
      assert.equal(refused.status, 1);
      assert.match(refused.stderr, /ssh:\/\/nobody@far\.example\): ssh ended with 255: nobody@far\.example: Permission denied/);
    });
  });
}

const exported = v.object({ images: v.array(v.object({ id: v.string() })), containers: v.array(v.object({ name: v.string() })) });

async function expectSame(
  engine: LabEngine,
  folder: Folder,
  words: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<void> {
  const store = ['--store-path', join(folder.path, 'store')];
  const here: unknown = JSON.parse(await runWell(['export', 'inventory', ...store, '--engine-address', `unix://${engine.socketPath}`]));
  const there: unknown = JSON.parse(await runWell(['export', 'inventory', ...store, ...words], { environment }));
  assert.deepEqual(v.parse(exported, there), v.parse(exported, here));
  assert.equal(typeof here === 'object' && here !== null && 'disk' in here, true);
  assert.equal(typeof there === 'object' && there !== null && 'disk' in there, false);
}

function plan(folder: Folder, words: readonly string[], environment: Readonly<Record<string, string>>): Promise<Finished> {
  return runImagegc(['plan', '--store-path', join(folder.path, 'store'), ...words], { environment });
}

function findOpenssl(): string | null {
  try {
    return execFileSync('openssl', ['version'], { encoding: 'utf8' });
  } catch {
    return null;
  }
}

/** An authority, a server and a client that it vouches for, and another authority. @returns the folder */
function makeCertificates(folder: string): string {
  const path = join(folder, 'certificates');
  const run = (...words: readonly string[]) => execFileSync('openssl', words, { cwd: path, stdio: ['ignore', 'ignore', 'pipe'] });
  for (const name of ['server', 'client', 'other']) mkdirSync(join(path, name), { recursive: true });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  for (const authority of ['client', 'other']) {
    run(
      'req',
      '-x509',
      ...key,
      '-days',
      '2',
      '-subj',
      `/CN=${authority} authority`,
      '-keyout',
      `${authority}/ca-key.pem`,
      '-out',
      `${authority}/ca.pem`,
    );
    for (const name of authority === 'client' ? ['server', 'client'] : ['other']) {
      run('req', ...key, '-subj', '/CN=localhost', '-keyout', `${name}/key.pem`, '-out', `${name}/request.pem`);
      writeFileSync(join(path, name, 'names'), 'subjectAltName=DNS:localhost\n');
      const signed = [
        '-CA',
        `${authority}/ca.pem`,
        '-CAkey',
        `${authority}/ca-key.pem`,
        '-CAcreateserial',
        '-days',
        '2',
        '-extfile',
        `${name}/names`,
      ];
      run('x509', '-req', '-in', `${name}/request.pem`, ...signed, '-out', `${name}/cert.pem`);
    }
  }
  return path;
}

/** TLS as dockerd does with --tlsverify: who has no certificate of ours is not let in. */
async function listenTls(certificates: string, socketPath: string): Promise<Server> {
  const read = (name: string): Buffer => readFileSync(join(certificates, name));
  const material = { key: read('server/key.pem'), cert: read('server/cert.pem'), ca: read('client/ca.pem') };
  const server = createServer({ ...material, requestCert: true, rejectUnauthorized: true }, (client) => {
    const onward = connect(socketPath);
    for (const [one, other] of [[client, onward] as const, [onward, client] as const]) one.on('error', () => other.destroy()).pipe(other);
  });
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  return server;
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** A context as `docker context create far` leaves it. @returns the home folder it is in */
function writeContext(folder: string, host: string, certificates: string): string {
  const home = join(folder, 'home');
  // SHA-256 of "far".
  const key = execFileSync('sh', ['-c', 'printf far | sha256sum'], { encoding: 'utf8' }).slice(0, 64);
  const meta = join(home, '.docker/contexts/meta', key);
  const tls = join(home, '.docker/contexts/tls', key, 'docker');
  for (const path of [meta, tls]) mkdirSync(path, { recursive: true });
  writeFileSync(
    join(meta, 'meta.json'),
    JSON.stringify({ Name: 'far', Metadata: {}, Endpoints: { docker: { Host: host, SkipTLSVerify: false } } }),
  );
  for (const name of ['ca.pem', 'cert.pem', 'key.pem']) writeFileSync(join(tls, name), readFileSync(join(certificates, name)));
  return home;
}

/** Stands for ssh, without the encryption between: runs what it is told to run over there, with the real client of Docker. @returns its folder */
function writeSsh(folder: string, socketPath: string, docker: string): string {
  const path = join(folder, 'bin');
  mkdirSync(path);
  writeFileSync(
    join(path, 'ssh'),
    `#!/bin/sh
case "$*" in *"-l nobody "*) echo 'nobody@far.example: Permission denied (publickey).' >&2; exit 255;; esac
[ "$*" = '-oBatchMode=yes -oConnectTimeout=30 -p 2222 -l ann -- far.example docker system dial-stdio' ] || { echo "odd words: $*" >&2; exit 2; }
DOCKER_HOST=unix://${socketPath} exec ${docker} system dial-stdio
`,
  );
  chmodSync(join(path, 'ssh'), 0o755);
  return path;
}
