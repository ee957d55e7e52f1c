/** What a person said. */
export type Answer = 'yes' | 'no' | 'interrupted';

/** Asks on the terminal; only a clear yes is one. */
export async function askOnTerminal(question: string): Promise<Answer> {
  // Loaded only by who asks: every command would wait for it.
  const { createInterface } = await import('node:readline/promises');
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const interrupt = new AbortController();
  terminal.on('SIGINT', () => interrupt.abort());
  terminal.on('close', () => interrupt.abort());
  try {
    const answer = await terminal.question(`${question} [y/N] `, { signal: interrupt.signal });
    return /^y(es)?$/i.test(answer.trim()) ? 'yes' : 'no';
  } catch {
    process.stdout.write('\n');
    return 'interrupted';
  } finally {
    terminal.close();
  }
}
