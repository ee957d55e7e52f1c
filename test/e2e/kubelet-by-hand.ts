/** What a kubelet does with the pod of a DaemonSet, as far as imagegc's needs it: volumes, variables, and the calls of CRI. */
import { mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import type { GrpcClient } from '../../src/runtime/containerd/grpc-client.ts';
import { blob, flag, many, message, method, one, text, texts, whole } from '../../src/runtime/containerd/wire.ts';
import { criCalls } from '../contract/containerd-calls.ts';

const env = v.object({ name: v.string(), value: v.optional(v.string()) });
const mount = v.object({
  name: v.string(),
  mountPath: v.string(),
  readOnly: v.optional(v.boolean(), false),
  mountPropagation: v.optional(v.picklist(['None', 'HostToContainer']), 'None'),
});
const securityContext = v.strictObject({
  runAsUser: v.number(),
  runAsGroup: v.number(),
  allowPrivilegeEscalation: v.boolean(),
  readOnlyRootFilesystem: v.boolean(),
  capabilities: v.strictObject({ drop: v.array(v.string()) }),
  seccompProfile: v.strictObject({ type: v.literal('RuntimeDefault') }),
});
const container = v.object({
  image: v.string(),
  env: v.array(env),
  resources: v.object({ limits: v.object({ memory: v.pipe(v.string(), v.regex(/^[0-9]+Mi$/)) }) }),
  securityContext,
  volumeMounts: v.array(mount),
});
const source = v.object({
  configMap: v.object({ name: v.string(), items: v.optional(v.array(v.object({ key: v.string(), path: v.string() }))) }),
});
const volume = v.object({
  name: v.string(),
  hostPath: v.optional(v.object({ path: v.string(), type: v.string() })),
  projected: v.optional(v.object({ sources: v.array(source) })),
});
const podSpec = v.object({ hostNetwork: v.literal(true), containers: v.tuple([container]), volumes: v.array(volume) });
/** A DaemonSet, as far as a kubelet looks at its pod. */
export const daemonSet = v.object({ kind: v.literal('DaemonSet'), spec: v.object({ template: v.object({ spec: podSpec }) }) });
/** A ConfigMap. */
export const configMap = v.object({
  kind: v.literal('ConfigMap'),
  metadata: v.object({ name: v.string() }),
  data: v.record(v.string(), v.string()),
});
type PodSpec = v.InferOutput<typeof podSpec>;
type ConfigMap = v.InferOutput<typeof configMap>;

/** The node's network; processes are seen by their own container alone. */
const NAMESPACES = { network: 2, pid: 1 };
const MEBIBYTE = 2 ** 20;
const HOST_TO_CONTAINER = 1;
const namespaceOptions = message({ network: whole(1), pid: whole(2) });
const podConfig = message({
  metadata: one(1, message({ name: text(1), uid: text(2), namespace: text(3) })),
  logDirectory: text(3),
  linux: one(8, message({ securityContext: one(2, message({ namespaceOptions: one(1, namespaceOptions) })) })),
});
const number = message({ value: whole(1) });
const security = message({
  capabilities: one(1, message({ dropCapabilities: texts(2) })),
  namespaceOptions: one(3, namespaceOptions),
  runAsUser: one(5, number),
  readonlyRootfs: flag(7),
  noNewPrivs: flag(11),
  runAsGroup: one(12, number),
  seccomp: one(15, message({ profileType: whole(1) })),
});
const containerConfig = message({
  metadata: one(1, message({ name: text(1) })),
  image: one(2, message({ image: text(1) })),
  envs: many(6, message({ key: text(1), value: text(2) })),
  mounts: many(7, message({ containerPath: text(1), hostPath: text(2), readonly: flag(3), propagation: whole(5) })),
  logPath: text(11),
  linux: one(15, message({ resources: one(1, message({ memoryLimitInBytes: whole(4) })), securityContext: one(2, security) })),
});
const podId = message({ podSandboxId: text(1) });
const containerId = message({ containerId: text(1) });
const calls = {
  runPod: method('/runtime.v1.RuntimeService/RunPodSandbox', message({ config: one(1, podConfig) }), podId),
  create: method(
    '/runtime.v1.RuntimeService/CreateContainer',
    message({ podSandboxId: text(1), config: one(2, containerConfig), sandboxConfig: one(3, podConfig) }),
    containerId,
  ),
  exec: method(
    '/runtime.v1.RuntimeService/ExecSync',
    message({ containerId: text(1), cmd: texts(2), timeout: whole(3) }),
    message({ stdout: blob(1), stderr: blob(2), exitCode: whole(3) }),
  ),
};

/** A pod that runs. */
export interface RunningPod {
  readonly containerId: string;
  /** Of the container, in CRI's form. */
  readonly logPath: string;
  /** As when the ConfigMaps were changed, one or two minutes ago. */
  changeSettings(maps: readonly ConfigMap[]): void;
  exec(...command: readonly string[]): Promise<{ readonly status: number; readonly output: string }>;
  remove(): Promise<void>;
}

/** Starts the pod of a DaemonSet. @param folder of the node, for what a kubelet keeps */
export async function runPod(client: GrpcClient, spec: PodSpec, maps: readonly ConfigMap[], folder: string): Promise<RunningPod> {
  const [wanted] = spec.containers;
  const settings = join(folder, 'settings');
  const changeSettings = (changed: readonly ConfigMap[]): void => writeProjected(settings, project(spec, changed));
  changeSettings(maps);
  const config = {
    metadata: { name: 'imagegc', uid: 'imagegc', namespace: 'imagegc' },
    logDirectory: join(folder, 'logs'),
    linux: { securityContext: { namespaceOptions: NAMESPACES } },
  };
  const { podSandboxId } = await client.call(calls.runPod, { config });
  const asked = { podSandboxId, config: containerOf(wanted, mountsOf(spec, settings)), sandboxConfig: config };
  const own = await client.call(calls.create, asked);
  await client.call(criCalls.start, own);
  return {
    ...own,
    logPath: join(folder, 'logs', 'imagegc.log'),
    changeSettings,
    async exec(...cmd) {
      const { stdout, stderr, exitCode } = await client.call(calls.exec, { ...own, cmd: [...cmd], timeout: 60 });
      return { status: exitCode, output: Buffer.concat([stdout, stderr]).toString() };
    },
    async remove() {
      await client.call(criCalls.stopPod, { podSandboxId });
      await client.call(criCalls.removePod, { podSandboxId });
    },
  };
}

function containerOf(wanted: PodSpec['containers'][0], mounts: ReturnType<typeof mountsOf>) {
  const { securityContext: given, resources } = wanted;
  const values = new Map(wanted.env.map(({ name, value }) => [name, value ?? '127.0.0.1']));
  const expand = (value: string) => value.replaceAll(/\$\((\w+)\)/g, (_, name: string) => values.get(name) ?? '');
  return {
    metadata: { name: 'imagegc' },
    image: { image: wanted.image },
    envs: [...values].map(([key, value]) => ({ key, value: expand(value) })),
    mounts,
    logPath: 'imagegc.log',
    linux: {
      resources: { memoryLimitInBytes: Number.parseInt(resources.limits.memory, 10) * MEBIBYTE },
      securityContext: {
        capabilities: { dropCapabilities: given.capabilities.drop },
        namespaceOptions: NAMESPACES,
        runAsUser: { value: given.runAsUser },
        runAsGroup: { value: given.runAsGroup },
        readonlyRootfs: given.readOnlyRootFilesystem,
        noNewPrivs: !given.allowPrivilegeEscalation,
        seccomp: { profileType: 0 },
      },
    },
  };
}

function mountsOf({ containers: [{ volumeMounts }], volumes }: PodSpec, settings: string) {
  return volumeMounts.map(({ name, mountPath, readOnly, mountPropagation }) => {
    const hostPath = volumes.find((each) => each.name === name)?.hostPath;
    if (hostPath?.type === 'DirectoryOrCreate') mkdirSync(hostPath.path, { recursive: true });
    const propagation = mountPropagation === 'HostToContainer' ? HOST_TO_CONTAINER : 0;
    return { containerPath: mountPath, hostPath: hostPath?.path ?? settings, readonly: readOnly, propagation };
  });
}

/** The files of a projected volume. */
function project({ volumes }: PodSpec, maps: readonly ConfigMap[]): readonly (readonly [path: string, text: string])[] {
  const sources = volumes.flatMap(({ projected }) => projected?.sources ?? []);
  return sources.flatMap(({ configMap: { name, items } }) => {
    const data = maps.find(({ metadata }) => metadata.name === name)?.data;
    if (data === undefined) throw new Error(`there is no ConfigMap ${name}`);
    return (items ?? Object.keys(data).map((key) => ({ key, path: key }))).map(({ key, path }) => [path, data[key] ?? ''] as const);
  });
}

/** As kubernetes/kubernetes `pkg/volume/util/atomic_writer.go` does: another folder, then one link that is renamed, then the old folder goes. */
function writeProjected(target: string, files: readonly (readonly [path: string, text: string])[]): void {
  mkdirSync(target, { recursive: true });
  const old = readdirSync(target).filter((name) => /^\.\.\d/.test(name));
  const version = `..${new Date().toISOString().replaceAll(/[-:T]/g, '_').replace('Z', '000000')}`;
  for (const [path, content] of files) {
    mkdirSync(dirname(join(target, version, path)), { recursive: true });
    writeFileSync(join(target, version, path), content);
  }
  symlinkSync(version, join(target, '..data_tmp'));
  renameSync(join(target, '..data_tmp'), join(target, '..data'));
  for (const name of new Set(files.map(([path]) => path.split('/')[0] ?? ''))) {
    if (!readdirSync(target).includes(name)) symlinkSync(`..data/${name}`, join(target, name));
  }
  for (const name of old) rmSync(join(target, name), { recursive: true });
}
