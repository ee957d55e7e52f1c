import { type Bytes, bytes, type ImageId, imageId, type WallMs } from '../../model/brands.ts';
import { OperatingError, type Parsed } from '../../model/error.ts';
import { parseTime } from './rfc3339.ts';

/** A JSON object of a form: what its keys hold is not yet known. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Reads one value of a form, or throws a {@link FormProblem}. */
export type Read<Value> = (value: unknown) => Value;

/**
 * What is wrong inside a form. The place is put together while the exception rises, so that reading 100,000 images builds no
 * paths; that, and not one schema per element, is why the readers here are plain functions.
 */
class FormProblem extends Error {
  place: string;

  constructor(problem: string, place: string) {
    super(problem);
    this.place = place;
  }
}

/**
 * Reads a whole form: JSON of the right format and version.
 *
 * @param file what the person named; for messages
 * @param format `imagegc.inventory/1`
 * @throws OperatingError `input` that names the file, the place in it and what would be right
 */
export function readForm<Form>(file: string, format: string, text: string, read: Read<Form>): Form {
  const hint = `"imagegc export" writes such a file; its form is described by schema/${format.replace('/', '-')}.schema.json`;
  return explaining({ file, hint, where: '', whole: 'the file' }, () => read(checkFormat(format, JSON.parse(text))));
}

/**
 * Reads a file of one JSON value per line; empty lines mean nothing.
 *
 * @param read takes a value, and the number of its line, 1 for the first
 * @throws OperatingError `input` that names the file, the line, and what would be right
 */
export function readJsonLines(file: string, text: string, read: (value: unknown, line: number) => void): void {
  const hint = 'docs/simulate.md tells what the lines of such a file hold';
  let line = 0;
  let isEmpty = true;
  for (let from = 0; from < text.length; ) {
    const newline = text.indexOf('\n', from);
    const until = newline < 0 ? text.length : newline;
    const json = text.slice(from, until).trim();
    from = until + 1;
    line += 1;
    if (json === '') continue;
    isEmpty = false;
    explaining({ file, hint, where: `line ${line}: `, whole: 'it' }, () => read(JSON.parse(json), line));
  }
  if (isEmpty) throw unreadable(file, 'line 1: there is nothing in it', hint);
}

/** Tells a person where in the file something is wrong; `whole` stands for a place that is all of what was read. */
function explaining<Form>(told: Readonly<Record<'file' | 'hint' | 'where' | 'whole', string>>, read: () => Form): Form {
  try {
    return read();
  } catch (error) {
    const { file, hint, where, whole } = told;
    if (error instanceof FormProblem)
      throw unreadable(file, `${where}${error.place.replace(/^\./, '') || whole} ${error.message}`, hint, error);
    if (error instanceof SyntaxError)
      throw unreadable(file, `${where}this is not whole JSON: ${error.message.replaceAll(/\s+/g, ' ')}`, hint, error);
    throw error;
  }
}

/** What a person is told of a file that cannot be read on. */
export function unreadable(file: string, problem: string, hint: string, cause?: unknown): OperatingError {
  return new OperatingError({ kind: 'input', operation: 'read the file', subject: file, problem, hint, cause });
}

function checkFormat(format: string, value: unknown): JsonObject {
  const form = object(value);
  if (form['format'] === format) return form;
  const [name] = format.split('/');
  const given = form['format'];
  if (given === undefined) return fail(`has no "format"; write "format": "${format}"`);
  const isOtherVersion = typeof given === 'string' && given.split('/')[0] === name;
  const what = isOtherVersion ? 'is of a version that this program does not know' : 'is another form';
  return fail(`${what} (${JSON.stringify(given)}); expected "${format}"`);
}

/** Ends reading: the value at hand, or the one at `place` below it, "is …", "has …". */
export function fail(problem: string, place = ''): never {
  throw new FormProblem(problem, place);
}

/** Reads what a key of an object holds. */
export type ReadKey<Value> = (from: JsonObject, key: string) => Value;

/** Makes a reader of objects from what reads each of their keys; other keys mean nothing. */
export function shape<Form extends object>(keys: { readonly [Key in keyof Form]: ReadKey<Form[Key]> }): Read<Form> {
  return (value) => {
    const from = object(value);
    const form: Partial<Form> = {};
    for (const key in keys) form[key] = keys[key](from, key);
    return isWhole(form, keys) ? form : fail('is not whole');
  };
}

function isWhole<Form extends object>(form: Partial<Form>, keys: object): form is Form {
  for (const key in keys) if (!(key in form)) return false;
  return true;
}

/** Reads a key that must be there. @param named the key in the file, where it is another than in the form */
export function required<Value>(read: Read<Value>, named?: string): ReadKey<Value> {
  return (from, own) => {
    const key = named ?? own;
    const value = from[key];
    return value === undefined ? fail(`has no "${key}"`) : within(`.${key}`, value, read);
  };
}

/** Reads a key that may be absent or null, which means unknown. */
export function optional<Value, Absent>(absent: Absent, read: Read<Value>): ReadKey<Value | Absent> {
  return (from, key) => {
    const value = from[key];
    return value === undefined || value === null ? absent : within(`.${key}`, value, read);
  };
}

/** Reads true or false; absent is false. Null is refused: what may protect an image is not guessed. */
export const flag: ReadKey<boolean> = (from, key) => {
  const value = from[key];
  if (value === undefined) return false;
  return typeof value === 'boolean' ? value : fail(`must be true or false, not ${show(value)}`, `.${key}`);
};

/** Makes a reader of lists. */
export function list<Item>(read: Read<Item>): Read<readonly Item[]> {
  return (value) => {
    if (!Array.isArray(value)) return fail(`must be a list, not ${show(value)}`);
    return value.map((item, index) => within(index, item, read));
  };
}

/** Reads an object with any keys. */
export function object(value: unknown): JsonObject {
  return isObject(value) ? value : fail(`must be an object, not ${show(value)}`);
}

/** Reads a text. */
export function text(value: unknown): string {
  return typeof value === 'string' ? value : fail(`must be a text, not ${show(value)}`);
}

/** Reads a text of at least one character. */
export function name(value: unknown): string {
  return text(value) || fail('must not be empty');
}

/** Reads the ID of an image. */
export function readImageId(value: unknown): ImageId {
  return imageId(name(value));
}

/** Reads whole bytes. */
export function size(value: unknown): Bytes {
  return bytes(count(value));
}

/** Reads a whole number of 0 or more. */
export function count(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
    ? value
    : fail(`must be a whole number of 0 or more, not ${show(value)}`);
}

/** Reads an RFC 3339 time. */
export function time(value: unknown): WallMs {
  return accept(parseTime(text(value)));
}

/** Reads texts under any keys. */
export function texts(value: unknown): Readonly<Record<string, string>> {
  const from = object(value);
  return isTexts(from) ? from : fail('must hold texts only');
}

/** Takes the value of what was parsed, or ends reading with its sentence. */
export function accept<Value>(result: Parsed<Value>): Value {
  return result.ok ? result.value : fail(`is wrong: ${result.problem}`);
}

/** Reads a value at a place below the one at hand. @param place `.key`, or an index */
export function within<Value>(place: string | number, value: unknown, read: Read<Value>): Value {
  try {
    return read(value);
  } catch (error) {
    if (error instanceof FormProblem) error.place = `${typeof place === 'number' ? `[${place}]` : place}${error.place}`;
    throw error;
  }
}

/** Whether a value is an object with keys. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTexts(value: JsonObject): value is Readonly<Record<string, string>> {
  for (const key in value) if (typeof value[key] !== 'string') return false;
  return true;
}

function show(value: unknown): string {
  const json = JSON.stringify(value) ?? 'nothing';
  return json.length > 40 ? `${json.slice(0, 40)}…` : json;
}
