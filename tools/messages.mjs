// Makes src/runtime/containerd/messages.ts of the .proto files beside it: the calls that imagegc makes, and the messages in them, as tables
// for wire.ts. `node tools/messages.mjs` writes it, with --check it only says whether it is up to date.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, 'src/runtime/containerd/proto');
const target = join(root, 'src/runtime/containerd/messages.ts');
const KINDS = { string: 'text', bytes: 'blob', bool: 'flag', int32: 'whole', int64: 'whole', uint64: 'whole' };

const lowerFirst = (text) => text[0].toLowerCase() + text.slice(1);
const camel = (text) => text.replace(/[-_](\w)/g, (_, letter) => letter.toUpperCase());

function parse(name) {
  const text = readFileSync(join(folder, name), 'utf8').replace(/\/\/.*$/gm, '');
  const proto = /^package ([\w.]+);/m.exec(text)[1];
  const bodies = (kind) => [...text.matchAll(new RegExp(`^${kind} (\\w+) \\{([^}]*)\\}`, 'gm'))].map(([, title, body]) => [title, body]);
  return { stem: camel(basename(name, '.proto')), proto, messages: bodies('message'), services: bodies('service'), enums: bodies('enum') };
}

const files = readdirSync(folder)
  .filter((name) => name.endsWith('.proto'))
  .map(parse);
/** By full name: the constant that stands for it; null for an enumeration, which is a number on the wire. */
const constants = new Map();
for (const { stem, proto, messages, enums } of files) {
  for (const [title] of messages) constants.set(`${proto}.${title}`, stem + title);
  for (const [title] of enums) constants.set(`${proto}.${title}`, null);
}

function resolve(type, proto) {
  const constant = constants.get(type.includes('.') ? type : `${proto}.${type}`);
  if (constant === undefined) throw new Error(`${proto}: no type ${type}`);
  return constant;
}

const written = new Map();
/** Messages that others or calls hold; who needs one by itself finds it exported. */
const held = new Set();
function writeMessage({ proto }, title, body) {
  const fields = [...body.matchAll(/^\s*(repeated )?(map<string, string>|[\w.]+) (\w+) = (\d+);/gm)];
  const lines = fields.map(([, repeated, type, field, number]) => `${camel(field)}: ${kindOf({ repeated, type, proto })(number)}`);
  return { comment: `/** ${proto}.${title} */`, name: constants.get(`${proto}.${title}`), table: `message({ ${lines.join(', ')} })` };
}

function kindOf({ repeated, type, proto }) {
  if (type.startsWith('map')) return (number) => `textMap(${number})`;
  if (type === 'string' && repeated) return (number) => `texts(${number})`;
  if (KINDS[type] !== undefined) return (number) => `${KINDS[type]}(${number})`;
  const constant = resolve(type, proto);
  if (constant === null) return (number) => `whole(${number})`;
  held.add(constant);
  need(type.includes('.') ? type : `${proto}.${type}`);
  return (number) => `${repeated ? 'many' : 'one'}(${number}, ${constant})`;
}

/** Writes a message once, after those that it holds. */
function need(fullName) {
  if (written.has(fullName)) return;
  const file = files.find(({ proto, messages }) => messages.some(([title]) => `${proto}.${title}` === fullName));
  const [title, body] = file.messages.find(([each]) => `${file.proto}.${each}` === fullName);
  written.set(fullName, writeMessage(file, title, body));
}

for (const { proto, messages } of files) for (const [title] of messages) need(`${proto}.${title}`);
const services = files.flatMap(({ proto, services: found }) =>
  found.map(([title, body]) => {
    const calls = [...body.matchAll(/rpc (\w+)\(([\w.]+)\) returns \((?:stream )?([\w.]+)\);/g)].map(([, call, ...types]) => {
      const [asked, answered] = types.map((type) => resolve(type, proto));
      held.add(asked).add(answered);
      return `${lowerFirst(call)}: method('/${proto}.${title}/${call}', ${asked}, ${answered})`;
    });
    return `/** The calls of ${proto}.${title}. */\nexport const ${lowerFirst(title)}Api = { ${calls.join(', ')} };`;
  }),
);
const text = [
  '// Made of the .proto files in proto/ by tools/messages.mjs.',
  "import { blob, flag, many, message, method, one, text, textMap, texts, whole } from './wire.ts';",
  ...[...written.values()].map(({ comment, name, table }) => `${comment}\n${held.has(name) ? '' : 'export '}const ${name} = ${table};`),
  ...services,
].join('\n\n');
const biome = join(root, 'node_modules/.bin/biome');
const formatted = execFileSync(biome, ['format', '--stdin-file-path=messages.ts'], { input: text, encoding: 'utf8', cwd: root });
if (process.argv.includes('--check')) process.exit(readFileSync(target, 'utf8') === formatted ? 0 : 1);
writeFileSync(target, formatted);
