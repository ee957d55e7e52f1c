import { createInterface } from 'node:readline/promises';

/** Asks on the terminal; only a clear yes is one. Ctrl-C while asking is a no. */
export async function askOnTerminal(question: string, interrupted: AbortSignal): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const answer = await terminal.question(`${question} [y/N] `, { signal: interrupted });
    return /^y(es)?$/i.test(answer.trim());
  } catch {
    return false;
  } finally {
    terminal.close();
  }
}
