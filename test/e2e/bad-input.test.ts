/** Bad input, bad engines and bad disks: one clear message, the right exit status, and nothing changed. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { processWorld } from '../../src/cli/process-world.ts';
import { openLabOfRun } from '../contract/lab-of-run.ts';
import type { Lab, LabEngine } from '../lab/lab.ts';
import { COMMANDS, DAMAGES, ENGINES, FAILED, KEPT_BACK, OBSTACLES, SETTINGS, USAGE } from './bad-input-cases.ts';
import { asNobody, checkMessage, checkRefusal, listenFalsely, readTree, speakHttp } from './bad-world.ts';
import { runInProcess } from './cli-world.ts';
import { openEngineGate } from './engine-gate.ts';
import { type NamesById, readAllNames } from './engine-names.ts';
import { type Folder, makeFolder, type RunOptions, runImagegc, runWell, UNPROTECTED } from './imagegc-process.ts';

describe('bad input', () => {
  let folder: Folder;
  const at = (text: string) => text.replaceAll('@/', `${folder.path}/`);
  const refuse = async (command: string, status: number, says: RegExp, options = {}) => {
    const words = at(command).split(' ');
    const store =
      words.includes('--store-path') || command.startsWith('config') || words[0] === 'plna' ? [] : ['--store-path', at('@/store')];
    const tree = readTree(folder.path);
    const finished = await runImagegc([...words, ...store], options);
    checkRefusal(finished, { status, says: new RegExp(says.source.replaceAll('@\\/', `${folder.path}/`)) });
    assert.deepEqual(readTree(folder.path), tree);
  };
  before(async () => {
    folder = makeFolder();
    chmodSync(folder.path, 0o755);
    for (const name of ['folder', 'odd', 'odd/imagegc.db']) mkdirSync(join(folder.path, name));
    symlinkSync('circle', at('@/circle'));
    writeFileSync(at('@/random'), randomBytes(4_000));
    writeFileSync(at('@/text'), 'hello\n');
    writeFileSync(at('@/cut.json'), '{"format":"imagegc.inventory/1","obser');
    writeFileSync(at('@/v2.json'), '{"format":"imagegc.inventory/2"}');
    const inventory = {
      format: 'imagegc.inventory/1',
      observedAt: '2026-01-01T00:00:00Z',
      engine: { name: 'docker', version: '28' },
      images: [],
      layers: {},
      containers: [],
    };
    writeFileSync(at('@/good.json'), JSON.stringify(inventory));
    await runWell(['plan', '--inventory', at('@/good.json')]);
    await runWell(['pin', 'team/*', '--store-path', at('@/store')]);
  });
  after(() => folder[Symbol.dispose]());

  for (const [title, toml, says] of SETTINGS) {
    test(title, async () => {
      writeFileSync(at('@/config.toml'), `${toml}\n`);
      await refuse('config show --config @/config.toml', USAGE, says);
    });
  }
  for (const [title, command, status, says] of COMMANDS) test(title, () => refuse(command, status, says));
  for (const [title, engine, says] of ENGINES) {
    test(`${title} is told from a container engine`, async () => {
      await using _listening = await listenFalsely(at('@/false.sock'), engine);
      await refuse('collect --yes --engine-address unix://@/false.sock', FAILED, says);
    });
  }

  test('DOCKER_HOST is believed, even where nothing is', () =>
    refuse('plan', FAILED, /@\/none\.sock\): there is no such socket/, { environment: { DOCKER_HOST: at('unix://@/none.sock') } }));
  const nobody = asNobody();
  test('a socket without permission is named, with who may open it', nobody.kind === 'missing' ? nobody : {}, async () => {
    if (nobody.kind === 'missing') return;
    await using _listening = await listenFalsely(at('@/false.sock'), speakHttp('1.45', '{}'));
    const says = /@\/false\.sock\): this user may not open the socket\n {2}hint: run as root, or as a member of the group/;
    await refuse('collect --yes --engine-address unix://@/false.sock', FAILED, says, nobody.options);
  });
});

/** Everything goes at once, so that a refusal to remove is one. */
const EVERYTHING = ['--free', '1TB', ...UNPROTECTED];
const IMAGES = ['lab/a', 'lab/b', 'lab/c'].map((repository) => {
  return {
    repository,
    tags: ['1', '2'],
    layers: [
      { key: 'base', kb: 4 },
      { key: repository, kb: 4 },
    ],
    runnable: false,
  };
});
const SET_ASIDE =
  /^imagegc: warning: the store @\/store\/imagegc\.db could not be used: .*\n {2}It lies in @\/store\/imagegc\.db\.damaged-1 now, and a new one was begun: every image counts as used now\.\n$/;

const lab = await openLabOfRun(['bad input on a real engine']);
if (lab !== null) {
  after(() => lab.close());
  describe('with a real engine', () => testWithEngine(lab));
}

function testWithEngine(lab: Lab): void {
  let engine: LabEngine;
  let folder: Folder;
  let good: Folder;
  let names: NamesById;
  const at = (text: string) => text.replaceAll('@/', `${folder.path}/`);
  const says = (pattern: RegExp) => new RegExp(pattern.source.replaceAll('@\\/', `${folder.path}/`));
  const words = (...command: readonly string[]) => [
    ...command,
    '--store-path',
    at('@/store'),
    '--engine-address',
    `unix://${engine.socketPath}`,
  ];
  const collect = (options: RunOptions = {}, ...more: readonly string[]) =>
    runImagegc(words('collect', '--yes', ...EVERYTHING, ...more), options);
  before(async () => {
    engine = await lab.start('docker-new-overlay2');
    chmodSync(engine.socketPath, 0o666);
    await engine.loadImages(IMAGES);
    names = await readAllNames(engine);
    assert.equal(Object.keys(names).length, IMAGES.length);
    folder = good = makeFolder();
    await runWell(words('plan'));
    await runWell(words('pin', 'team/*'));
  });
  after(async () => {
    good[Symbol.dispose]();
    await engine.stop();
  });
  beforeEach(() => {
    folder = makeFolder();
    chmodSync(folder.path, 0o755);
    cpSync(join(good.path, 'store'), at('@/store'), { recursive: true });
  });
  afterEach(async () => {
    folder[Symbol.dispose]();
    assert.deepEqual(await readAllNames(engine), names);
  });

  for (const [title, spoil] of DAMAGES) {
    test(`${title} is set aside, nothing is removed in that run, and the next one works`, async () => {
      const path = at('@/store/imagegc.db');
      spoil(path);
      const damaged = readFileSync(path);
      const { status, stdout, stderr } = await collect();
      assert.equal(status, KEPT_BACK);
      assert.match(stderr, says(SET_ASIDE));
      assert.match(stdout, /^Nothing is removed: the use records were damaged .*records-unknown/);
      assert.deepEqual(readdirSync(at('@/store')), ['imagegc.db', 'imagegc.db.damaged-1']);
      assert.deepEqual(readFileSync(at('@/store/imagegc.db.damaged-1')), damaged);
      const next = await runImagegc(words('plan'));
      assert.deepEqual([next.status, next.stderr], [0, '']);
      assert.match(next.stdout, /^Nothing to remove: 3 images/);
    });
  }

  for (const command of [['pin', 'app'], ['history'], ['images'], ['export', 'uses']]) {
    test(`"${command.join(' ')}" says so when it sets a damaged store aside`, async () => {
      writeFileSync(at('@/store/imagegc.db'), randomBytes(4_000));
      assert.match((await runImagegc(words(...command))).stderr, says(SET_ASIDE));
    });
  }

  test('a damaged store stays where it is while no engine answers, so that the run that finds it removes nothing', async () => {
    writeFileSync(at('@/store/imagegc.db'), randomBytes(4_000));
    const tree = readTree(folder.path);
    const finished = await runImagegc([...words('collect', '--yes'), '--engine-address', at('unix://@/none.sock')]);
    checkRefusal(finished, { status: FAILED, says: /there is no such socket/ });
    assert.deepEqual(readTree(folder.path), tree);
  });

  test('a store of a newer version is left alone', async () => {
    using database = new DatabaseSync(at('@/store/imagegc.db'));
    database.exec('PRAGMA user_version = 99');
    database.close();
    const tree = readTree(folder.path);
    checkRefusal(await collect(), { status: FAILED, says: /a newer imagegc wrote it \(schema 99.*\n {2}hint: use the newer imagegc/ });
    checkRefusal(await runImagegc(words('plan')), { status: FAILED, says: /a newer imagegc wrote it/ });
    assert.deepEqual(readTree(folder.path), tree);
  });

  for (const [title, circumstances, problem] of OBSTACLES) {
    test(`${title}: "collect" refuses, "plan" works and says that it records nothing`, async (t) => {
      const obstacle = circumstances();
      if (obstacle.kind === 'missing') return t.skip(obstacle.skip);
      const options = { ...obstacle.options, environment: { STORE: at('@/store') } };
      const tree = readTree(folder.path);
      checkRefusal(await collect(options), { status: FAILED, says: problem });
      const planned = await runImagegc(words('plan'), options);
      assert.equal(planned.status, 0, planned.stderr);
      assert.match(planned.stdout, /^Nothing to remove: 3 images/);
      checkMessage(planned.stderr, new RegExp(`^imagegc: warning: nothing of this run is recorded.*: .*${problem.source}`));
      assert.deepEqual(readTree(folder.path), tree);
      return undefined;
    });
  }

  test('what is disabled removes nothing', async () => {
    const finished = await collect({}, '--enabled', 'false');
    assert.deepEqual([finished.status, finished.stderr], [KEPT_BACK, 'imagegc: enabled = false in the settings, so nothing is removed\n']);
  });

  test('without the kernel\u2019s boot ID no age is believed and nothing is removed', async () => {
    const { readClock } = processWorld();
    const change = { readClock: () => ({ ...readClock(), bootId: null }) };
    const { status, stdout } = await runInProcess(words('collect', '--yes', ...EVERYTHING), 0, change);
    assert.match(stdout, /^Nothing is removed: the kernel does not tell its boot ID, so no age can be proven \(clock-unknown\)/);
    assert.equal(status, KEPT_BACK);
  });

  test('an image that is not there has no reasons', async () => {
    const refusal = { status: FAILED, says: /cannot find the image \(lab\/zzz\): no image has this name.*\n {2}hint: .*"imagegc images"/ };
    checkRefusal(await runImagegc(words('why', 'lab/zzz')), refusal);
  });

  test('of an image_use with one good line only the bad lines are left out, each by its number', async () => {
    writeFileSync(at('@/image_use'), `${Object.keys(names)[0]} 1700000000\nnonsense\n`);
    const { status, stdout, stderr } = await runImagegc(words('import', 'image_use', at('@/image_use')));
    assert.equal(status, 0);
    assert.match(stdout, /^Imported 1 records, 1 lines left out/);
    assert.match(stderr, /^imagegc: .*\/image_use line 2 is left out: the time is missing; write .*: "nonsense"\n$/);
  });

  test('an engine that dies half-way fails the run in one message; when it is back, the next run gives every name back', async () => {
    await using gate = await openEngineGate(at('@/gate.sock'), engine.socketPath);
    let taken = 0;
    gate.watch(async ({ method, moment }) => {
      if (method !== 'DELETE' || moment !== 'after') return undefined;
      taken += 1;
      if (taken === 3) await engine.kill9();
      return undefined;
    });
    const finished = await runImagegc([
      ...words('collect', '--yes', '--json', ...EVERYTHING),
      '--engine-address',
      `unix://${gate.socketPath}`,
    ]);
    checkRefusal(finished, { status: FAILED, says: /cannot ask the engine \(.*\n {2}hint: .*gives back every name/ });
    await engine.restart();
    chmodSync(engine.socketPath, 0o666);
    assert.notDeepEqual(await readAllNames(engine), names);
    const next = await runImagegc(words('collect', '--yes'));
    assert.equal(next.status, 0, next.stderr);
    assert.match(next.stderr, /^(?:imagegc: gave back what an interrupted run had taken off: .*\n)+$/);
  });
}
