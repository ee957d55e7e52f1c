/** The container image of imagegc, and a container of it as its documents say to run one. */
import { execFileSync } from 'node:child_process';
import { chownSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { text as readText } from 'node:stream/consumers';
import * as v from 'valibot';
import { PROJECT_ROOT } from '../code/project-files.ts';
import { callEngine, stringOf } from '../lab/engine-api.ts';
import type { LabEngine } from '../lab/lab.ts';
import { until } from './daemon-process.ts';

/** Where it says of itself that it is ready, below its store. */
const HTTP_SOCKET = 'http.sock';
const packageOf = v.object({ version: v.string() });
const { version } = v.parse(packageOf, JSON.parse(readFileSync(join(PROJECT_ROOT, 'package.json'), 'utf8')));
/** The name that the build gives it. */
export const IMAGE_NAME: string = `imagegc:${version}`;

/** Builds the image into a folder. @returns the archive's path, and what the build says of it */
export function buildImage(folder: string): { readonly archive: string; readonly said: string } {
  const archive = join(folder, 'imagegc-image.tar');
  const script = join(PROJECT_ROOT, 'packaging/image/build.mjs');
  return { archive, said: execFileSync(process.execPath, [script, archive], { encoding: 'utf8' }) };
}

/** Loads the archive. @returns the image's ID */
export async function loadImage(engine: LabEngine, archive: string): Promise<string> {
  const loaded = await engine.request('POST', '/images/load?quiet=1', readFileSync(archive));
  if (loaded.status !== 200) throw new Error(loaded.text);
  return stringOf((await engine.request('GET', `/images/${IMAGE_NAME}/json`)).body, 'Id');
}

const health = v.object({ problems: v.array(v.object({ subject: v.string(), problem: v.string() })), nextRunAt: v.nullable(v.string()) });

/** A container that is described by folders in the engine's own, which both sides see at one path. */
export interface ImagegcContainer {
  readonly id: string;
  /** With the store and the socket of its health. */
  readonly store: string;
  readonly settings: string;
  /** The path answers with this status. */
  answers(path: '/healthz' | '/readyz', status: number): Promise<void>;
  readHealth(): Promise<v.InferOutput<typeof health>>;
  /** Runs a command in it. */
  exec(...command: readonly string[]): Promise<{ readonly status: number; readonly output: string }>;
}

/**
 * Runs it as docs/fleets.md says: read-only root, no capability, no new privileges. But not on the host's network, where the lock of a store goes by its
 * path, which is the same in every container: tests beside this one have such containers too.
 *
 * @param user another than root, in the group that may open the socket
 */
export async function runImagegcContainer(engine: LabEngine, name: string, settingsText: string, user?: number): Promise<ImagegcContainer> {
  const [store, settings] = [`${name}-store`, `${name}-settings`].map((each) => join(engine.dataRoot, '..', each));
  for (const folder of [store, settings]) mkdirSync(folder ?? '', { recursive: true });
  writeFileSync(join(settings ?? '', 'config.toml'), settingsText);
  if (user !== undefined) chownSync(store ?? '', user, user);
  const binds = [
    `${engine.socketPath}:/var/run/docker.sock`,
    `${engine.dataRoot}:${engine.dataRoot}:ro`,
    `${store}:/var/lib/imagegc`,
    `${settings}:/etc/imagegc:ro`,
  ];
  const rights = { ReadonlyRootfs: true, CapDrop: ['ALL'], SecurityOpt: ['no-new-privileges'] };
  const groups = user === undefined ? {} : { GroupAdd: [String(statSync(engine.socketPath).gid)] };
  const hostConfig = { NetworkMode: 'none', Binds: binds, ...rights, ...groups };
  const body = {
    ...(user !== undefined && { User: `${user}:${user}` }),
    Image: IMAGE_NAME,
    Env: [`IMAGEGC_HTTP_LISTEN=unix:///var/lib/imagegc/${HTTP_SOCKET}`],
    HostConfig: hostConfig,
  };
  const created = await engine.request('POST', `/containers/create?name=${name}`, body);
  const id = stringOf(created.body, 'Id');
  const started = await engine.request('POST', `/containers/${id}/start`);
  if (started.status !== 204) throw new Error(started.text);
  return describeContainer(engine, id, store ?? '', settings ?? '');
}

function describeContainer(engine: LabEngine, id: string, store: string, settings: string): ImagegcContainer {
  return {
    id,
    store,
    settings,
    async answers(path, status) {
      const ask = () => readAnswer(join(store, HTTP_SOCKET), path).then(({ status }) => status, String);
      await until(ask, (answer) => answer === status).catch(async (error: unknown) => {
        throw new Error(`${error}\n${await logOf(engine, id)}`);
      });
    },
    readHealth: async () => v.parse(health, JSON.parse((await readAnswer(join(store, HTTP_SOCKET), '/healthz')).text)),
    exec: (...command) => execIn(engine, id, command),
  };
}

async function readAnswer(socketPath: string, path: string): Promise<{ readonly status: number; readonly text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ readonly status: number; readonly text: string }>();
  request({ agent: false, socketPath, path, headers: { host: 'localhost' } }, (answer) => {
    readText(answer).then((text) => resolve({ status: answer.statusCode ?? 0, text }), reject);
  })
    .on('error', reject)
    .end();
  return promise;
}

const ended = v.object({ Running: v.literal(false), ExitCode: v.number() });

/** Runs a command in any container. */
export async function execIn(engine: LabEngine, container: string, command: readonly string[]) {
  const body = { Cmd: command, AttachStdout: true, AttachStderr: true, Tty: true };
  const id = stringOf((await engine.request('POST', `/containers/${container}/exec`, body)).body, 'Id');
  const { text } = await callEngine(engine.socketPath, 'POST', `/exec/${id}/start`, { Detach: false, Tty: true });
  const { ExitCode } = v.parse(ended, (await engine.request('GET', `/exec/${id}/json`)).body);
  return { status: ExitCode, output: text.replaceAll('\r', '') };
}

/** What a container has logged. */
export async function logOf(engine: LabEngine, container: string): Promise<string> {
  const { text } = await engine.request('GET', `/containers/${container}/logs?stdout=1&stderr=1`);
  // Each piece is behind eight bytes that say of which stream it is, and how long.
  return text.replaceAll(/^.*?(?=\d{4}-\d\d-\d\dT|imagegc: )/gm, '');
}
