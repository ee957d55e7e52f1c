import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { interpolate, parseVariables } from './interpolate.ts';

const VARIABLES = new Map([
  ['TAG', '1.2'],
  ['EMPTY', ''],
  ['REGISTRY', 'registry.example:5000'],
]);

/** A dollar sign where a text has `§`: the linter takes one in quotes for a mistake. */
function dollars(text: string): string {
  return text.replaceAll('§', '$');
}

describe('interpolate()', () => {
  for (const [text, wanted] of [
    ['app:1', 'app:1'],
    ['app:§TAG', 'app:1.2'],
    ['§{REGISTRY}/team/app:§{TAG}', 'registry.example:5000/team/app:1.2'],
    ['app:§{TAG:-latest}', 'app:1.2'],
    ['app:§{OTHER:-latest}', 'app:latest'],
    ['app:§{OTHER-latest}', 'app:latest'],
    ['app:§{EMPTY:-latest}', 'app:latest'],
    ['app:§{EMPTY-latest}', 'app:'],
    ['app:§{OTHER:-§{TAG}}', 'app:1.2'],
    ['app:§{OTHER:-v§{NONE:-3}-slim}', 'app:v3-slim'],
    ['app§{TAG:+-debug}:1', 'app-debug:1'],
    ['app§{OTHER:+-debug}:1', 'app:1'],
    ['app:§{OTHER:?it must be set}', 'app:*'],
    ['§{OTHER}/app:§NONE', '*/app:*'],
    ['app:§§TAG', 'app:§TAG'],
  ] as const) {
    it(`makes ${wanted} of ${text}`, () => {
      assert.equal(interpolate(dollars(text), VARIABLES), dollars(wanted));
    });
  }

  it('ends for every text, however it is nested or broken', () => {
    for (const text of ['§{', '§{A:-§{', '§{A:-§{A:-§{A}}', '§', '§{}', `${'§{A:-'.repeat(200)}x${'}'.repeat(200)}`]) {
      assert.equal(typeof interpolate(dollars(text), VARIABLES), 'string');
    }
  });

  it('takes the value of a variable as it is, also where it looks like another', () => {
    assert.equal(interpolate(dollars('app:§{A}'), new Map([['A', '$&x']])), 'app:$&x');
  });
});

describe('parseVariables()', () => {
  it('reads lines as Compose does', () => {
    const text = '# comment\nA=1\nexport B = two words # why\nC="quoted # not" # why\nD=\'single\'\nE=\nnot a line\nA=2\r\n';
    const read = Object.fromEntries(parseVariables(text));
    assert.deepEqual(read, { A: '2', B: 'two words', C: 'quoted # not', D: 'single', E: '' });
  });
});
