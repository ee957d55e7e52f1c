import { parseAllDocuments } from 'yaml';
import { isObject, type JsonObject } from '../forms/form-reader.ts';

/** An image as a file names it, and who needs it there: `service web`. */
export interface NamedImage {
  readonly name: string;
  readonly by: string;
}

/** What a file says: images, and further files that belong to it. */
export interface WorkloadText {
  readonly images: readonly NamedImage[];
  readonly files: readonly string[];
}

/** Reads a systemd unit of Podman: `.container`, `.image`, `.volume`. @see podman-systemd.unit(5) */
export function readQuadlet(text: string): WorkloadText {
  const names = [...text.matchAll(/^\s*Image\s*=\s*(.+?)\s*$/gm)].map((match) => match[1] ?? '');
  // Names of other units stand for what those name; specifiers are systemd's.
  const images = names.filter((name) => !/\.(?:image|build)$/.test(name)).map((name) => ({ name: name.replace(/%./g, '*'), by: 'unit' }));
  return { images, files: [] };
}

/**
 * Reads a Compose file, or manifests of Kubernetes, by what stands in it.
 *
 * @param project of Compose, where it is known
 * @throws SyntaxError when it is no YAML
 */
export function readYaml(text: string, project: string): WorkloadText {
  const documents = parseAllDocuments(text, { merge: true, logLevel: 'error' });
  const parsed = [...documents].map((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw new SyntaxError(error.message.split('\n')[0]);
    return document.toJS({ maxAliasCount: 100 });
  });
  const texts = parsed.map((document) =>
    isCompose(document) ? readCompose(document, project) : { images: listImages(document), files: [] },
  );
  return { images: texts.flatMap(({ images }) => images), files: texts.flatMap(({ files }) => files) };
}

function isCompose(document: unknown): document is JsonObject {
  return isObject(document) && document['kind'] === undefined && (isObject(document['services']) || document['include'] !== undefined);
}

/** @see compose-spec `05-services.md`, `14-include.md` */
function readCompose({ name, services, include }: JsonObject, project: string): WorkloadText {
  const named = Object.entries(isObject(services) ? services : {}).filter((entry): entry is [string, JsonObject] => isObject(entry[1]));
  const images = named.flatMap(([service, { image, build }]): readonly NamedImage[] => {
    const by = `service ${service}`;
    if (typeof image === 'string') return [{ name: image, by }];
    const own = typeof name === 'string' ? name : project;
    // What Compose builds it names itself, with one sign or the other between.
    return build === undefined ? [] : [{ name: `${own}?${service}`, by }];
  });
  const included = (Array.isArray(include) ? include : []).flatMap((item) => textsOf(isObject(item) ? item['path'] : item));
  const extended = named.flatMap(([, { extends: base }]) => (isObject(base) ? textsOf(base['file']) : []));
  return { images, files: [...included, ...extended] };
}

function textsOf(value: unknown): readonly string[] {
  return (Array.isArray(value) ? value : [value]).filter((item) => typeof item === 'string');
}

/** Every image that a manifest names, wherever in it: of containers of any kind, or mounted as a volume. */
function listImages(value: unknown, by = 'manifest'): readonly NamedImage[] {
  if (Array.isArray(value)) return value.flatMap((item) => listImages(item, by));
  if (!isObject(value)) return [];
  const { image, name, kind, metadata } = value;
  const own = isObject(metadata) && typeof metadata['name'] === 'string' ? `${String(kind).toLowerCase()} ${metadata['name']}` : by;
  const reference = isObject(image) ? image['reference'] : image;
  const here = typeof reference === 'string' ? [{ name: reference, by: typeof name === 'string' ? `${own}, container ${name}` : own }] : [];
  return [...here, ...Object.values(value).flatMap((item) => listImages(item, own))];
}
