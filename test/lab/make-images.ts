/**
 * Makes container images with no registry, no engine and no dependency: the same specification always gives the same
 * digests, and images that name the same layers share them. They run: the first layer carries a static busybox.
 */
import { createHash } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import type { TarMember } from './tar.ts';
import { TAR_END, tarArchive, tarMember } from './tar.ts';

/** Layers with equal key, kb and files are one layer, when the layers below are equal too. */
export type LayerSpec = {
  readonly key: string;
  /** Payload, half of it incompressible, so that gzip gives about 2:1. */
  readonly kb: number;
  /** Into how many files the payload is divided; 1 if absent. Small files cost more disk than their bytes. */
  readonly files?: number;
};

export type ImageSpec = {
  /** Without tag: `lab/app`. The registry's own host is put before it by whoever pulls. */
  readonly repository: string;
  /** `['v1']` if absent; `[]` makes an image with no name. */
  readonly tags?: readonly string[];
  readonly layers: readonly LayerSpec[];
  readonly labels?: Readonly<Record<string, string>>;
  /** RFC 3339; 2024-01-01T00:00:00Z if absent. */
  readonly created?: string;
  /** Sleeps for ever if absent. */
  readonly cmd?: readonly string[];
  /** Architectures of a multi-platform image (`amd64`, `arm64`); only a registry can serve those. This machine's if absent. */
  readonly architectures?: readonly string[];
  /** False leaves out busybox, when exact sizes matter and nothing is run. */
  readonly runnable?: boolean;
};

export type BuiltLayer = {
  readonly key: string;
  readonly diffId: string;
  readonly digest: string;
  readonly contentBytes: number;
  readonly unpackedBytes: number;
};
export type BuiltManifest = {
  readonly architecture: string;
  readonly digest: string;
  readonly bytes: number;
  readonly configDigest: string;
};
export type BuiltImage = {
  readonly spec: ImageSpec;
  readonly repository: string;
  readonly tags: readonly string[];
  readonly layers: readonly BuiltLayer[];
  readonly manifests: readonly BuiltManifest[];
  /** What a tag points to: the manifest, or the index of a multi-platform image. */
  readonly digest: string;
};

export type Blob = { readonly digest: string; readonly data: Buffer };
type Compression = 'none' | 'gzip';

const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json';
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar';
const DEFAULT_CREATED = '2024-01-01T00:00:00Z';
const APPLETS = ['sh', 'sleep', 'true', 'false', 'ls', 'cat', 'dd', 'echo'];

/** This machine's architecture in the image specification's words. */
function ownArchitecture(): string {
  return process.arch === 'x64' ? 'amd64' : process.arch;
}

/** The digest of some bytes, with its algorithm. */
export function digestOf(data: Buffer): string {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`;
}

/** Builds images one after another; every blob is handed out once, before the image that needs it is returned. */
export class ImageBuilder {
  readonly #busybox: Buffer;
  readonly #compression: Compression;
  readonly #put: (blob: Blob) => void;
  readonly #layers = new Map<string, BuiltLayer>();
  readonly #seen = new Set<string>();

  /** @param options.busybox the static binary; @param options.put receives every new blob */
  constructor(options: { readonly busybox: Buffer; readonly compression: Compression; readonly put: (blob: Blob) => void }) {
    this.#busybox = options.busybox;
    this.#compression = options.compression;
    this.#put = options.put;
  }

  build(spec: ImageSpec): BuiltImage {
    const layers = spec.layers.map((layer, index) => this.#layer(layer, index === 0 && spec.runnable !== false));
    const manifests = (spec.architectures ?? [ownArchitecture()]).map((architecture) => this.#manifest(spec, layers, architecture));
    const digest = this.#top(spec, manifests);
    return { spec, repository: spec.repository, tags: spec.tags ?? ['v1'], layers, manifests, digest };
  }

  #layer(spec: LayerSpec, withShell: boolean): BuiltLayer {
    const id = JSON.stringify([spec.key, spec.kb, spec.files ?? 1, withShell]);
    const known = this.#layers.get(id);
    if (known !== undefined) return known;
    const archive = tarArchive([
      ...(withShell ? shell(this.#busybox) : [{ kind: 'directory', name: 'data/' } as const]),
      ...payloadFiles(spec),
    ]);
    const data = this.#compression === 'gzip' ? gzipSync(archive, { level: 1 }) : archive;
    const layer = {
      key: spec.key,
      diffId: digestOf(archive),
      digest: this.#store(data),
      contentBytes: data.length,
      unpackedBytes: archive.length,
    };
    this.#layers.set(id, layer);
    return layer;
  }

  #manifest(spec: ImageSpec, layers: readonly BuiltLayer[], architecture: string): BuiltManifest {
    const config = Buffer.from(JSON.stringify(imageConfig(spec, layers, architecture)));
    const configDigest = this.#store(config);
    const mediaType = this.#compression === 'gzip' ? `${LAYER_TYPE}+gzip` : LAYER_TYPE;
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MANIFEST_TYPE,
        config: { mediaType: CONFIG_TYPE, digest: configDigest, size: config.length },
        layers: layers.map((layer) => ({ mediaType, digest: layer.digest, size: layer.contentBytes })),
      }),
    );
    return { architecture, digest: this.#store(manifest), bytes: manifest.length, configDigest };
  }

  #top(spec: ImageSpec, manifests: readonly BuiltManifest[]): string {
    const [first] = manifests;
    if (first === undefined) throw new RangeError(`${spec.repository}: no architecture`);
    if (spec.architectures === undefined) return first.digest;
    return this.#store(
      Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: INDEX_TYPE,
          manifests: manifests.map((each) => ({
            mediaType: MANIFEST_TYPE,
            digest: each.digest,
            size: each.bytes,
            platform: { os: 'linux', architecture: each.architecture },
          })),
        }),
      ),
    );
  }

  #store(data: Buffer): string {
    const digest = digestOf(data);
    if (!this.#seen.has(digest)) this.#put({ digest, data });
    this.#seen.add(digest);
    return digest;
  }
}

/** One archive that is a docker-archive (manifest.json) and an OCI layout at once, in pieces; every engine loads it. */
export function* imageArchive(specs: readonly ImageSpec[], busybox: Buffer): Generator<Buffer, readonly BuiltImage[]> {
  const blobs: Blob[] = [];
  const builder = new ImageBuilder({ busybox, compression: 'none', put: (blob) => blobs.push(blob) });
  const images: BuiltImage[] = [];
  yield tarMember({ kind: 'directory', name: 'blobs/' });
  yield tarMember({ kind: 'directory', name: 'blobs/sha256/' });
  for (const spec of specs) {
    if (spec.architectures !== undefined) throw new RangeError(`${spec.repository}: an archive holds one platform`);
    images.push(builder.build(spec));
    for (const blob of blobs.splice(0)) yield tarMember({ kind: 'file', name: blobPath(blob.digest), data: blob.data });
  }
  yield jsonFile('oci-layout', { imageLayoutVersion: '1.0.0' });
  yield jsonFile('index.json', { schemaVersion: 2, mediaType: INDEX_TYPE, manifests: images.flatMap(indexEntries) });
  yield jsonFile('manifest.json', images.map(dockerManifest));
  yield TAR_END;
  return images;
}

/** Writes {@link imageArchive} to a file. */
export function writeImageArchive(path: string, specs: readonly ImageSpec[], busybox: Buffer): readonly BuiltImage[] {
  const file = openSync(path, 'w');
  try {
    const pieces = imageArchive(specs, busybox);
    for (;;) {
      const piece = pieces.next();
      if (piece.done === true) return piece.value;
      writeSync(file, piece.value);
    }
  } finally {
    closeSync(file);
  }
}

/** A family for demonstrations and benches: image i = base[i % bases] + mid[i % mids] + a leaf of its own. */
export function imageFamily(options: {
  readonly count: number;
  readonly prefix?: string;
  readonly bases?: number;
  readonly mids?: number;
  readonly baseKb?: number;
  readonly midKb?: number;
  readonly leafKb?: number;
}): readonly ImageSpec[] {
  const { count, prefix = 'lab/app', bases = 2, mids = 4, baseKb = 2000, midKb = 500, leafKb = 100 } = options;
  return Array.from({ length: count }, (_, i) => ({
    repository: `${prefix}${i}`,
    layers: [
      { key: `base${i % bases}`, kb: baseKb },
      { key: `base${i % bases}mid${i % mids}`, kb: midKb },
      { key: `${prefix}leaf${i}`, kb: leafKb },
    ],
    labels: { 'lab.n': String(i) },
    created: new Date(Date.UTC(2024, 0, 1) + i * 60_000).toISOString(),
  }));
}

function imageConfig(spec: ImageSpec, layers: readonly BuiltLayer[], architecture: string): object {
  const created = spec.created ?? DEFAULT_CREATED;
  return {
    architecture,
    os: 'linux',
    created,
    // number 1 of a container ignores SIGTERM unless it handles it: without this every stop would take ten seconds
    config: {
      Env: ['PATH=/bin'],
      Cmd: spec.cmd ?? ['/bin/sleep', '1000000'],
      StopSignal: 'SIGKILL',
      ...(spec.labels === undefined ? {} : { Labels: spec.labels }),
    },
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.diffId) },
    history: layers.map((layer) => ({ created, created_by: `lab ${layer.key}` })),
  };
}

function indexEntries(image: BuiltImage): readonly object[] {
  const [manifest] = image.manifests;
  if (manifest === undefined) return [];
  const entry = {
    mediaType: MANIFEST_TYPE,
    digest: manifest.digest,
    size: manifest.bytes,
    platform: { os: 'linux', architecture: manifest.architecture },
  };
  if (image.tags.length === 0) return [entry];
  return image.tags.map((tag) => ({
    ...entry,
    annotations: {
      'io.containerd.image.name': `${containerdRepository(image.repository)}:${tag}`,
      'org.opencontainers.image.ref.name': tag,
    },
  }));
}

/** containerd wants the registry in every name; a first component without dot or port is none. */
function containerdRepository(repository: string): string {
  return /^(localhost|[^/]*[.:][^/]*)\//.test(repository)
    ? repository
    : `docker.io/${repository.includes('/') ? '' : 'library/'}${repository}`;
}

function dockerManifest(image: BuiltImage): object {
  const [manifest] = image.manifests;
  return {
    Config: blobPath(manifest?.configDigest ?? ''),
    RepoTags: image.tags.length === 0 ? null : image.tags.map((tag) => `${image.repository}:${tag}`),
    Layers: image.layers.map((layer) => blobPath(layer.digest)),
  };
}

function blobPath(digest: string): string {
  return `blobs/${digest.replace(':', '/')}`;
}

function jsonFile(name: string, value: unknown): Buffer {
  return tarMember({ kind: 'file', name, data: Buffer.from(JSON.stringify(value)) });
}

function shell(busybox: Buffer): readonly TarMember[] {
  const directories = ['bin/', 'tmp/', 'etc/', 'proc/', 'sys/', 'dev/', 'data/'].map((name) => ({ kind: 'directory', name }) as const);
  const links = APPLETS.map((name) => ({ kind: 'symlink', name: `bin/${name}`, target: 'busybox' }) as const);
  return [
    ...directories,
    { kind: 'file', name: 'bin/busybox', data: busybox, mode: 0o755 },
    ...links,
    { kind: 'file', name: 'etc/passwd', data: Buffer.from('root:x:0:0:root:/:/bin/sh\n') },
  ];
}

function payloadFiles(spec: LayerSpec): readonly TarMember[] {
  const files = spec.files ?? 1;
  const name = `data/${spec.key.replace(/\W/g, '_').slice(-60)}`;
  const data = payload(spec.key, spec.kb * 1024);
  const share = Math.ceil(data.length / files);
  return Array.from({ length: files }, (_, i) => ({
    kind: 'file',
    name: files === 1 ? name : `${name}.${i}`,
    data: data.subarray(i * share, (i + 1) * share),
  }));
}

/** Bytes that depend on the seed alone: xorshift for the first half, text for the second. */
function payload(seed: string, bytes: number): Buffer {
  const data = Buffer.alloc(bytes, 'the quick brown fox ');
  let state = createHash('sha256').update(seed).digest().readUInt32LE(0) | 1;
  for (let at = 0; at + 4 <= bytes / 2; at += 4) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    data.writeUInt32LE(state >>> 0, at);
  }
  return data;
}
