/** The container image: built without an engine, run as a container beside what it cleans up, and never removed by it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { readProjectFile } from '../code/project-files.ts';
import { openLabOfRun } from '../contract/lab-of-run.ts';
import { type EngineKind, imageFamily, type Lab, type LabEngine } from '../lab/lab.ts';
import { buildImage, IMAGE_NAME, type ImagegcContainer, loadImage, runImagegcContainer } from './container-image.ts';
import { until, wordsFor } from './daemon-process.ts';
import { type Folder, makeFolder, runImagegc, UNPROTECTED } from './imagegc-process.ts';

const KINDS: readonly EngineKind[] = ['docker-old-overlay2', 'docker-new-overlay2', 'docker-new-containerd'];
const TARGET_MISSED = 4;
const NOBODY = 65_534;
/** Nothing is too young, and nothing is kept for what may come. */
const SETTINGS = '[rules]\nmin_age = "0s"\n[protect]\nlocal = "no"\nkeep_last = 0\n';
const FREE_ALL = ['collect', '--yes', '--free', '900GB'];

test('the image has the flags of the launcher for a daemon', () => {
  const flags = /exec "\$node" (--jitless.*) "\$bundle"/.exec(readProjectFile('bin/imagegc'))?.[1];
  assert.ok(
    readProjectFile('packaging/image/build.mjs').includes(
      `[${flags
        ?.split(' ')
        .map((flag) => `'${flag}'`)
        .join(', ')}]`,
    ),
  );
});

const lab = await openLabOfRun(KINDS.map((kind) => `the container image on ${kind}`));
if (lab !== null) {
  after(() => lab.close());
  describe('the container image', () => describeImage(lab));
}

function describeImage(lab: Lab): void {
  let folder: Folder;
  let archive = '';
  before(() => {
    folder = makeFolder();
    chmodSync(folder.path, 0o755);
  });
  after(() => folder[Symbol.dispose]());

  test('is built in one step, holds no shell, and is the same each time', (context) => {
    const first = buildImage(folder.path);
    archive = first.archive;
    context.diagnostic(`${first.said.split('\n')[1]}; the archive: ${(statSync(archive).size / 1e6).toFixed(1)} MB`);
    assert.equal(buildImage(folder.path).said, first.said);
    const list = execFileSync('tar', ['--list', '--file', archive], { encoding: 'utf8' });
    const layers = [...list.matchAll(/^blobs.*$/gm)].map(([path]) => path);
    const files = layers.flatMap((path) => {
      const blob = execFileSync('tar', ['--extract', '--to-stdout', '--file', archive, path], { maxBuffer: 1e9 });
      return blob[0] === 0x1f ? execFileSync('tar', ['--list', '--gzip'], { input: blob, encoding: 'utf8' }).split('\n') : [];
    });
    assert.deepEqual(
      files.filter((path) => /bin\/./.test(path)),
      ['usr/bin/node', 'usr/bin/imagegc'],
    );
  });

  for (const kind of KINDS) describe(kind, () => describeOnEngine(lab, kind, () => archive));
}

function describeOnEngine(lab: Lab, kind: EngineKind, archive: () => string): void {
  let engine: LabEngine;
  let imageId = '';
  let container: ImagegcContainer;
  before(async () => {
    engine = await lab.start(kind);
    imageId = await loadImage(engine, archive());
  });
  after(() => engine.stop());
  const listNames = async () => JSON.stringify((await engine.request('GET', '/images/json')).body).match(/"[a-z/]+:[\d.v]+"/g) ?? [];
  const name = `"${IMAGE_NAME}"`;

  test('is ready beside the socket alone, with a read-only root and no capability; how soon, and how big', async (context) => {
    const begun = performance.now();
    container = await runImagegcContainer(engine, 'imagegc', SETTINGS);
    await container.answers('/readyz', 200);
    const tookMs = performance.now() - begun;
    await container.answers('/healthz', 200);
    const read =
      "for (const line of require('fs').readFileSync('/proc/1/status', 'utf8').matchAll(/(VmRSS|RssAnon|CapEff):\\s+(\\w+)/g)) console.log(line[0])";
    const { output } = await container.exec('/usr/bin/node', '-e', read);
    assert.match(output, /CapEff:\s+0{16}/);
    context.diagnostic(`ready ${Math.round(tookMs)} ms after its creation; ${output.replaceAll(/\s+/g, ' ')}`);
  });

  test('collects everything but itself, as its container needs it', async () => {
    await engine.loadImages(imageFamily({ count: 3 }));
    const { status, output } = await container.exec('imagegc', ...FREE_ALL);
    assert.equal(status, TARGET_MISSED, output);
    assert.match(output, /Done: 3 removed/);
    assert.deepEqual(await listNames(), [name]);
    const why = await container.exec('imagegc', 'why', IMAGE_NAME);
    assert.match(why.output, /in-use|in use/);
    assert.match(why.output, /^ +and +recently-used: \S.* ago, kept for 7d/m);
  });

  test('takes drop-ins in the order of their names when it is told to; a wrong one changes nothing, and its health says so', async () => {
    const dropIns = join(container.settings, 'conf.d');
    mkdirSync(dropIns);
    const put = async (name: string, text: string) => {
      writeFileSync(join(dropIns, name), text);
      assert.equal((await engine.request('POST', `/containers/${container.id}/kill?signal=HUP`)).status, 204);
    };
    const isDue = (time: string) => async () => (await container.readHealth()).nextRunAt?.includes(`T${time}:00`) ?? false;
    await put('50-fleet.toml', '[schedule]\nat = "03:00"\n');
    await until(isDue('03:00'), Boolean);
    await put('90-this-host.toml', '[schedule]\nat = "05:00"\n');
    await until(isDue('05:00'), Boolean);
    const { output } = await container.exec('imagegc', 'config', 'show', '--origin');
    assert.match(output, /at = "05:00" .*conf\.d\/90-this-host\.toml/);
    await put('50-fleet.toml', '[schedule]\nat = "half past three"\n');
    const bad = await until(container.readHealth, ({ problems }) => problems.length > 0);
    assert.deepEqual(
      bad.problems.map(({ subject }) => subject),
      ['settings'],
    );
    assert.match(bad.problems[0]?.problem ?? '', /50-fleet\.toml/);
    assert.equal(await isDue('05:00')(), true);
    rmSync(join(dropIns, '90-this-host.toml'));
    await put('50-fleet.toml', '[schedule]\nat = "04:00"\n');
    await until(isDue('04:00'), Boolean);
    await container.answers('/healthz', 200);
  });

  test('is protected by its label between two of its containers, when somebody else collects', async () => {
    await engine.removeContainer(container.id);
    await engine.loadImages(imageFamily({ count: 2 }));
    using folder = makeFolder();
    const beside = [...wordsFor(folder.path, engine.socketPath), ...UNPROTECTED];
    const { status, stdout, stderr } = await runImagegc([...FREE_ALL, ...beside]);
    assert.equal(status, TARGET_MISSED, stderr);
    assert.match(stdout, /Done: 2 removed/);
    assert.deepEqual(await listNames(), [name]);
    assert.equal((await engine.request('GET', `/images/${imageId}/json`)).status, 200);
  });

  test('runs as another user in a group that may open the socket, and collects', async () => {
    const other = await runImagegcContainer(engine, 'imagegc-nobody', SETTINGS, NOBODY);
    await other.answers('/readyz', 200);
    await engine.loadImages(imageFamily({ count: 1 }));
    const { status, output } = await other.exec('imagegc', ...FREE_ALL);
    assert.match(output, /Done: 1 removed/);
    assert.equal(status, TARGET_MISSED);
    assert.match((await other.exec('/usr/bin/node', '-e', 'console.log(String(process.getuid()))')).output, /^65534\n/);
    await engine.removeContainer(other.id);
  });
}
