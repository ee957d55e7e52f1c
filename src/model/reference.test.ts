import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { anyName, anyReference } from '../../test/worlds/names.ts';
import {
  canonicalReference,
  canonicalRepository,
  familiarReference,
  formatReference,
  parseReference,
  repositorySpellings,
} from './reference.ts';

const SHA256 = `sha256:${'a1'.repeat(32)}`;

describe('parseReference() reads', () => {
  const cases: readonly (readonly [text: string, repository: string, tag: string | null, digest: string | null])[] = [
    ['app', 'docker.io/library/app', null, null],
    ['app:1', 'docker.io/library/app', '1', null],
    ['team/app:1', 'docker.io/team/app', '1', null],
    ['docker.io/app', 'docker.io/library/app', null, null],
    ['index.docker.io/team/app', 'docker.io/team/app', null, null],
    ['localhost/app', 'localhost/app', null, null],
    ['localhost:5000/app:1', 'localhost:5000/app', '1', null],
    ['host:5000/a/b', 'host:5000/a/b', null, null],
    ['HOST/app', 'HOST/app', null, null],
    ['quay.io/a/b/c:v1.2-rc_3', 'quay.io/a/b/c', 'v1.2-rc_3', null],
    ['192.168.0.1:5000/app', '192.168.0.1:5000/app', null, null],
    ['[2001:db8::1]:5000/app:1', '[2001:db8::1]:5000/app', '1', null],
    ['[::1]/app', '[::1]/app', null, null],
    ['a--b/c__d/e.f/g_h', 'docker.io/a--b/c__d/e.f/g_h', null, null],
    [`app@${SHA256}`, 'docker.io/library/app', null, SHA256],
    [`app:1@${SHA256}`, 'docker.io/library/app', '1', SHA256],
    [`app@sha512:${'0f'.repeat(64)}`, 'docker.io/library/app', null, `sha512:${'0f'.repeat(64)}`],
    [`app@md5+b64:${'0F'.repeat(16)}`, 'docker.io/library/app', null, `md5+b64:${'0F'.repeat(16)}`],
    ['app:_', 'docker.io/library/app', '_', null],
    [`app:${'t'.repeat(128)}`, 'docker.io/library/app', 't'.repeat(128), null],
    [`${'a'.repeat(247)}:1`, `docker.io/library/${'a'.repeat(247)}`, '1', null],
    [`${'ab'.repeat(32)}:1`, `docker.io/library/${'ab'.repeat(32)}`, '1', null],
    [`team/${'ab'.repeat(32)}`, `docker.io/team/${'ab'.repeat(32)}`, null, null],
  ];
  for (const [text, repository, tag, digest] of cases) {
    it(text.length > 60 ? `${text.slice(0, 57)}…` : text, () => {
      assert.deepEqual(parseReference(text), { ok: true, value: { repository, tag, digest } });
    });
  }
});

describe('parseReference() refuses', () => {
  const cases: readonly (readonly [text: string, because: RegExp])[] = [
    ['', /""/],
    ['App', /"App" in "App"/],
    ['team/App', /"App"/],
    ['app:', /"" is not a tag/],
    [':1', /""/],
    ['app:-1', /"-1" is not a tag/],
    ['app:.1', /is not a tag/],
    ['app:a b', /is not a tag/],
    ['app:1:2', /is not a tag/],
    [`app:${'t'.repeat(129)}`, /1 to 128/],
    ['/app', /""/],
    ['app/', /""/],
    ['a//b', /""/],
    ['-app', /"-app"/],
    ['app-', /"app-"/],
    ['a..b', /"a\.\.b"/],
    ['a___b', /"a___b"/],
    ['a_-b', /"a_-b"/],
    ['a b', /"a b"/],
    [' app', /" app"/],
    ['-host.io/app', /"-host\.io" is not a registry host/],
    ['host:/app', /"host:" is not a registry host/],
    ['host:x/app', /"host:x" is not a registry host/],
    ['[::g]/app', /is not a registry host/],
    ['http://host/app', /"http:" is not a registry host/],
    ['ä/app', /"ä"/],
    ['app@', /"" is not a digest/],
    ['app@sha256', /is not a digest/],
    ['app@sha256:', /is not a digest/],
    [`app@sha256:${'a1'.repeat(31)}`, /64 hex digits/],
    [`app@sha256:${'a1'.repeat(33)}`, /64 hex digits/],
    [`app@sha256:${'A1'.repeat(32)}`, /64 hex digits/],
    [`app@${SHA256}@${SHA256}`, /is not a digest/],
    ['ab'.repeat(32), /is an image ID, not a name/],
    [`${'a'.repeat(248)}:1`, /longer than 255/],
    ['app\n', /"app\n"/],
  ];
  for (const [text, because] of cases) {
    it(JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}…` : text), () => {
      const reference = parseReference(text);
      assert.match(reference.ok ? 'it was accepted' : reference.problem, because);
    });
  }

  it('the longest host in no more than linear time', () => {
    const started = performance.now();
    assert.equal(parseReference(`${'a-'.repeat(50_000)}.io/app`).ok, false);
    assert.equal(parseReference(`${'a_'.repeat(50_000)}-`).ok, false);
    assert.ok(performance.now() - started < 1_000);
  });
});

describe('canonical and familiar names', () => {
  it('lead to each other for every valid reference', () => {
    fc.assert(
      fc.property(anyReference(), (reference) => {
        const canonical = formatReference(reference);
        assert.equal(canonicalReference(canonical), canonical);
        assert.equal(canonicalReference(familiarReference(canonical)), canonical);
      }),
    );
  });

  it('are the same for every spelling, and the first spelling is the shortest', () => {
    fc.assert(
      fc.property(anyReference(), ({ repository }) => {
        const spellings = repositorySpellings(repository);
        for (const spelling of spellings) assert.equal(canonicalRepository(spelling), repository);
        assert.equal(spellings[0]?.length, Math.min(...spellings.map(({ length }) => length)));
      }),
    );
  });

  it('never shorten a path to one that reads as a host, nor a nested official one', () => {
    for (const canonical of ['docker.io/a.b/c:1', 'docker.io/localhost/c:1']) assert.equal(familiarReference(canonical), canonical);
    assert.equal(familiarReference('docker.io/library/a/b:1'), 'library/a/b:1');
    assert.equal(familiarReference('docker.io/library/app:1'), 'app:1');
  });

  it('leave text that is no reference as it is', () => {
    for (const text of ['', 'a b', 'ab'.repeat(32), '<none>:<none>']) assert.equal(canonicalReference(text), text);
  });
});

describe('parseReference()', () => {
  it('takes any text apart or refuses it, and gives what formats back to the same', () => {
    fc.assert(
      fc.property(fc.oneof(anyName(), fc.string({ unit: fc.constantFrom(...'aA0._-:/@[]*'), maxLength: 20 })), (text) => {
        const reference = parseReference(text);
        if (!reference.ok) return assert.notEqual(reference.problem, '');
        assert.deepEqual(parseReference(`${formatReference(reference.value)}`), reference);
      }),
    );
  });
});
