import { existsSync, writeFileSync } from 'node:fs';

/** Notes that a row or page turned out to be damaged while reading; the next open then sets the database aside. */
export function markSuspect(path: string, problem: string): void {
  try {
    if (existsSync(path)) writeFileSync(suspectPath(path), problem, { flag: 'wx', mode: 0o600 });
  } catch {
    // Noted already, or read-only: the reader is told of the damage anyway.
  }
}

/** Where the note lies. */
export function suspectPath(path: string): string {
  return `${path}.suspect`;
}
