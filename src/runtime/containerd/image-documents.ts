import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { type ChainId, type WallMs, wallMs } from '../../model/brands.ts';
import { readOrNull } from '../../model/error.ts';
import { inFlight } from '../../model/in-flight.ts';
import { chainIds } from '../chain-ids.ts';
import { type GrpcClient, nullOn, STATUS } from './grpc-client.ts';
import { contentApi } from './messages.ts';

const CALLS_IN_FLIGHT = 8;
/** An image may name itself through no more indexes than this. */
const DEPTH_MAX = 4;
/** Node's words for the architectures of image configurations. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

const digest = v.pipe(v.string(), v.regex(/^sha256:[0-9a-f]{64}$/));
const descriptor = v.object({ digest });
/** An index or a manifest of OCI image-spec or of Docker's schema 2, or an image configuration. */
const document = v.object({
  manifests: v.optional(v.array(descriptor), []),
  config: v.optional(v.union([descriptor, v.object({ Labels: v.nullish(v.record(v.string(), v.string()), {}) })])),
  layers: v.optional(v.array(descriptor), []),
  rootfs: v.optional(v.object({ diff_ids: v.array(v.string()) })),
  architecture: v.optional(v.string(), ''),
  created: v.optional(v.string(), ''),
});
type ReadDocument = v.InferOutput<typeof document> & { readonly chain: readonly ChainId[] };

/** What one platform of an image is made of. */
export interface ImageConfig {
  /** What CRI, and Docker with a graph driver, call the image's ID. */
  readonly digest: string;
  /** Base first. */
  readonly chain: readonly ChainId[];
  readonly labels: Readonly<Record<string, string>>;
  readonly createdAt: WallMs | null;
}

/** What the content store tells of an image. */
export interface ImageContent {
  /** Digests of its indexes, manifests and configurations. */
  readonly documents: readonly string[];
  /** Digests of its layers as they came, whether they are there or not. */
  readonly packed: readonly string[];
  /** Of the platforms that are there, this machine's first. Empty: nothing of it can be read. */
  readonly configs: readonly ImageConfig[];
}

/** What was found out of images. */
interface ImageContents {
  /** By target. */
  readonly contents: ReadonlyMap<string, ImageContent>;
  /** Whether it will be so again where the same blobs are there: what is could be read. */
  readonly isSettled: boolean;
}

/** Reads what blobs say of images, each once: they never change. What is no image's any more is forgotten. */
export class DocumentReader {
  readonly #client: GrpcClient;
  /** containerd's own folder, where this process can see it: a file is read in a tenth of the time that a call takes. */
  readonly #root: string | null;
  /** By target, of images that lack nothing. */
  readonly #complete = new Map<string, ImageContent>();
  /** Of the other images. */
  readonly #documents = new Map<string, ReadDocument>();
  #unreadable = 0;

  constructor(client: GrpcClient, root: string | null) {
    this.#client = client;
    this.#root = root;
  }

  /** Reads files of images that are new, while the engine still lists which of them are there: {@link readAll} goes by those alone. */
  readAhead(targets: Iterable<string>, depth = 0): void {
    for (const each of targets) {
      if (this.#root === null || depth > DEPTH_MAX || this.#complete.has(each) || this.#documents.has(each)) continue;
      const { config, manifests = [] } = this.#parse(each, this.#readFile(each)) ?? {};
      const inner = config !== undefined && 'digest' in config ? [config, ...manifests] : manifests;
      const below = inner.map((part) => part.digest);
      this.readAhead(below, depth + 1);
    }
  }

  /**
   * @param places where blobs are visible, by digest: a namespace that holds it
   * @throws OperatingError when the engine does not answer
   */
  async readAll(targets: Iterable<string>, places: ReadonlyMap<string, string>): Promise<ImageContents> {
    const unreadable = this.#unreadable;
    const contents = new Map<string, ImageContent>();
    const isThere = (each: string): boolean => places.has(each);
    const unread: string[] = [];
    for (const target of targets) {
      const known = this.#complete.get(target);
      if (known?.documents.every(isThere)) contents.set(target, known);
      else unread.push(target);
    }
    await inFlight(unread, CALLS_IN_FLIGHT, async (target) => {
      contents.set(target, await this.#read(target, places));
    });
    for (const target of this.#complete.keys()) if (!contents.has(target)) this.#complete.delete(target);
    const partly = [...contents].filter(([target]) => !this.#complete.has(target));
    const needed = new Set(partly.flatMap(([, { documents }]) => documents));
    for (const each of this.#documents.keys()) if (!needed.has(each)) this.#documents.delete(each);
    return { contents, isSettled: unreadable === this.#unreadable };
  }

  async #read(target: string, places: ReadonlyMap<string, string>): Promise<ImageContent> {
    const documents = new Set<string>();
    const packed = new Set<string>();
    let isComplete = true;
    const configs: (ImageConfig & { readonly architecture: string })[] = [];
    const walk = async (each: string, depth: number): Promise<void> => {
      const found = depth > DEPTH_MAX || !places.has(each) ? undefined : await this.#document(each, places);
      if (found === undefined) {
        isComplete = false;
        return;
      }
      documents.add(each);
      for (const layer of found.layers) packed.add(layer.digest);
      if (found.rootfs !== undefined) configs.push({ digest: each, ...describe(found), architecture: found.architecture });
      else if (found.config !== undefined && 'digest' in found.config) await walk(found.config.digest, depth + 1);
      for (const manifest of found.manifests) await walk(manifest.digest, depth + 1);
    };
    await walk(target, 0);
    const own = ARCHITECTURES[process.arch] ?? process.arch;
    // What a builder tells of its work stands beside the platforms, with no layers.
    const platforms = configs.filter(({ architecture }) => architecture !== 'unknown');
    platforms.sort((a, b) => Number(b.architecture === own) - Number(a.architecture === own));
    const content = { documents: [...documents], packed: [...packed], configs: platforms };
    if (isComplete) this.#complete.set(target, content);
    return content;
  }

  async #document(each: string, places: ReadonlyMap<string, string>): Promise<ReadDocument | undefined> {
    const known = this.#documents.get(each);
    if (known !== undefined) return known;
    const data = this.#readFile(each) ?? (await this.#readByCall(each, places.get(each) ?? ''));
    const found = this.#parse(each, data);
    if (found === undefined) this.#unreadable += 1;
    return found;
  }

  #parse(each: string, data: string | null): ReadDocument | undefined {
    const told = readOrNull(() => JSON.parse(data ?? ''));
    const parsed = v.safeParse(document, told);
    if (!parsed.success) return undefined;
    const made = { ...parsed.output, chain: chainIds(parsed.output.rootfs?.diff_ids ?? []) };
    this.#documents.set(each, made);
    return made;
  }

  #readFile(each: string): string | null {
    const root = this.#root;
    if (root === null) return null;
    return readOrNull(() =>
      readFileSync(join(root, 'io.containerd.content.v1.content/blobs/sha256', each.slice('sha256:'.length)), 'utf8'),
    );
  }

  /** @returns null when it went meanwhile */
  async #readByCall(each: string, namespace: string): Promise<string | null> {
    const pieces = await nullOn(STATUS.notFound, this.#client.collect(contentApi.read, { digest: each }, namespace));
    return pieces === null ? null : Buffer.concat(pieces.map(({ data }) => data)).toString('utf8');
  }
}

function describe({ chain, config, created }: ReadDocument): Omit<ImageConfig, 'digest'> {
  const createdMs = Date.parse(created);
  const labels = config !== undefined && 'Labels' in config ? (config.Labels ?? {}) : {};
  return { chain, labels, createdAt: Number.isNaN(createdMs) ? null : wallMs(createdMs) };
}
