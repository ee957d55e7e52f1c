/** `protect.restorable = "check"`, on real engines and a real registry with a moody one in front: what it can not give back stays. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import * as v from 'valibot';
import { kindsOf, openLabOfRun } from '../contract/lab-of-run.ts';
import { type EngineKind, isPodman, type Lab, type LabEngine, type LabRegistry } from '../lab/lab.ts';
import { LOGIN, type Mood, MoodyRegistry } from '../worlds/moody-registry.ts';
import { readAllNames } from './engine-names.ts';
import { type Finished, type Folder, makeFolder, runImagegc, UNPROTECTED } from './imagegc-process.ts';

const KINDS = ['docker-old-overlay2', 'docker-new-containerd', 'podman-old'] as const satisfies readonly EngineKind[];
const NOW_DUE = ['--rules-unused-for', '1ms', '--rules-dangling-unused-for', '1ms', ...UNPROTECTED];
/** What the registry does about each image once it was pulled, and what is then said of it. */
const CASES: Readonly<Record<string, readonly [mood: Mood, detail: RegExp | null]>> = {
  present: ['well', null],
  token: ['token', null],
  deleted: ['well', /does not have it by that digest \(404\)/],
  missing: ['missing', /does not have it by that digest \(404\)/],
  closed: ['closed', /does not let this host pull it \(403\)/],
  busy: ['busy', /is asked too often \(429\)/],
  slow: ['slow', /did not answer within 5 s/],
};
/** The others are no matter of the engine. */
const EVERYWHERE: ReadonlySet<string> = new Set(['present', 'token', 'deleted']);
const verdict = v.object({ imageId: v.string(), reason: v.string(), detail: v.string() });
const planned = v.object({ verdicts: v.array(verdict), removals: v.array(v.object({ references: v.array(v.string()) })) });

const lab = await openLabOfRun(KINDS.map((kind) => `restorable = "check" on ${kind}`));
if (lab !== null) {
  after(() => lab.close());
  for (const kind of kindsOf(lab, KINDS, 'restorable = "check"')) describeChecking(lab, kind);
}

function describeChecking(lab: Lab, kind: EngineKind): void {
  describe(`restorable = "check" on ${kind}`, () => {
    let engine: LabEngine;
    let behind: LabRegistry;
    let folder: Folder;
    before(async () => {
      folder = makeFolder();
      engine = await lab.start(kind);
      behind = await lab.startRegistry();
    });
    after(async () => {
      await behind.stop();
      await engine.stop();
      folder[Symbol.dispose]();
    });

    const imagegc = (...words: readonly string[]): Promise<Finished> => {
      const own = ['--engine-address', `unix://${engine.socketPath}`, '--store-path', join(folder.path, 'store')];
      return runImagegc([...words, ...NOW_DUE, ...own], { environment: { HOME: folder.path } });
    };

    for (const [name, [mood, detail]] of Object.entries(CASES)) {
      if (kind !== KINDS[0] && !EVERYWHERE.has(name)) continue;
      test(`${name}: the image ${detail === null ? 'goes' : 'stays'}, and nobody is asked without the setting`, async () => {
        // A front of its own: an answer that is none stands for a whole registry.
        await using front = await MoodyRegistry.open(behind.address);
        const [built] = behind.seed([{ repository: `lab/${name}`, tags: ['1'], layers: [{ key: name, kb: 8 }] }]);
        const reference = `${front.address}/lab/${name}:1`;
        await pull(engine, reference);
        writeLogin(folder.path, front.address);
        if (name === 'deleted') await deleteManifest(`http://${behind.address}/v2/lab/${name}/manifests/${built?.digest}`);
        front.moods.set(`lab/${name}`, mood);
        front.asked.length = 0;
        await imagegc('plan');
        const assumed = await imagegc('plan', '--json');
        assert.equal(assumed.status, 0, assumed.stderr);
        assert.deepEqual(front.asked, []);
        assert.ok(v.parse(planned, JSON.parse(assumed.stdout)).removals.some(({ references }) => references.includes(reference)));
        const checked = await imagegc('plan', '--json', '--protect-restorable', 'check');
        const details = v
          .parse(planned, JSON.parse(checked.stdout))
          .verdicts.flatMap((each) => (each.reason === 'unrestorable' ? [each.detail] : []));
        const collected = await imagegc('collect', '--yes', '--protect-restorable', 'check');
        assert.equal(collected.status, 0, collected.stderr);
        const names = Object.values(await readAllNames(engine)).flat();
        assert.equal(
          names.some((each) => each.includes(`/lab/${name}`)),
          detail !== null,
        );
        if (detail === null) assert.deepEqual(details, []);
        else assert.match(details.join(), detail);
        assert.ok(
          front.asked.every((asked) => /^(?:HEAD lab\/|GET \/token)/.test(asked)),
          front.asked.join(),
        );
        // The next case finds none of this one.
        await imagegc('collect', '--yes');
      });
    }
  });
}

/** Podman speaks TLS to this host as well, unless it is told not to. */
async function pull(engine: LabEngine, reference: string): Promise<void> {
  if (!isPodman(engine.kind)) return engine.pull(reference);
  const { status, text } = await engine.request('POST', `/v4.0.0/libpod/images/pull?tlsVerify=false&reference=${reference}`);
  assert.ok(status === 200 && !text.includes('"error"'), text);
}

function writeLogin(home: string, registry: string): void {
  mkdirSync(join(home, '.docker'), { recursive: true });
  const auths = { [registry]: { auth: Buffer.from(LOGIN).toString('base64') } };
  writeFileSync(join(home, '.docker/config.json'), JSON.stringify({ auths }));
}

async function deleteManifest(url: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  request(url, { method: 'DELETE' }, (response) => resolve(response.resume().statusCode ?? 0))
    .on('error', reject)
    .end();
  assert.equal(await promise, 202);
}
