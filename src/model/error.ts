/**
 * What can go wrong while operating. A closed list, so that every kind has one exit status and one hint.
 *
 * - `settings`: the settings or the command line are wrong (exit status 2).
 * - `input`: a file or standard input that the person named cannot be used (exit status 2).
 * - `engine-unreachable`: no engine answers at the address.
 * - `engine-refused`: the engine answered with an error to a call that must work.
 * - `engine-nonsense`: the engine's answer does not have the form its API documents.
 * - `permission`: the operating system does not let this user do it.
 * - `disk-full`, `disk-read-only`: the store cannot be written.
 * - `store-damaged`: the store is not a database of ours, or is broken.
 * - `lock-held`: another collector works on the same engine (exit status 3).
 * - `not-found`: the person named an image that does not exist.
 */
export type OperatingErrorKind =
  | 'settings'
  | 'input'
  | 'engine-unreachable'
  | 'engine-refused'
  | 'engine-nonsense'
  | 'permission'
  | 'disk-full'
  | 'disk-read-only'
  | 'store-damaged'
  | 'lock-held'
  | 'not-found';

/** The parts of an {@link OperatingError}; a person reads them in this order. */
export interface OperatingErrorParts extends Pick<OperatingError, 'kind' | 'operation' | 'subject' | 'problem' | 'hint'> {
  readonly cause?: unknown;
}

/**
 * An error of operation: the world is not as it should be, the program is right.
 * Not for expected outcomes (an image that is in use), which are values, nor for programmer errors, which are plain `Error`s.
 */
export class OperatingError extends Error {
  readonly kind: OperatingErrorKind;
  /** What was being done: "read the settings". */
  readonly operation: string;
  /** On what: a path, a socket, an image. */
  readonly subject: string;
  /** What happened: "line 3: …". */
  readonly problem: string;
  /** What the person can do; null when nothing sensible is known. */
  readonly hint: string | null;

  constructor(parts: OperatingErrorParts) {
    super(`cannot ${parts.operation} (${parts.subject}): ${parts.problem}`, { cause: parts.cause });
    this.name = 'OperatingError';
    this.kind = parts.kind;
    this.operation = parts.operation;
    this.subject = parts.subject;
    this.problem = parts.problem;
    this.hint = parts.hint;
  }
}

/** The result of parsing: a value, or one sentence that says what is wrong and what would be right. */
export type Parsed<Value> = { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly problem: string };

/** Makes a successful {@link Parsed}. */
export function parsed<Value>(value: Value): Parsed<Value> {
  return { ok: true, value };
}

/** Makes a failed {@link Parsed}. */
export function unparsable(problem: string): Parsed<never> {
  return { ok: false, problem };
}

/** What was read; null where it cannot be, whatever the reason: not there, not allowed, or of another form. */
export function readOrNull<Value>(read: () => Value): Value | null {
  try {
    return read();
  } catch {
    return null;
  }
}
