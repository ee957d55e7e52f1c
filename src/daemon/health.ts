import type { OperatingError } from '../model/error.ts';
import type { Log } from './log.ts';

/** What can be wrong, each on its own. */
export const HEALTH_SUBJECTS = ['engine', 'store', 'settings', 'collection', 'disk'] as const;

/** One of {@link HEALTH_SUBJECTS}. */
export type HealthSubject = (typeof HEALTH_SUBJECTS)[number];

/** Something that is wrong now. */
export interface HealthProblem {
  readonly subject: HealthSubject;
  readonly problem: string;
  readonly hint: string | null;
}

/** Remembers what is wrong, and logs when something begins to be and when it ends; not every time it is met again. */
export class Health {
  readonly #log: Log;
  readonly #problems = new Map<HealthSubject, HealthProblem>();

  constructor(log: Log) {
    this.#log = log;
  }

  report(subject: HealthSubject, { message, hint }: Pick<OperatingError, 'message' | 'hint'>): void {
    const isNews = this.#problems.get(subject)?.problem !== message;
    this.#problems.set(subject, { subject, problem: message, hint });
    if (isNews) this.#log('error', hint === null ? message : `${message}; ${hint}`, { subject });
  }

  resolve(subject: HealthSubject): void {
    if (this.#problems.delete(subject)) this.#log('info', `the ${subject} is well again`, { subject });
  }

  /** In the order of {@link HEALTH_SUBJECTS}; empty: all is well. */
  problems(): readonly HealthProblem[] {
    return HEALTH_SUBJECTS.flatMap((subject) => this.#problems.get(subject) ?? []);
  }
}
