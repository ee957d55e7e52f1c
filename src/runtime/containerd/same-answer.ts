import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import type { Message } from './wire.ts';

/** A field of an encoded message: its tag, then what it holds. */
type Place = readonly [number: number, begin: number, content: number, end: number];

/**
 * Whether two encodings of a list hold the same messages in one order, each of the same fields in any: what Go has in a map it writes in another
 * order each time, but no key of it twice. By their bytes, never by a hash: what is taken for unchanged may be removed. False proves nothing.
 *
 * @throws RangeError for what is no message
 */
export function saysSame(list: Pick<Message<unknown>, 'fields'>, before: Buffer, now: Buffer): boolean {
  // In whatever order its fields are, a message is as long: all stand where they stood.
  if (before.length !== now.length) return false;
  const isSame = (begin: number, end: number): boolean => before.compare(now, begin, end, begin, end) === 0;
  if (isSame(0, now.length)) return true;
  const [reader, other] = [new BinaryReader(before), new BinaryReader(now)];
  const isInside = (outer: Pick<Message<unknown>, 'fields'>, [number, begin, content, end]: Place): boolean => {
    const inner = outer.fields.get(number)?.inner;
    return inner !== undefined && isSame(begin, content) && isShuffled(inner, content, end);
  };
  const isShuffled = (message: Message<unknown>, content: number, end: number): boolean => {
    const rest = findFields(reader, content, end);
    return findFields(other, content, end).every((place) => {
      const [, from, , to] = place;
      // The last byte tells most apart; to compare all takes a call out of JavaScript.
      const isIt = ([, start, , stop]: Place): boolean =>
        stop - start === to - from && before[stop - 1] === now[to - 1] && before.compare(now, from, to, start, stop) === 0;
      const found = rest.findIndex(isIt);
      const there = found < 0 ? rest.findIndex(([, start]) => start === from) : -1;
      const index = there >= 0 && isInside(message, place) ? there : found;
      return index >= 0 && rest.splice(index, 1).length === 1;
    });
  };
  return findFields(other, 0, now.length).every((place) => isSame(place[1], place[3]) || isInside(list, place));
}

function findFields(reader: BinaryReader, from: number, to: number): Place[] {
  const places: Place[] = [];
  reader.pos = from;
  while (reader.pos < to) {
    const begin = reader.pos;
    const [number, type] = reader.tag();
    const length = type === WireType.LengthDelimited ? reader.uint32() : 0;
    const content = reader.pos;
    if (type === WireType.LengthDelimited) reader.pos += length;
    else reader.skip(type, number);
    places.push([number, begin, content, reader.pos]);
  }
  if (reader.pos > to) throw new RangeError('a field goes on after the end of its message');
  return places;
}
