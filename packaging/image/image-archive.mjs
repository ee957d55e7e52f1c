// An image as one archive that Docker, Podman and containerd all load: an OCI layout, with Docker's own manifest.json beside it. Equal files make
// an equal image: nothing of the time or of who builds it goes in.
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';

const BLOCK = 512;
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip';

/**
 * One layer, from files whose folders are made as needed.
 *
 * @param files `{ path, data, mode }`, or `{ path, mode }` for a folder
 */
export function makeLayer(files, createdBy) {
  const seen = new Set();
  const pieces = files.flatMap(({ path, data, mode }) => {
    const parents = path.split('/').slice(0, -1);
    const folders = parents.map((_, index) => parents.slice(0, index + 1).join('/')).filter((each) => !seen.has(each) && seen.add(each));
    if (data === undefined) seen.add(path);
    return [
      ...folders.map((each) => tarMember(`${each}/`, undefined, 0o755)),
      tarMember(data === undefined ? `${path}/` : path, data, mode),
    ];
  });
  const tar = Buffer.concat([...pieces, Buffer.alloc(2 * BLOCK)]);
  return { diffId: digestOf(tar), data: gzipSync(tar, { level: 6 }), unpackedBytes: tar.length, createdBy };
}

/** The archive. @param name `registry/repository:tag` */
export function makeArchive({ name, architecture, created, config, layers }) {
  const blobs = new Map();
  const put = (mediaType, data) => {
    const digest = digestOf(data);
    blobs.set(`blobs/sha256/${digest.slice('sha256:'.length)}`, data);
    return { mediaType, digest, size: data.length };
  };
  const descriptors = layers.map(({ data }) => put(LAYER, data));
  const rootfs = { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) };
  const history = layers.map(({ createdBy }) => ({ created, created_by: createdBy }));
  const image = put(CONFIG, json({ created, architecture, os: 'linux', config, rootfs, history }));
  const manifest = put(MANIFEST, json({ schemaVersion: 2, mediaType: MANIFEST, config: image, layers: descriptors }));
  const annotations = {
    'io.containerd.image.name': completeName(name),
    'org.opencontainers.image.ref.name': name.slice(name.lastIndexOf(':') + 1),
  };
  const pathOf = ({ digest }) => `blobs/sha256/${digest.slice('sha256:'.length)}`;
  const files = [
    ['oci-layout', json({ imageLayoutVersion: '1.0.0' })],
    ['index.json', json({ schemaVersion: 2, manifests: [{ ...manifest, annotations, platform: { architecture, os: 'linux' } }] })],
    ['manifest.json', json([{ Config: pathOf(image), RepoTags: [name], Layers: descriptors.map(pathOf) }])],
    ...blobs,
  ];
  const archive = Buffer.concat([...files.map(([path, data]) => tarMember(path, data, 0o644)), Buffer.alloc(2 * BLOCK)]);
  return { archive, imageId: image.digest, digest: manifest.digest };
}

/** containerd knows no short names. */
function completeName(name) {
  const [first, ...others] = name.split('/');
  if (others.length > 0 && (/[.:]/.test(first) || first === 'localhost')) return name;
  return others.length > 0 ? `docker.io/${name}` : `docker.io/library/${name}`;
}

function json(value) {
  return Buffer.from(JSON.stringify(value));
}

function digestOf(data) {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`;
}

/** A member of a POSIX archive (ustar), of 1970 and root's. */
function tarMember(name, data, mode) {
  if (Buffer.byteLength(name) > 100) throw new RangeError(`too long for an archive: ${name}`);
  const header = Buffer.alloc(BLOCK);
  const octal = (value, digits, at) => header.write(`${value.toString(8).padStart(digits, '0')}\0`, at);
  header.write(name, 0);
  octal(mode, 7, 100);
  octal(0, 7, 108);
  octal(0, 7, 116);
  octal(data?.length ?? 0, 11, 124);
  octal(0, 11, 136);
  header.write('        ', 148);
  header.write(data === undefined ? '5' : '0', 156);
  header.write('ustar\u000000', 257, 'latin1');
  octal(
    header.reduce((sum, byte) => sum + byte, 0),
    6,
    148,
  );
  if (data === undefined) return header;
  return Buffer.concat([header, data, Buffer.alloc((BLOCK - (data.length % BLOCK)) % BLOCK)]);
}
