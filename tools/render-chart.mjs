// Renders packaging/helm/imagegc without Helm: the part of its template language that the chart uses, and nothing else of it.
//
//   node tools/render-chart.mjs   writes packaging/kubernetes from the chart's own values, in the namespace imagegc
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';

const chartFolder = new URL('../packaging/helm/imagegc/', import.meta.url);
const target = new URL('../packaging/kubernetes/', import.meta.url);

/** What a name after `|` does; the value that is piped comes last, as in Helm. */
const FUNCTIONS = {
  default: (other, value) => (isTruthy(value) ? value : other),
  dir: (value) => posix.dirname(value),
  int: (value) => Math.trunc(Number(value)),
  nindent: (columns, value) => `\n${String(value).replaceAll(/^(?=.)/gm, ' '.repeat(columns))}`,
  quote: (value) => JSON.stringify(String(value)),
  toYaml: (value) => stringify(value, { lineWidth: 0 }).trimEnd(),
  trim: (value) => String(value).trim(),
};

/**
 * The documents of a chart, by the name of its template.
 *
 * @param changes laid over the chart's own values, as `helm template --values` does
 * @returns text by file name; templates that render nothing are left out
 */
export function renderChart({ name = 'imagegc', namespace = 'imagegc', changes = {} } = {}) {
  const read = (path) => readFileSync(new URL(path, chartFolder), 'utf8');
  const { version, appVersion } = parse(read('Chart.yaml'));
  const root = {
    Values: layOver(parse(read('values.yaml')), changes),
    Chart: { Version: version, AppVersion: appVersion },
    Release: { Name: name, Namespace: namespace },
  };
  const names = readdirSync(new URL('templates/', chartFolder)).sort();
  const rendered = names.map((each) => [each, renderTemplate(read(`templates/${each}`), root)]);
  return new Map(rendered.filter(([, text]) => text.trim() !== ''));
}

/** Maps are joined, everything else is replaced. */
function layOver(values, changes) {
  if (!isMap(values) || !isMap(changes)) return changes;
  const joined = Object.entries(changes).map(([key, value]) => [key, layOver(values[key], value)]);
  return { ...values, ...Object.fromEntries(joined) };
}

function isMap(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function renderTemplate(text, root) {
  const trimmed = text.replaceAll(/\s*\{\{-/g, '{{').replaceAll(/-\}\}\s*/g, '}}');
  const pieces = trimmed.split(/(\{\{.*?\}\})/);
  const [nodes, rest] = readBlock(pieces.map(readPiece), 0);
  if (rest !== pieces.length) throw new SyntaxError('an {{ end }} too many');
  return renderNodes(nodes, root, root);
}

function readPiece(piece, index) {
  if (index % 2 === 0) return { kind: 'text', text: piece };
  const words = piece.slice(2, -2).trim();
  const [, kind = 'value', of = words] = /^(if|with|range|end)\b\s*(.*)$/.exec(words) ?? [];
  return { kind, of };
}

/** @returns the nodes up to the end of a block, and where the next piece stands */
function readBlock(pieces, from) {
  const nodes = [];
  let at = from;
  while (at < pieces.length && pieces[at].kind !== 'end') {
    const piece = pieces[at];
    if (piece.kind === 'text' || piece.kind === 'value') {
      nodes.push(piece);
      at += 1;
    } else {
      const [inside, end] = readBlock(pieces, at + 1);
      nodes.push({ ...piece, inside });
      at = end + 1;
    }
  }
  return [nodes, at];
}

function renderNodes(nodes, dot, root) {
  return nodes.map((node) => renderNode(node, dot, root)).join('');
}

function renderNode(node, dot, root) {
  if (node.kind === 'text') return node.text;
  const value = evaluate(node.of, dot, root);
  if (node.kind === 'value') return String(value);
  if (node.kind === 'range') return value.map((each) => renderNodes(node.inside, each, root)).join('');
  return isTruthy(value) ? renderNodes(node.inside, node.kind === 'with' ? value : dot, root) : '';
}

/** As Go's templates: what is empty is false. */
function isTruthy(value) {
  if (Array.isArray(value)) return value.length > 0;
  return isMap(value) ? Object.keys(value).length > 0 : Boolean(value);
}

function evaluate(pipeline, dot, root) {
  const [first, ...others] = pipeline.split('|').map((part) => part.trim().split(/\s+/));
  return others.reduce((value, words) => call(words, [value], dot, root), call(first, [], dot, root));
}

function call([name, ...words], piped, dot, root) {
  if (words.length === 0 && piped.length === 0) return look(name, dot, root);
  const run = FUNCTIONS[name];
  if (run === undefined) throw new SyntaxError(`the chart uses ${name}, which tools/render-chart.mjs does not know`);
  return run(...words.map((word) => look(word, dot, root)), ...piped);
}

function look(word, dot, root) {
  if (/^\d+$/.test(word)) return Number(word);
  if (!/^\$?\.[\w.]*$/.test(word)) throw new SyntaxError(`the chart says ${word}, which tools/render-chart.mjs does not know`);
  const names = word.replace('$', '').split('.').filter(Boolean);
  return names.reduce((value, name) => value?.[name], word.startsWith('$') ? root : dot);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(target, { recursive: true });
  for (const [name, text] of renderChart({ changes: { podMonitor: { enabled: true } } })) {
    const note = '# Made by tools/render-chart.mjs from packaging/helm/imagegc; change it there.\n';
    writeFileSync(new URL(name, target), note + text.replace(/^\s*(---\n)?/, ''));
  }
}
