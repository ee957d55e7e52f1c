import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The package names its licences and says them in its files alone: the notices there, and the text of Apache-2.0 as another package has it. */
const STAND_INS = {
  '@bufbuild/protobuf': (root) => {
    const headOf = (file) => {
      const lines = readFileSync(join(root, 'node_modules/@bufbuild/protobuf/dist/esm/wire', file), 'utf8').split('\n');
      const end = lines.findIndex((line) => !line.startsWith('//'));
      return lines
        .slice(0, end)
        .map((line) => line.replace(/^\/\/ ?/, ''))
        .join('\n');
    };
    const apache = readFileSync(join(root, 'node_modules/@grpc/grpc-js/LICENSE'), 'utf8').trim();
    return [headOf('binary-encoding.js'), headOf('varint.js'), apache].join('\n\n');
  },
};

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
    const own = readdirSync(join(root, folder)).filter((each) => /^licen[cs]e(\.(md|txt))?$/i.test(each));
    const text = own.length > 0 ? readFileSync(join(root, folder, own[0]), 'utf8') : STAND_INS[name]?.(root);
    if (text === undefined) throw new Error(`${name} is bundled, and comes without a licence text`);
    return `${name} ${version}\n\n${text.trim()}\n`;
  });
  return `imagegc holds code of the packages below, under these licences.\n\n${parts.join(`\n${'-'.repeat(80)}\n\n`)}`;
}
