import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * What a bundle owes to those whose packages it holds: each with its name, version and licence text.
 *
 * @param inputs every file of the bundle, from `root`
 * @throws when a package that is bundled has no licence text
 */
export function collectLicences(root, inputs) {
  const folders = new Set(inputs.flatMap((path) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? []));
  const parts = [...folders].sort().map((folder) => {
    const { name, version } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
    const file = readdirSync(join(root, folder)).find((each) => /^licen[cs]e(\.(md|txt))?$/i.test(each));
    if (file === undefined || !existsSync(join(root, folder, file)))
      throw new Error(`${name} is bundled, and comes without a licence text`);
    return `${name} ${version}\n\n${readFileSync(join(root, folder, file), 'utf8').trim()}\n`;
  });
  return `imagegc holds code of the packages below, under these licences.\n\n${parts.join(`\n${'-'.repeat(80)}\n\n`)}`;
}
