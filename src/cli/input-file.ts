import { OperatingError } from '../model/error.ts';
import type { World } from './world.ts';

/** Reads a text file that a person named; `-` is standard input. @throws OperatingError `input` */
export function readInput(world: Pick<World, 'readFile'>, path: string): string {
  return trying('read the file', path, () => world.readFile(path));
}

/** The same, for a file whose bytes may be anything. */
export function readInputBytes(world: Pick<World, 'readBytes'>, path: string): Uint8Array {
  return trying('read the file', path, () => world.readBytes(path));
}

/** Writes a file that a person named. @throws OperatingError `input` */
export function writeOutput(world: Pick<World, 'writeFile'>, path: string, text: string): void {
  trying('write the file', path, () => world.writeFile(path, text));
}

function trying<Value>(operation: string, subject: string, work: () => Value): Value {
  try {
    return work();
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw new OperatingError({ kind: 'input', operation, subject, problem: describe(cause), hint: null, cause });
  }
}

const PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'a part of this path is not a directory',
  ELOOP: 'its symbolic links run in a circle',
  EISDIR: 'this is a directory',
  EACCES: 'permission denied',
  ENOSPC: 'the file system is full',
  EROFS: 'the file system is mounted read-only',
  ERR_STRING_TOO_LONG: 'it is too large to be read as one text',
};

function describe(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return PROBLEMS[code] ?? (error instanceof Error ? error.message : String(error));
}
