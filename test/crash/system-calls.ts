/** One call that a process made of the kernel and that succeeded, as strace wrote it down with `-xx`. */
export interface SystemCall {
  readonly name: string;
  /** As written; strings are runs of `\xNN` in quotes. */
  readonly args: string;
  readonly result: number;
}

/**
 * What strace has to trace so that every change of a file is seen. A name that this processor's kernel has not is passed over. Nothing is seen
 * of what is mapped: SQLite maps the index of its log alone, which is made anew.
 */
export const TRACED: string = [
  ...['open', 'openat', 'creat', 'close', 'dup', 'dup2', 'dup3', 'lseek'],
  ...['write', 'writev', 'pwrite64', 'pwritev', 'pwritev2', 'truncate', 'ftruncate', 'fallocate', 'sendfile', 'copy_file_range'],
  ...['fsync', 'fdatasync', 'sync', 'syncfs'],
  ...['rename', 'renameat', 'renameat2', 'link', 'linkat', 'unlink', 'unlinkat', 'mkdir', 'mkdirat', 'rmdir', 'symlink', 'symlinkat'],
]
  .map((name) => `?${name}`)
  .join(',');

const WHOLE = /^\d+ +(\w+)\((.*)\) += (\d+|0x[0-9a-f]+)\b/;
const BEGUN = /^(\d+) +(\w+\(.*?) ?<unfinished \.\.\.>$/;
const RESUMED = /^(\d+) +<\.\.\. \w+ resumed>(.*)$/;
const QUOTED = /"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?/g;

/** Reads what `strace -f -xx -o` wrote, in the order in which the calls ended; those that failed are left out. */
export function parseSystemCalls(log: string): readonly SystemCall[] {
  const begun = new Map<string, string>();
  return log.split('\n').flatMap((line) => {
    const beginning = BEGUN.exec(line);
    if (beginning !== null) {
      begun.set(beginning[1] ?? '', beginning[2] ?? '');
      return [];
    }
    const ending = RESUMED.exec(line);
    const text = ending === null ? line : `${ending[1]} ${begun.get(ending[1] ?? '') ?? ''}${ending[2]}`;
    const [, name, args, result] = WHOLE.exec(text) ?? [];
    return name === undefined || args === undefined ? [] : [{ name, args, result: Number(result) }];
  });
}

/** The strings among the arguments. @throws Error when strace cut one off */
export function stringsOf({ name, args }: SystemCall): readonly Buffer[] {
  return [...args.matchAll(QUOTED)].map(([, hex = '', isCut]) => {
    if (isCut !== undefined) throw new Error(`strace cut the data of a ${name} off`);
    return Buffer.from(hex.replaceAll('\\x', ''), 'hex');
  });
}

/** The arguments that are numbers of their own, in order. */
export function numbersOf({ args }: SystemCall): readonly number[] {
  return args
    .split(', ')
    .filter((arg) => /^\d+$/.test(arg))
    .map(Number);
}
