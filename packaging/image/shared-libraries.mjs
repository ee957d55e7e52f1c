// Which shared libraries a program needs, read from the files themselves (ELF, 64 bit, little-endian), so that they can come from any root.
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';

const SEGMENT = { load: 1, dynamic: 2, interpreter: 3 };
const TAG = { end: 0, needed: 1, strings: 5 };
const TRIPLETS = { 62: 'x86_64-linux-gnu', 183: 'aarch64-linux-gnu' };

/**
 * Everything that a program loads when it starts, and what loads it.
 *
 * @param program path of an ELF file
 * @param root a Debian root, `/` or another
 * @returns pairs of the path in an image and the file to take
 */
export function findSharedLibraries(program, root) {
  const { machine, interpreter, needed } = readElf(program);
  const triplet = TRIPLETS[machine];
  if (triplet === undefined || interpreter === null) throw new Error(`${program} is no program for x86-64 or arm64`);
  const folders = [`lib/${triplet}`, `usr/lib/${triplet}`, 'lib64', 'usr/lib64', 'lib', 'usr/lib'];
  const found = new Map([[interpreter.slice(1), resolveIn(root, interpreter)]]);
  const wanted = [...needed];
  for (const name of wanted) {
    if (interpreter.endsWith(`/${name}`) || found.has(`lib/${triplet}/${name}`)) continue;
    const path = folders.map((folder) => join(root, folder, name)).find((each) => existsSync(each));
    if (path === undefined) throw new Error(`${name} is not in ${root}; its Debian package has to be there`);
    found.set(`lib/${triplet}/${name}`, realpathSync(path));
    wanted.push(...readElf(path).needed);
  }
  return [...found];
}

/** A link in a root may be an absolute one, which means a path in that root. */
function resolveIn(root, path) {
  const candidates = [path, `/usr${path}`, path.replace('/lib64/', '/usr/lib64/')];
  const found = candidates.map((each) => join(root, each)).find((each) => existsSync(each));
  if (found === undefined) throw new Error(`${path} is not in ${root}`);
  return realpathSync(found);
}

function readElf(path) {
  const file = readFileSync(path);
  if (file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1) throw new Error(`${path} is no 64-bit ELF file`);
  const segments = readSegments(file);
  const interpreter = segments.find(({ type }) => type === SEGMENT.interpreter);
  return {
    machine: file.readUInt16LE(18),
    interpreter: interpreter === undefined ? null : textAt(file, interpreter.offset),
    needed: readNeeded(file, segments),
  };
}

function readSegments(file) {
  const [start, size, count] = [Number(file.readBigUInt64LE(32)), file.readUInt16LE(54), file.readUInt16LE(56)];
  return Array.from({ length: count }, (_, index) => {
    const at = start + index * size;
    const number = (offset) => Number(file.readBigUInt64LE(at + offset));
    return { type: file.readUInt32LE(at), offset: number(8), address: number(16), bytes: number(32) };
  });
}

function readNeeded(file, segments) {
  const dynamic = segments.find(({ type }) => type === SEGMENT.dynamic);
  if (dynamic === undefined) return [];
  const entries = [];
  for (let at = dynamic.offset; at < dynamic.offset + dynamic.bytes; at += 16) {
    const tag = Number(file.readBigInt64LE(at));
    if (tag === TAG.end) break;
    entries.push([tag, Number(file.readBigUInt64LE(at + 8))]);
  }
  const address = entries.find(([tag]) => tag === TAG.strings)?.[1] ?? 0;
  const holding = segments.find((each) => each.type === SEGMENT.load && address >= each.address && address < each.address + each.bytes);
  if (holding === undefined) return [];
  const strings = address - holding.address + holding.offset;
  return entries.filter(([tag]) => tag === TAG.needed).map(([, offset]) => textAt(file, strings + offset));
}

function textAt(file, offset) {
  return file.toString('latin1', offset, file.indexOf(0, offset));
}
