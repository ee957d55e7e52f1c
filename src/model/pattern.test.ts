import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { anyReference } from '../../test/worlds/names.ts';
import { label, makeImage, pattern } from '../../test/worlds/world.ts';
import type { Image } from './inventory.ts';
import { matchesGlob, matchesImage, matchesLabel, parseLabelPattern, parseReferencePattern } from './pattern.ts';
import { familiarReference, formatReference, repositorySpellings } from './reference.ts';

const HEX = 'a1'.repeat(32);
const DIGEST = `sha256:${HEX}`;

function named(...names: readonly string[]): Image {
  const digests = names.filter((name) => name.includes('@'));
  return makeImage({ name: `sha256:${'0'.repeat(64)}`, references: names.filter((name) => !name.includes('@')), digests });
}

describe('a reference pattern', () => {
  const cases: readonly (readonly [pattern: string, matches: readonly string[], misses: readonly string[]])[] = [
    [
      'app',
      ['docker.io/library/app:1', 'docker.io/library/app:latest'],
      ['docker.io/library/app2:1', 'docker.io/team/app:1', 'host/app:1'],
    ],
    ['app:1', ['docker.io/library/app:1'], ['docker.io/library/app:11', 'docker.io/library/app:0']],
    ['app:*', ['docker.io/library/app:1', `docker.io/library/app@${DIGEST}`], ['docker.io/library/apps:1', 'docker.io/library/my-app:1']],
    ['app:1.*', ['docker.io/library/app:1.2'], ['docker.io/library/app:1', 'docker.io/library/app:11.2']],
    ['app:?', ['docker.io/library/app:1'], ['docker.io/library/app:11']],
    ['library/app', ['docker.io/library/app:1'], ['docker.io/team/app:1']],
    ['docker.io/app', ['docker.io/library/app:1'], ['docker.io/team/app:1']],
    ['docker.io/library/app', ['docker.io/library/app:1'], ['docker.io/library/app2:1']],
    ['index.docker.io/app', ['docker.io/library/app:1'], ['docker.io/team/app:1']],
    ['index.docker.io/team/*', ['docker.io/team/app:1'], ['docker.io/other/app:1']],
    ['team/*', ['docker.io/team/app:1', 'docker.io/team/a/b:1'], ['docker.io/team2/app:1', 'host/team/app:1']],
    ['host:5000/*', ['host:5000/a:1', 'host:5000/a/b:1'], ['host:5001/a:1', 'host/a:1', 'other/host:5000']],
    ['host:*/app', ['host:5000/app:1'], ['host:5000/apps:1', 'host/app:1']],
    ['host:500?/app', ['host:5000/app:1'], ['host:50000/app:1']],
    ['host:5000/app:v*', ['host:5000/app:v1'], ['host:5000/app:1']],
    ['[::1]:5000/app:1', ['[::1]:5000/app:1'], ['[::2]:5000/app:1']],
    ['[*]:5000/app', ['[fe80::1]:5000/app:1'], ['host:5000/app:1']],
    ['*/app', ['host/app:1', 'docker.io/library/app:1'], ['host/app2:1']],
    ['*', ['docker.io/library/app:1', 'host:5000/a/b:2', `host/app@${DIGEST}`], []],
    ['*:latest', ['host/a:latest'], ['host/a:1']],
    [`app@${DIGEST}`, [`docker.io/library/app@${DIGEST}`], [`docker.io/library/other@${DIGEST}`, 'docker.io/library/app:1']],
    ['app@*', [`docker.io/library/app@${DIGEST}`], ['docker.io/library/app:1']],
    [DIGEST, [`host/any@${DIGEST}`], ['host/any:1']],
    ['sha256:a1a1*', [`host/any@${DIGEST}`], [`host/any@sha256:${'b'.repeat(64)}`]],
    ['app', [`docker.io/library/app@${DIGEST}`], []],
  ];
  for (const [text, matches, misses] of cases) {
    it(`${text} matches the whole of a name or nothing`, () => {
      for (const name of matches) assert.equal(matchesImage(pattern(text), named(name)), true, name);
      for (const name of misses) assert.equal(matchesImage(pattern(text), named(name)), false, name);
    });
  }

  it('matches an image by any one of its names', () => {
    assert.equal(matchesImage(pattern('b'), named('docker.io/library/a:1', 'docker.io/library/b:1')), true);
  });

  it('names an image ID by its first 12 to 64 digits, and by the whole with sha256:', () => {
    const image = makeImage({ name: DIGEST, references: [] });
    for (const text of [HEX.slice(0, 12), HEX, DIGEST, 'sha256:a1a*']) assert.equal(matchesImage(pattern(text), image), true, text);
    assert.equal(matchesImage(pattern(`${HEX.slice(0, 11)}f`), image), false);
    assert.equal(matchesImage(pattern(HEX.slice(0, 12)), makeImage({ name: HEX, references: [] })), true);
  });

  it('without a star always matches an image that has the very name', () => {
    fc.assert(
      fc.property(anyReference(), (reference) => {
        const canonical = formatReference(reference);
        const rest = canonical.slice(reference.repository.length);
        const image = named(reference.digest === null ? canonical : `${reference.repository}@${reference.digest}`);
        for (const spelling of repositorySpellings(reference.repository)) {
          assert.equal(matchesImage(pattern(spelling + rest), image), true, spelling + rest);
        }
        assert.equal(matchesImage(pattern(familiarReference(canonical)), image), true);
      }),
    );
  });
});

describe('parseReferencePattern() refuses what can match nothing:', () => {
  const hopeless = [
    '',
    ' ',
    'APP',
    'app:',
    ':1',
    ':*',
    '*:',
    'app:-*',
    'app: *',
    'app:1 ',
    ' app',
    `app:${'t'.repeat(129)}`,
    'app:1:2',
    '/app',
    '/*',
    'app/',
    '*/',
    'a//b',
    'a//*',
    '-*',
    '*-',
    '*_',
    'a..b*',
    'a___*',
    '*APP',
    'http://*',
    'http://host/app',
    'host:x/*',
    'host:/*',
    '[::g]/*',
    'app[12]',
    'app{1,2}',
    '!app',
    'a b/*',
    'app@',
    'app@1',
    'app@sha256:',
    'app@sha256:xyz*',
    `app@sha256:${'a'.repeat(63)}`,
    `app@sha256:${'a'.repeat(65)}`,
    'sha256:',
    'sha256:abc',
    `sha256:${'a'.repeat(65)}*`,
    `sha256:${'A'.repeat(64)}`,
    `team/${'a'.repeat(256)}*`,
  ];
  for (const text of hopeless) {
    it(JSON.stringify(text.length > 40 ? `${text.slice(0, 37)}…` : text), () => {
      const read = parseReferencePattern(text);
      assert.ok(!read.ok && read.problem.length > 10, 'it was accepted');
    });
  }
});

describe('parseReferencePattern()', () => {
  it('reads names, image IDs and digests, with signs and without', () => {
    for (const text of ['a', 'a:1', 'a/b', 'host:1/a', HEX, HEX.slice(0, 12), DIGEST, `a@${DIGEST}`, 'a:1.*', 'a-?'])
      assert.equal(parseReferencePattern(text).ok, true, text);
  });
});

describe('matchesGlob()', () => {
  it('agrees with a regular expression on every small glob and text', () => {
    const letters = (signs: string) => fc.string({ unit: fc.constantFrom(...signs), maxLength: 7 });
    fc.assert(
      fc.property(letters('ab*?'), letters('ab'), (glob, text) => {
        const expression = new RegExp(`^${glob.replaceAll('?', '.').replaceAll('*', '.*')}$`);
        assert.equal(matchesGlob(glob, text), expression.test(text));
      }),
      { numRuns: 1_000 },
    );
  });

  it('finishes where a backtracking matcher would not: many stars on a long run of one letter', () => {
    const started = performance.now();
    const run = 'a'.repeat(5_000);
    assert.equal(matchesGlob(`${'*a'.repeat(50)}*b`, run), false);
    assert.equal(matchesGlob(`${'*a'.repeat(2_500)}*`, run), true);
    assert.equal(matchesGlob(`${'*a'.repeat(2_500)}*b`, run), false);
    assert.ok(performance.now() - started < 1_000);
  });
});

describe('a label pattern', () => {
  it('matches a key, or a key with a value, in which * stands for any run', () => {
    const labels = { keep: 'true', 'io.x/tier': 'gold', empty: '' };
    for (const text of ['keep', 'keep=true', 'keep=t*', 'io.x/tier=*', 'empty', 'empty='])
      assert.equal(matchesLabel(label(text), labels), true, text);
    for (const text of ['kee', 'keep=', 'keep=tru', 'keep=false', 'Keep', 'constructor', 'toString=*'])
      assert.equal(matchesLabel(label(text), labels), false, text);
  });

  it('is refused without a key, or with a space in it', () => {
    for (const text of ['', '=', '=x', 'a b', 'a b=c']) assert.equal(parseLabelPattern(text).ok, false, text);
    assert.deepEqual(label('a=b=c').value, 'b=c');
  });
});
