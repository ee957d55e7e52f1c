import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { plan, removed, verdict } from '../../test/worlds/planned.ts';
import { DAY_MS, daysAgo, HOUR_MS, label, MB, now, pattern, planInput, type WorldRows } from '../../test/worlds/world.ts';
import { bytes, durationMs, idleMs, imageId, wallMs } from '../model/brands.ts';
import { planCollection } from './plan-collection.ts';

describe('planCollection() and the age rules', () => {
  it('plans nothing over nothing', () => {
    const made = plan({ images: [] });
    assert.deepEqual([made.removals, made.verdicts, made.refusal], [[], [], null]);
  });

  it('removes an image whose age equals the limit, and keeps one a millisecond younger', () => {
    const made = plan({
      images: [
        { name: 'old', usedDaysAgo: 7 },
        { name: 'young', usedDaysAgo: 7 - 1 / DAY_MS },
      ],
    });
    assert.deepEqual(removed(made), ['old']);
    assert.equal(verdict(made, 'young'), 'keep recently-used');
  });

  it('counts the age of an image that was never used from first sight', () => {
    const made = plan({
      images: [
        { name: 'a', usedDaysAgo: null, seenDaysAgo: 8 },
        { name: 'b', usedDaysAgo: null, seenDaysAgo: 6 },
      ],
    });
    assert.deepEqual(removed(made), ['a']);
  });

  it('takes an image without a record as first seen now', () => {
    const input = planInput({ images: [{ name: 'a' }] });
    const made = planCollection({ ...input, records: new Map() });
    assert.equal(verdict(made, 'a'), 'keep too-young');
  });

  it('says when a kept image may go', () => {
    const made = plan({ images: [{ name: 'a', usedDaysAgo: 5 }] });
    assert.equal(made.verdicts[0]?.until, now.wallMs + 2 * DAY_MS);
  });

  it('gives dangling images their own limit and rule', () => {
    const made = plan({
      images: [
        { name: 'named', usedDaysAgo: 2 },
        { name: 'loose', references: [], usedDaysAgo: 2 },
        { name: 'byDigest', references: [], digests: ['r/x@sha256:1'], usedDaysAgo: 2 },
      ],
      policy: { danglingUnusedForMs: durationMs(DAY_MS) },
    });
    assert.deepEqual(
      made.removals.map(({ imageId: id, rule }) => [id, rule]),
      [['loose', 'dangling']],
    );
  });

  it('keeps everything, for no rule, when the age rules are off', () => {
    const made = plan({ images: [{ name: 'a', usedDaysAgo: 99 }], policy: { unusedForMs: null } });
    assert.equal(verdict(made, 'a'), 'keep no-rule');
  });

  it('orders by last use, then by first sight, then by unique bytes, then by ID', () => {
    const made = plan({
      images: [
        { name: 'd', usedDaysAgo: 9, seenDaysAgo: 20 },
        { name: 'c', usedDaysAgo: 9, seenDaysAgo: 20 },
        { name: 'big', usedDaysAgo: 9, seenDaysAgo: 20 },
        { name: 'earlier', usedDaysAgo: 9, seenDaysAgo: 21 },
        { name: 'oldest', usedDaysAgo: 12, seenDaysAgo: 12 },
      ],
      layerMB: { 'big-own': 50 },
    });
    assert.deepEqual(removed(made), ['oldest', 'earlier', 'big', 'c', 'd']);
  });

  it('cuts the tail at max_removals and says so', () => {
    const made = plan({
      images: [
        { name: 'a', usedDaysAgo: 9 },
        { name: 'b', usedDaysAgo: 10 },
        { name: 'c', usedDaysAgo: 11 },
      ],
      policy: { maxRemovals: 2 },
    });
    assert.deepEqual(removed(made), ['c', 'b']);
    assert.equal(verdict(made, 'a'), 'keep capped');
  });
});

describe('planCollection() keeps', () => {
  it('an image used only by a stopped container', () => {
    const made = plan({ images: [{ name: 'a' }], containers: [{ of: 'a', name: 'web', state: 'exited' }] });
    assert.equal(verdict(made, 'a'), 'keep in-use');
    assert.equal(made.verdicts[0]?.detail, 'container web (exited)');
  });

  it('an image that is only mounted into a container', () => {
    const made = plan({ images: [{ name: 'a' }, { name: 'b' }], containers: [{ of: 'b', mountedImageIds: [imageId('a')] }] });
    assert.equal(verdict(made, 'a'), 'keep in-use');
  });

  it('everything, when a doubt was found while observing', () => {
    const inventory = { doubts: [{ kind: 'in-use-unknown', message: 'container x has no image' }] } as const;
    const made = plan({ images: [{ name: 'a' }], inventory });
    assert.deepEqual([made.removals.length, made.refusal?.kind, verdict(made, 'a')], [0, 'in-use-unknown', 'keep doubt']);
  });

  it('sandbox, engine-pinned, leased and read-only images, each for its own reason', () => {
    const made = plan({
      images: [
        { name: 'a', image: { sandbox: true } },
        { name: 'b', image: { pinned: true } },
        { name: 'c', image: { leased: true } },
        { name: 'd', image: { readOnly: true } },
      ],
    });
    assert.deepEqual(
      made.verdicts.map(({ reason }) => reason),
      ['sandbox', 'pinned', 'leased', 'read-only'],
    );
  });

  it('what a pattern, a digest, an ID or a label protects, under any spelling', () => {
    const digest = `sha256:${'ab'.repeat(32)}`;
    const made = plan({
      images: [
        { name: 'a', references: ['docker.io/library/nginx:1'] },
        { name: 'b', references: ['host:5000/team/x:2'] },
        { name: 'c', references: [], digests: [`docker.io/lab/c@${digest}`] },
        { name: '0123456789abcdef' },
        { name: 'e', image: { labels: { keep: 'true' } } },
        { name: 'f', references: ['docker.io/library/nginx-other:1'] },
      ],
      policy: {
        protect: { references: ['nginx:*', 'host:5000/team/*', digest, '0123456789ab'].map(pattern), labels: [label('keep=true')] },
      },
    });
    assert.deepEqual(
      made.verdicts.map(({ reason }) => reason),
      ['protected', 'protected', 'protected', 'protected', 'protected', 'unused-for'],
    );
  });

  it('an image by one protected name, whatever its other names are', () => {
    const made = plan({
      images: [{ name: 'a', references: ['docker.io/library/x:1', 'docker.io/library/keep:1'] }],
      policy: { protect: { references: [pattern('keep')] } },
    });
    assert.equal(verdict(made, 'a'), 'keep protected');
  });

  it('a pinned image until the pin ends, and beyond that while the wall clock cannot be trusted', () => {
    const pin = { pattern: 'a', owner: 'ann', reason: 'demo', until: wallMs(now.wallMs - 1) };
    const ended = plan({ images: [{ name: 'a' }], input: { pins: [pin] } });
    const untrusted = plan({ images: [{ name: 'a' }], input: { pins: [pin], now: { ...now, isWallTrusted: false } } });
    const standing = plan({ images: [{ name: 'a' }], input: { pins: [{ ...pin, until: wallMs(now.wallMs + 1) }] } });
    assert.deepEqual(
      [verdict(ended, 'a'), verdict(untrusted, 'a'), verdict(standing, 'a')],
      ['remove unused-for', 'keep pinned', 'keep pinned'],
    );
  });

  it('an image first seen within the grace, and one used within it, under every rule', () => {
    const made = plan({
      images: [
        { name: 'new', usedDaysAgo: null, seenDaysAgo: 0.001 },
        { name: 'used', usedDaysAgo: 0.001 },
      ],
      input: { freeBytes: bytes(MB) },
    });
    assert.deepEqual(
      made.verdicts.map(({ reason }) => reason),
      ['too-young', 'too-young'],
    );
    assert.equal(made.target?.reached, false);
  });

  it('unrecorded images when scope is "recorded"', () => {
    const made = plan({ images: [{ name: 'a', usedDaysAgo: null }, { name: 'b' }], policy: { scope: 'recorded' } });
    assert.deepEqual([verdict(made, 'a'), verdict(made, 'b')], ['keep not-recorded', 'remove unused-for']);
  });

  it('an image whose removal failed until its next try', () => {
    const failure = {
      imageId: imageId('a'),
      count: 2,
      retryAt: { idleMs: idleMs(now.idleMs + HOUR_MS), wallMs: wallMs(0) },
      message: 'no',
    };
    const made = plan({ images: [{ name: 'a' }], input: { failures: new Map([[imageId('a'), failure]]) } });
    assert.equal(verdict(made, 'a'), 'keep held');
    assert.equal(made.verdicts[0]?.until, now.wallMs + HOUR_MS);
  });

  it('a parent while a child stays, and removes both, the child first, when both may go', () => {
    const family = (childUsedDaysAgo: number): WorldRows => ({
      images: [
        { name: 'parent', references: [], usedDaysAgo: 20, layers: ['base'] },
        { name: 'child', usedDaysAgo: childUsedDaysAgo, layers: ['base', 'top'], image: { parentId: imageId('parent') } },
      ],
    });
    assert.equal(verdict(plan(family(1)), 'parent'), 'keep has-children');
    assert.deepEqual(removed(plan(family(9))), ['child', 'parent']);
  });
});

describe('planCollection() and rollbacks', () => {
  const versions = (switchedDaysAgo: number): WorldRows['images'] => [
    { name: 'v1', references: ['docker.io/library/app:1.0.9'], usedDaysAgo: 10, seenDaysAgo: 40 },
    { name: 'v2', references: ['docker.io/library/app:1.1.0'], usedDaysAgo: 0.5, seenDaysAgo: switchedDaysAgo },
  ];

  it('keeps the version before the current one for 14 days after the switch', () => {
    assert.equal(verdict(plan({ images: versions(13) }), 'v1'), 'keep rollback');
    assert.equal(verdict(plan({ images: versions(14) }), 'v1'), 'remove unused-for');
    assert.equal(verdict(plan({ images: versions(40), policy: { protect: { keepLastForMs: 'always' } } }), 'v1'), 'keep rollback');
    assert.equal(verdict(plan({ images: versions(13), policy: { protect: { keepLast: 0 } } }), 'v1'), 'remove unused-for');
  });

  it("never removes the version before an unconfirmed one, and a confirmed one's only when room is needed, after ordinary images", () => {
    const lineage = (headConfirmed: boolean) => {
      const known = {
        name: 'docker.io/library/app:#.#.#',
        headImageId: imageId('v2'),
        previousImageId: imageId('v1'),
        switchedAt: daysAgo(5),
        headConfirmed,
      };
      return { lineages: new Map([[known.name, known]]), freeBytes: bytes(15 * MB) };
    };
    const images = [...versions(5), { name: 'plain', usedDaysAgo: 3 }];
    const containers = [{ of: 'v2' }];
    const confirmed = plan({ images, containers, input: lineage(true) });
    const unconfirmed = plan({ images, containers, input: lineage(false) });
    assert.deepEqual(removed(confirmed), ['plain', 'v1']);
    assert.deepEqual([removed(unconfirmed), unconfirmed.target?.reached], [['plain'], false]);
    assert.equal(verdict(unconfirmed, 'v1'), 'keep rollback');
  });

  it('counts only versions that were used', () => {
    const images = [...versions(5), { name: 'v0', references: ['docker.io/library/app:1.0.8'], usedDaysAgo: null, seenDaysAgo: 20 }];
    assert.equal(verdict(plan({ images }), 'v0'), 'remove unused-for');
  });
});

describe('planCollection() and local images', () => {
  const images: WorldRows['images'] = [
    { name: 'local', image: { origin: 'local' }, usedDaysAgo: 20 },
    { name: 'unknown', image: { origin: null }, usedDaysAgo: 19 },
    { name: 'pulled', usedDaysAgo: 1 },
    { name: 'loose', references: [], image: { origin: 'local' }, usedDaysAgo: 18 },
  ];

  it('leaves them to the disk rule, after all others, by default', () => {
    const aged = plan({ images, policy: { protect: { local: 'last' } } });
    assert.deepEqual(removed(aged), ['loose']);
    const pressed = plan({ images, policy: { protect: { local: 'last' } }, input: { freeBytes: bytes(25 * MB) } });
    assert.deepEqual(removed(pressed), ['loose', 'pulled', 'local']);
  });

  it('never removes them with "keep", and treats them like any with "no"', () => {
    const kept = plan({ images, policy: { protect: { local: 'keep' } }, input: { freeBytes: bytes(99 * MB) } });
    assert.deepEqual(removed(kept), ['loose', 'pulled']);
    assert.deepEqual(removed(plan({ images })), ['local', 'unknown', 'loose']);
  });

  it('says what keeps one from a target that is not reached: not where it came from, when by default that yields', () => {
    const young: WorldRows['images'] = [{ name: 'made', image: { origin: 'local' }, usedDaysAgo: 0 }];
    const short = plan({ images: young, policy: { protect: { local: 'last' } }, input: { freeBytes: bytes(MB) } });
    assert.deepEqual([verdict(short, 'made'), short.held.map(({ reason }) => reason)], ['keep too-young', ['too-young']]);
    assert.equal(short.verdicts[0]?.until, now.wallMs + HOUR_MS / 6);
    assert.equal(verdict(plan({ images: young, policy: { protect: { local: 'last' } } }), 'made'), 'keep local');
  });

  it('says how many bytes that holds back', () => {
    const made = plan({ images, policy: { protect: { local: 'last' } } });
    assert.equal(made.heldByLocalBytes, 20 * MB);
  });
});
