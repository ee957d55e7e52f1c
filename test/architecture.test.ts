/** Which part may need which. The order of `docs/design.md` §4; the map is in ARCHITECTURE.md. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ImportRule } from './code/imports.ts';
import { findCycles, findForbiddenImports, listImports } from './code/imports.ts';
import type { Code, Fault } from './code/parse-code.ts';
import { formatFaults, parseCode } from './code/parse-code.ts';
import { isSource, readProjectCode } from './code/project-files.ts';
import { findCallsOf, findSurroundings } from './code/surroundings.ts';

const RULES: readonly ImportRule[] = [
  {
    name: 'model imports nothing',
    from: /^src\/model\//,
    forbids: /./,
    except: /^src\/model\//,
    means: 'A noun that needs a service has become a service: move what it does to the layer that may do it.',
  },
  {
    name: 'usage imports model alone',
    from: /^src\/usage\//,
    forbids: /./,
    except: /^src\/(model|usage)\//,
    means: 'What counts as a use is decided from values; whatever fetches them stands outside and passes them in.',
  },
  {
    name: 'plan imports model and usage alone',
    from: /^src\/plan\//,
    forbids: /./,
    except: /^src\/(model|usage|plan)\//,
    means: 'A plan that looks at the world cannot be replayed, compared or simulated: observe first, then plan.',
  },
  {
    name: 'simulate imports model, usage and plan alone',
    from: /^src\/simulate\//,
    forbids: /./,
    except: /^src\/(model|usage|plan|simulate)\//,
    means: 'The simulator must judge the planner that runs on hosts; with an engine or a store in it, it judges something else.',
  },
  {
    name: 'store imports model and built-ins alone',
    from: /^src\/store\//,
    forbids: /./,
    except: /^(src\/(model|store)\/|node:|npm:(valibot|crc-32)$)/,
    means: 'Storage that knows rules starts to decide: what is durable must not depend on what is planned.',
  },
  {
    name: 'runtime imports model and built-ins alone',
    from: /^src\/runtime\//,
    forbids: /./,
    except: /^(src\/(model|runtime)\/|node:|npm:(valibot|@grpc\/grpc-js|@bufbuild\/protobuf\/wire)$)/,
    means: 'An adapter that knows the store or the rules decides what to tell; it reports what the engine says, and nothing else.',
  },
  ...['docker', 'memory', 'podman', 'containerd', 'cri'].map((adapter) => ({
    name: `the ${adapter} adapter does not use another adapter`,
    from: new RegExp(`^src/runtime/${adapter}/`),
    forbids: /^src\/runtime\/(docker|memory|podman|containerd|cri)\//,
    except: new RegExp(`^src/runtime/${adapter}/`),
    means: 'Engines look alike until one of them changes: share a file beside runtime.ts, not another engine’s.',
  })),
  {
    name: 'collect knows engine and store by their ports',
    from: /^src\/collect\//,
    forbids: /./,
    except: /^src\/((model|usage|plan|collect)\/|store\/store\.ts$|runtime\/runtime\.ts$)/,
    means: 'A cycle that knows which engine it runs on, or asks the host itself, is not the one that the contract suites test.',
  },
  {
    name: 'daemon knows engine and store by their ports',
    from: /^src\/daemon\//,
    forbids: /^src\//,
    except: /^src\/((model|usage|plan|simulate|collect|daemon)\/|store\/store\.ts$|runtime\/runtime\.ts$)/,
    means: 'The daemon is given its engine and its store; with one of its own it would run by other rules than the command line.',
  },
  {
    name: 'dashboard knows model alone',
    from: /^src\/dashboard\//,
    forbids: /^src\//,
    except: /^src\/(model|dashboard)\//,
    means: 'The page shows what the API says. Needing more means that the API says too little.',
  },
  {
    name: 'the library is the core',
    from: /^src\/index\.ts$/,
    forbids: /./,
    except: /^src\/(model|usage|plan|simulate)\//,
    means: 'What others import must stay pure, and free of dependencies: what touches the world is for the command alone.',
  },
  {
    name: 'nothing imports cli',
    from: /^src\/(?!cli\/)/,
    forbids: /^src\/cli\//,
    except: /^$/,
    means: 'Words for people have crept into a lower layer: return a value and let the command phrase it.',
  },
  {
    name: 'one file knows node:sqlite',
    from: /^src\/(?!store\/sqlite-database\.ts$)/,
    forbids: /^node:sqlite$/,
    means: 'Node is renaming the classes of this module; every further import is a place to mend then.',
  },
  {
    name: 'the product stands alone',
    from: /^src\//,
    forbids: /^(test|bench|demo|tools)\/|\.test\.ts$|^npm:(fast-check|tinybench|ajv|oxc-parser)$/,
    means: 'What is only there for development would be shipped, or be missing where the product runs.',
  },
  {
    name: 'addresses of imports are written out',
    from: /^src\//,
    forbids: /^\?$/,
    means: 'A computed address escapes the bundle and every rule of this table.',
  },
];

const CORE = /^src\/(model|usage|plan|simulate)\//;
/** Only a cycle changes an engine: design §5.4 holds because there is one place where it can be broken. */
const REMOVING = ['removeName', 'removeImage', 'addName', 'pruneBuildCache'] as const;
const MAY_REMOVE = /^src\/(collect|runtime)\//;

/** All that these rules object to in some files. */
function checkArchitecture(codes: readonly Code[]): readonly Fault[] {
  const sources = codes.filter((code) => isSource(code.path));
  return [
    ...findForbiddenImports(sources.flatMap(listImports), RULES),
    ...sources.filter((code) => CORE.test(code.path)).flatMap(findSurroundings),
    ...sources.filter((code) => !MAY_REMOVE.test(code.path)).flatMap((code) => findCallsOf(code, REMOVING)),
  ];
}

/** Checks a small project, given as path and text. */
function problemsOf(files: Readonly<Record<string, string>>): readonly string[] {
  return checkArchitecture(Object.entries(files).map(([path, text]) => parseCode(path, text))).map((fault) => fault.problem);
}

test('the source keeps to the import rules, the purity of the core, and removal in one place', () => {
  const faults = checkArchitecture(readProjectCode());
  assert.ok(faults.length === 0, `\n${formatFaults(faults)}`);
});

test('no files need each other in a ring', () => {
  assert.deepEqual(findCycles(readProjectCode().flatMap(listImports)), []);
});

test('node:sqlite is imported in exactly one file', () => {
  const users = readProjectCode()
    .filter((code) => isSource(code.path))
    .flatMap(listImports)
    .filter((each) => each.target === 'node:sqlite')
    .map((each) => each.from);
  assert.deepEqual(users, ['src/store/sqlite-database.ts']);
});

test('what most daemons never need is loaded by who needs it: node:crypto alone is 1.5 MB of each', () => {
  const users = readProjectCode().filter(
    ({ path, text }) => isSource(path) && /^import .* from 'node:(crypto|child_process|http2|zlib)';$/m.test(text),
  );
  assert.deepEqual(
    users.map(({ path }) => path),
    // Loaded when an engine is spoken to over ssh, and when there is none.
    ['src/runtime/memory/memory-engine.ts', 'src/runtime/ssh-connection.ts'],
  );
});

describe('every import rule sees its planted fault', () => {
  const planted: readonly (readonly [rule: string, path: string, text: string])[] = [
    ['model imports nothing', 'src/model/a.ts', "import { join } from 'node:path';"],
    ['usage imports model alone', 'src/usage/a.ts', "import type { Plan } from '../plan/plan-collection.ts';"],
    ['plan imports model and usage alone', 'src/plan/a.ts', "export * from '../store/store.ts';"],
    ['simulate imports model, usage and plan alone', 'src/simulate/a.ts', "const fs = await import('node:fs');"],
    ['store imports model and built-ins alone', 'src/store/a.ts', "import { planCollection } from '../plan/plan-collection.ts';"],
    ['runtime imports model and built-ins alone', 'src/runtime/docker/a.ts', "import type { Store } from '../../store/store.ts';"],
    ['the docker adapter does not use another adapter', 'src/runtime/docker/a.ts', "import '../memory/memory-runtime.ts';"],
    ['the memory adapter does not use another adapter', 'src/runtime/memory/a.ts', "import '../docker/docker-client.ts';"],
    ['the podman adapter does not use another adapter', 'src/runtime/podman/a.ts', "import '../docker/docker-client.ts';"],
    ['the containerd adapter does not use another adapter', 'src/runtime/containerd/a.ts', "import '../cri/cri-client.ts';"],
    ['the cri adapter does not use another adapter', 'src/runtime/cri/a.ts', "import '../containerd/containerd-client.ts';"],
    [
      'collect knows engine and store by their ports',
      'src/collect/a.ts',
      "import { openDocker } from '../runtime/docker/docker-runtime.ts';",
    ],
    ['daemon knows engine and store by their ports', 'src/daemon/a.ts', "import { openStore } from '../store/sqlite-store.ts';"],
    ['dashboard knows model alone', 'src/dashboard/a.ts', "import type { Plan } from '../plan/plan-collection.ts';"],
    ['the library is the core', 'src/index.ts', "export { look } from './collect/look.ts';"],
    ['nothing imports cli', 'src/daemon/a.ts', "type Format = import('../cli/output/format.ts').Format;"],
    ['one file knows node:sqlite', 'src/cli/a.ts', "const { DatabaseSync } = process.getBuiltinModule('node:sqlite');"],
    ['the product stands alone', 'src/cli/a.ts', "import { makeWorld } from '../plan/world.test.ts';"],
    ['addresses of imports are written out', 'src/cli/a.ts', 'const part = await import(address);'],
  ];
  for (const [rule, path, text] of planted) {
    test(rule, () => {
      const problems = problemsOf({ [path]: text });
      assert.ok(
        problems.some((problem) => problem.includes(`against "${rule}"`)),
        problems.join('\n'),
      );
    });
  }

  test('what the layers are for is not objected to', () => {
    const allowed = {
      'src/plan/a.ts': "import { idleMs } from '../model/brands.ts'; import { readIdle } from '../usage/idle-clock.ts';",
      'src/collect/a.ts': "import type { Runtime } from '../runtime/runtime.ts'; import type { Store } from '../store/store.ts';",
      'src/cli/a.ts': "import { openDocker } from '../runtime/docker/docker-runtime.ts'; import '../collect/cycle.ts'; import 'node:fs';",
    };
    assert.deepEqual(problemsOf(allowed), []);
  });

  test('no rule lacks its planted fault', () => {
    const names = new Set(planted.map(([rule]) => rule));
    assert.deepEqual(
      RULES.map((rule) => rule.name).filter((name) => !names.has(name)),
      [],
    );
  });
});

describe('the core reaches for nothing around it', () => {
  const reaches = [
    'export const now = Date.now();',
    'export const now = new Date();',
    'export const now = Date();',
    'export const seed = Math.random();',
    "export const home = process.env['HOME'];",
    'const { env } = process; export { env };',
    'export const started = performance.now();',
    'export function wait(after = setTimeout) { after(() => 0, 1); }',
    'export const reply = fetch("http://127.0.0.1");',
    'export const id = crypto.randomUUID();',
  ];
  for (const text of reaches) {
    test(`a fault is seen in: ${text}`, () => {
      assert.equal(problemsOf({ 'src/plan/a.ts': text }).length > 0, true);
      assert.deepEqual(problemsOf({ 'src/cli/a.ts': text }), []);
    });
  }

  test('a time that is passed in may be formatted, and a property may have any name', () => {
    const text = 'export const at = (now: number, world: { process: string }) => new Date(now).toISOString() + world.process;';
    assert.deepEqual(problemsOf({ 'src/plan/a.ts': text }), []);
  });
});

test('a removal outside collect is seen, and one inside is not', () => {
  const text = "export const go = (runtime: { removeName(name: string): void }) => runtime.removeName('app:1');";
  assert.deepEqual(problemsOf({ 'src/daemon/a.ts': text }), ['uses removeName()']);
  assert.deepEqual(problemsOf({ 'src/collect/a.ts': text }), []);
});

test('a ring of imports is seen, and a chain is not', () => {
  const parse = (path: string, needs: string) => listImports(parseCode(path, `import '${needs}';`));
  assert.deepEqual(findCycles([...parse('src/a.ts', './b.ts'), ...parse('src/b.ts', './c.ts'), ...parse('src/c.ts', './a.ts')]), [
    'src/a.ts → src/b.ts → src/c.ts → src/a.ts',
  ]);
  assert.deepEqual(findCycles([...parse('src/a.ts', './b.ts'), ...parse('src/b.ts', './c.ts'), ...parse('src/d.ts', './b.ts')]), []);
});
