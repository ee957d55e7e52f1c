/** The product on a terminal of its own, which script(1) makes, with a person before it. */
import { spawn, spawnSync } from 'node:child_process';
import { PRODUCT } from './imagegc-process.ts';

/** What a person types at the first question, and sees. */
export interface Sitting {
  readonly status: number | null;
  readonly screen: string;
}

/** Why there can be no terminal; null when there can. */
export function whyNoTerminal(): string | null {
  const { status, stdout } = spawnSync('script', ['--version'], { encoding: 'utf8' });
  return status === 0 && stdout.includes('util-linux') ? null : 'script(1) of util-linux (Debian: bsdutils)';
}

/** @param typed sent as soon as the product asks; `\u0003` is Ctrl-C */
export function sitBefore(words: readonly string[], typed: string): Promise<Sitting> {
  const command = [PRODUCT, ...words].map((word) => `'${word}'`).join(' ');
  const env = {
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    HOME: '/nonexistent',
    TERM: 'xterm',
    TMPDIR: process.env['TMPDIR'] ?? '/tmp',
  };
  const child = spawn('script', ['-qec', command, '/dev/null'], { env });
  let screen = '';
  let isAnswered = false;
  child.stdin.on('error', () => undefined);
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    screen += text;
    if (isAnswered || !screen.includes('[y/N]')) return;
    isAnswered = true;
    child.stdin.write(typed);
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, screen }));
  });
}
