/** The tar members an image layer and an image archive are made of (POSIX ustar), with nothing that varies between runs. */

const BLOCK = 512;
/** ustar's name field; longer names would need a prefix, which nothing here needs. */
const NAME_BYTES = 100;

export type TarMember =
  | { readonly kind: 'file'; readonly name: string; readonly data: Buffer; readonly mode?: number }
  | { readonly kind: 'directory'; readonly name: string }
  | { readonly kind: 'symlink'; readonly name: string; readonly target: string };

/** The two zero blocks that end an archive. */
export const TAR_END: Buffer = Buffer.alloc(2 * BLOCK);

/** Header, data and padding of one member. */
export function tarMember(member: TarMember): Buffer {
  switch (member.kind) {
    case 'file':
      return Buffer.concat([
        header(member.name, '0', member.mode ?? 0o644, member.data.length, ''),
        member.data,
        padding(member.data.length),
      ]);
    case 'directory':
      return header(member.name, '5', 0o755, 0, '');
    case 'symlink':
      return header(member.name, '2', 0o777, 0, member.target);
  }
}

/** A whole archive in memory. */
export function tarArchive(members: readonly TarMember[]): Buffer {
  return Buffer.concat([...members.map(tarMember), TAR_END]);
}

function header(name: string, type: string, mode: number, size: number, link: string): Buffer {
  if (Buffer.byteLength(name) > NAME_BYTES || Buffer.byteLength(link) > NAME_BYTES) throw new RangeError(`tar name too long: ${name}`);
  const block = Buffer.alloc(BLOCK);
  block.write(name, 0);
  block.write(octal(mode, 7), 100);
  block.write(octal(0, 7), 108); // owner and group: root
  block.write(octal(0, 7), 116);
  block.write(octal(size, 11), 124);
  block.write(octal(0, 11), 136); // time: 1970, so that equal content has an equal digest
  block.write('        ', 148); // the checksum counts its own field as spaces
  block.write(type, 156);
  block.write(link, 157);
  block.write('ustar\u000000', 257, 'latin1');
  const checksum = block.reduce((sum, byte) => sum + byte, 0);
  block.write(`${octal(checksum, 6)}\0 `, 148, 'latin1');
  return block;
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}

function padding(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
}
