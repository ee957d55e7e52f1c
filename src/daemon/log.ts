/** How much a line of the log matters. */
export type LogLevel = 'info' | 'warn' | 'error';

/** Writes one line: a sentence for a person, and its parts for a program. */
export type Log = (level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>) => void;
