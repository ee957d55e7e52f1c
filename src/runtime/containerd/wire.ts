import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** One field of a message: its number, and how it stands on the wire. */
interface Field<Value> {
  readonly number: number;
  /** What it holds, where it holds messages. */
  readonly inner?: Message<unknown>;
  /** A new one each time, which {@link read} adds to where it is repeated. */
  absent(): Value;
  /** @param before what earlier occurrences gave */
  read(reader: BinaryReader, before: Value): Value;
  write(writer: BinaryWriter, value: Value): void;
}

type Fields = Readonly<Record<string, Field<unknown>>>;
type ValueOf<Each> = Each extends Field<infer Value> ? Value : never;
type Values<Table> = { readonly [Key in keyof Table]: ValueOf<Table[Key]> };

/** A protobuf message as a table. What is absent on the wire is "", 0, false, null or empty; a field that the table lacks is passed over. */
export interface Message<Value> {
  decode(data: Uint8Array): Value;
  /** Decodes a part of what a reader reads, to save one for each of thousands of messages in a message. */
  decodeUntil(reader: BinaryReader, end: number): Value;
  encode(value: Partial<Value>): Uint8Array;
  /** By number. */
  readonly fields: ReadonlyMap<number, Field<unknown>>;
}

/** One call of a service; answers that are streamed have the same form each. */
export interface Method<Asked, Answered> {
  /** `/package.Service/Call` */
  readonly path: string;
  readonly asked: Message<Asked>;
  readonly answered: Pick<Message<Answered>, 'decode' | 'fields'>;
}

/** What a call answers. */
export type AnswerOf<Call> = Call extends Method<infer _, infer Answered> ? Answered : never;

const NOTHING: readonly (readonly unknown[])[] = [];

/** Makes a message of its fields, under their names. */
export function message<Table extends Fields>(fields: Table): Message<Values<Table>> {
  const entries = Object.entries(fields);
  const places = new Map(entries.map((entry) => [entry[1].number, entry]));
  const decodeUntil = (reader: BinaryReader, end: number): Values<Table> => {
    const values = Object.fromEntries(NOTHING);
    for (const [name, field] of entries) values[name] = field.absent();
    while (reader.pos < end) {
      const [number, type] = reader.tag();
      const entry = places.get(number);
      if (entry === undefined) reader.skip(type, number);
      else values[entry[0]] = entry[1].read(reader, values[entry[0]]);
    }
    if (reader.pos > end) throw new RangeError('a field goes on after the end of its message');
    return values;
  };
  return {
    decode(data) {
      const reader = new BinaryReader(data);
      return decodeUntil(reader, reader.len);
    },
    decodeUntil,
    fields: new Map(entries.map(([, field]) => [field.number, field])),
    encode(value) {
      const writer = new BinaryWriter();
      for (const [name, content] of Object.entries(value)) if (content !== undefined) fields[name]?.write(writer, content);
      return writer.finish();
    },
  };
}

/** Makes a call of what it asks and what it answers. */
export function method<Asked, Answered>(path: string, asked: Message<Asked>, answered: Message<Answered>): Method<Asked, Answered> {
  return { path, asked, answered };
}

/** `string` */
export const text = (number: number): Field<string> => ({
  number,
  absent: () => '',
  read: (reader) => reader.string(),
  write: (writer, value) => writer.tag(number, WireType.LengthDelimited).string(value),
});

/** `int32`, `int64`, `uint64` and enumerations; beyond 2^53 the nearest number. */
export const whole = (number: number): Field<number> => ({
  number,
  absent: () => 0,
  read: (reader) => Number(reader.int64()),
  write: (writer, value) => writer.tag(number, WireType.Varint).int64(value),
});

/** `bool` */
export const flag = (number: number): Field<boolean> => ({
  number,
  absent: () => false,
  read: (reader) => reader.bool(),
  write: (writer, value) => writer.tag(number, WireType.Varint).bool(value),
});

/** `bytes` */
export const blob = (number: number): Field<Uint8Array> => ({
  number,
  absent: () => new Uint8Array(),
  read: (reader) => reader.bytes(),
  write: (writer, value) => writer.tag(number, WireType.LengthDelimited).bytes(value),
});

/** `repeated string` */
export const texts = (number: number): Field<string[]> => ({
  number,
  absent: () => [],
  read: (reader, before) => {
    before.push(reader.string());
    return before;
  },
  write: (writer, values) => {
    for (const value of values) writer.tag(number, WireType.LengthDelimited).string(value);
  },
});

function readInner<Value>(reader: BinaryReader, inner: Message<Value>): Value {
  const length = reader.uint32();
  return inner.decodeUntil(reader, reader.pos + length);
}

/** A message, or null. */
export const one = <Value>(number: number, inner: Message<Value>): Field<Value | null> => ({
  number,
  inner,
  absent: () => null,
  read: (reader) => readInner(reader, inner),
  write: (writer, value) => {
    if (value !== null) writer.tag(number, WireType.LengthDelimited).bytes(inner.encode(value));
  },
});

/** Messages, repeated. */
export const many = <Value>(number: number, inner: Message<Value>): Field<Value[]> => ({
  number,
  inner,
  absent: () => [],
  read: (reader, before) => {
    before.push(readInner(reader, inner));
    return before;
  },
  write: (writer, values) => {
    for (const value of values) writer.tag(number, WireType.LengthDelimited).bytes(inner.encode(value));
  },
});

const pair = message({ key: text(1), value: text(2) });

/** `map<string, string>` */
export const textMap = (number: number): Field<Record<string, string>> => ({
  number,
  absent: () => ({}),
  read: (reader, before) => {
    const { key, value } = readInner(reader, pair);
    // A label may be called so; assigned, it would be none.
    if (key === '__proto__') Object.defineProperty(before, key, { value, enumerable: true, configurable: true, writable: true });
    else before[key] = value;
    return before;
  },
  write: (writer, values) => {
    for (const [key, value] of Object.entries(values)) writer.tag(number, WireType.LengthDelimited).bytes(pair.encode({ key, value }));
  },
});
