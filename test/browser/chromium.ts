/** Debian's own browser, driven without a window. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

const PROGRAMS = ['chromium-headless-shell', 'chromium'] as const;

/** Where the browser is; null: nowhere. */
export function findChromium(): string | null {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return PROGRAMS.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable) ?? null;
}

/** What a skipped test says. */
export const NO_CHROMIUM = 'missing: chromium-headless-shell (Debian package of that name)';

/** Starts it. @throws where it is not installed */
export function openChromium(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === null) throw new Error(NO_CHROMIUM);
  // Root has no sandbox; the page under test is our own.
  return chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] });
}

/** Widths that people have. */
export const SIZES = { desktop: { width: 1_280, height: 900 }, phone: { width: 390, height: 844 } } as const;

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
