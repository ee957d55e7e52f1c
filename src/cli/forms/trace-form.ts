import { imageId } from '../../model/brands.ts';
import { readOrNull } from '../../model/error.ts';
import { canonicalReference, parseReference } from '../../model/reference.ts';
import { type ImageTrace, tracedImage } from '../../simulate/journal-trace.ts';
import type { TraceUse } from '../../simulate/trace.ts';
import { readInputBytes } from '../input-file.ts';
import type { World } from '../world.ts';
import { count, fail, list, name, object, readJsonLines, required, unreadable } from './form-reader.ts';

const GZIP_MAGIC = [0x1f, 0x8b];
const MS_PER_SECOND = 1_000;

/**
 * Reads the two files of a trace (`test/traces/README.md`): lines of JSON, gzip or plain.
 *
 * @throws OperatingError `input` that names the file and the line
 */
export function readTrace(world: Pick<World, 'readBytes'>, imagesFile: string, usesFile: string): ImageTrace {
  const images = new TraceImages();
  readJsonLines(imagesFile, readText(world, imagesFile), (value, line) => images.add(value, line));
  const uses: TraceUse[] = [];
  readJsonLines(usesFile, readText(world, usesFile), (value) => uses.push(readUse(value, images, uses.at(-1))));
  return { images: images.list(uses), layers: images.layers, sizes: images.sizes, uses };
}

function readUse(value: unknown, images: TraceImages, before: TraceUse | undefined): TraceUse {
  const from = object(value);
  const atMs = required(seconds)(from, 't') * MS_PER_SECOND;
  if (before !== undefined && atMs < before.atMs)
    fail(`is earlier than that of the use before (${before.atMs / MS_PER_SECOND}): uses stand in the order of time`, '.t');
  const named = required(name)(from, 'image');
  const image = images.indexOf.get(named) ?? fail(`is ${named}, which is not in the images file`, '.image');
  const lastedMs = from['d'] === undefined ? 0 : required(seconds)(from, 'd') * MS_PER_SECOND;
  return { atMs, image, lineage: required(name)(from, 'ref'), lastedMs };
}

function seconds(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : fail('must be seconds, a number of 0 or more');
}

/** Images of a trace, with layers by number. */
class TraceImages {
  readonly #names: string[] = [];
  readonly layers: (readonly number[])[] = [];
  readonly sizes: number[] = [];
  readonly indexOf = new Map<string, number>();
  readonly #layerOf = new Map<string, number>();
  /** By layer: the line that told its size first. */
  readonly #toldAt: number[] = [];

  add(value: unknown, line: number): void {
    const from = object(value);
    const image = required(name)(from, 'image');
    if (this.indexOf.has(image)) fail(`repeats ${image}`, '.image');
    const layers = required(list((layer) => this.#readLayer(layer, line)))(from, 'layers');
    if (layers.length === 0) fail('is empty: an image has one layer at least', '.layers');
    this.indexOf.set(image, this.#names.push(image) - 1);
    // A layer that is listed twice is there once.
    this.layers.push([...new Set(layers)]);
  }

  /** As an engine would list them: by their digest, and the name that last asked for them where that is one. */
  list(uses: readonly TraceUse[]): ImageTrace['images'] {
    const asked = new Map(uses.map(({ image, lineage }) => [image, lineage]));
    return this.#names.map((name, image) => {
      const reference = asked.get(image) ?? '';
      const references = parseReference(reference).ok && reference !== '' ? [canonicalReference(reference)] : [];
      return tracedImage(imageId(name), { references, digests: name.includes('@') ? [canonicalReference(name)] : [] });
    });
  }

  #readLayer(value: unknown, line: number): number {
    const from = object(value);
    const digest = required(name)(from, 'digest');
    const size = required(count)(from, 'size');
    const known = this.#layerOf.get(digest);
    if (known === undefined) {
      const layer = this.sizes.push(size) - 1;
      this.#layerOf.set(digest, layer);
      this.#toldAt[layer] = line;
      return layer;
    }
    const told = this.sizes[known] ?? 0;
    if (told === 0) this.sizes[known] = size;
    else if (size !== 0 && size !== told) fail(`is ${size}, but line ${this.#toldAt[known]} says ${told} of the same layer`, '.size');
    return known;
  }
}

function readText(world: Pick<World, 'readBytes'>, file: string): string {
  const content = readInputBytes(world, file);
  const isGzip = GZIP_MAGIC.every((byte, at) => content[at] === byte);
  try {
    return new TextDecoder().decode(isGzip ? process.getBuiltinModule('node:zlib').gunzipSync(content) : content);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const problem = `line ${countWholeLines(content) + 1}: the gzip data cannot be read on from here (${why})`;
    throw unreadable(file, problem, 'was it copied as a whole?', cause);
  }
}

/** Of a gzip file that is cut short or damaged, what can be read of it. */
function countWholeLines(content: Uint8Array): number {
  const { gunzipSync, constants } = process.getBuiltinModule('node:zlib');
  const text = readOrNull(() => new TextDecoder().decode(gunzipSync(content, { finishFlush: constants.Z_SYNC_FLUSH })));
  return (text ?? '').split('\n').length - 1;
}
