import { CONTAINERD_KINDS, DOCKER_KINDS, PODMAN_KINDS } from '../lab/lab.ts';
import { CONTAINERD_MODES, containerdFeatures } from './containerd-world.ts';
import { ALL_FEATURES, type ContractFeatures } from './contract-world.ts';
import { dockerFeatures } from './docker-world.ts';
import { podmanFeatures } from './podman-world.ts';

/** Every engine that the contract of `Runtime` is tested on, by the name that its suite has, with what it has of that contract. */
export const CONTRACT_ENGINES: ReadonlyMap<string, ContractFeatures> = new Map([
  ['the memory engine', ALL_FEATURES],
  ...DOCKER_KINDS.map((kind): Row => [kind, dockerFeatures(kind)]),
  ...PODMAN_KINDS.map((kind): Row => [kind, podmanFeatures(kind)]),
  ...CONTAINERD_KINDS.flatMap((kind) => CONTAINERD_MODES.map((mode): Row => [`${kind}, ${mode}`, containerdFeatures(kind, mode)])),
]);

type Row = readonly [engine: string, features: ContractFeatures];

const COLUMNS: Readonly<Record<string, (features: ContractFeatures) => string>> = {
  'layers and bytes': ({ contents }) => has(contents),
  'tells what happens': ({ events }) => (events === 'none' ? '–' : events),
  // By a lease on what the image is made of, so that its names can be given back (docs/containerd.md).
  'held in a removal': ({ holds, contents }) => (holds ? 'by name' : contents ? 'by lease' : '–'),
  'images mounted': ({ imageMounts }) => (imageMounts === 'none' ? '–' : 'yes'),
  'ended containers': ({ removesContainers }) => has(removesContainers),
  'build cache': ({ buildCache }) => (buildCache === 'none' ? '–' : 'yes'),
};

function has(feature: boolean): string {
  return feature ? 'yes' : '–';
}

/**
 * The matrix of engines and contract as a table of markdown.
 *
 * @param passed how many cases passed on an engine; one that is not in it is left out
 */
export function formatEngineMatrix(passed: ReadonlyMap<string, number>): readonly string[] {
  const heads = ['contract on', 'cases passed', ...Object.keys(COLUMNS)];
  const rows = [...CONTRACT_ENGINES].flatMap(([engine, features]) => {
    const count = passed.get(engine);
    return count === undefined ? [] : [[engine, `${count}`, ...Object.values(COLUMNS).map((cell) => cell(features))]];
  });
  return rows.length === 0 ? [] : [heads, heads.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
}

/** Reads how many cases passed out of a matrix that stands in a text. */
export function readPassed(text: string): ReadonlyMap<string, number> {
  const rows = text.split('\n').map((line) => line.split('|').map((cell) => cell.trim()));
  return new Map(
    rows.flatMap(([, engine = '', count = '']) => (CONTRACT_ENGINES.has(engine) && /^\d+$/.test(count) ? [[engine, Number(count)]] : [])),
  );
}
