/** `npm run screenshots`: writes docs/images/dashboard-*.png, of a daemon on an engine in memory. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { openChromium, SIZES } from '../test/browser/chromium.ts';
import { serveShop } from '../test/browser/scenes.ts';

const FOLDER = join(import.meta.dirname, '../docs/images');

mkdirSync(FOLDER, { recursive: true });
await using daemon = await serveShop();
await using browser = await openChromium();
for (const colorScheme of ['light', 'dark'] as const) {
  for (const [name, viewport] of Object.entries(SIZES)) {
    const page = await browser.newPage({ viewport, colorScheme });
    await page.goto(daemon.address);
    await page.getByRole('table').first().waitFor();
    const path = join(FOLDER, `dashboard-${name}-${colorScheme}.png`);
    await page.screenshot({ path, fullPage: name === 'desktop' });
    await page.close();
  }
}
