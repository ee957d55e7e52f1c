import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { anyReference } from '../../test/worlds/names.ts';
import { lineageName, workloadName } from './lineage-name.ts';
import { formatReference } from './reference.ts';

describe('lineageName()', () => {
  it('reads each run of digits as one sign and each hex word of seven or more as another', () => {
    const cases = {
      'r/app:1.2.3': 'r/app:#.#.#',
      'r/app:1.10.0': 'r/app:#.#.#',
      'r/app:v2': 'r/app:v#',
      'r/app:1.2.3-rc1': 'r/app:#.#.#-rc#',
      'r/app:12-alpine3.19': 'r/app:#-alpine#.#',
      'r/app:main-1a2b3c4': 'r/app:main-&',
      'r/app:main-deadbee': 'r/app:main-&',
      'r/app:main-deadbe': 'r/app:main-deadbe',
      'r/app:1.2-3-g0a1b2c3': 'r/app:#.#-#-&',
      'r/app:20231123': 'r/app:&',
      'r/app:sha_0123456789abcdef': 'r/app:sha_&',
      'r/app:latest': 'r/app:latest',
      'r/app:main': 'r/app:main',
      'r/app:stable': 'r/app:stable',
      'host:5000/app2/x1:7': 'host:5000/app2/x1:#',
      [`r/app@sha256:${'a1'.repeat(32)}`]: 'r/app',
    };
    for (const [reference, name] of Object.entries(cases)) assert.equal(lineageName(reference), name);
  });

  it('tells streams of one repository apart, and the same stream of two repositories', () => {
    const names = ['r/a:1.2.3', 'r/a:1.2', 'r/a:latest', 'r/a:1.2.3-slim', 'r/b:1.2.3', 's/a:1.2.3'].map(lineageName);
    assert.equal(new Set(names).size, names.length);
  });

  it('keeps the repository as it is, and is the same for the next number', () => {
    fc.assert(
      fc.property(anyReference(), fc.nat(99), (reference, number) => {
        const { repository } = reference;
        assert.ok(lineageName(formatReference({ ...reference, digest: null })).startsWith(repository));
        assert.equal(lineageName(`${repository}:v${number}.1`), lineageName(`${repository}:v${number + 1}.0`));
      }),
    );
  });
});

describe('workloadName()', () => {
  it('names Compose services, quadlets and Kubernetes containers by their labels', () => {
    const compose = { 'com.docker.compose.project': 'shop', 'com.docker.compose.service': 'web' };
    assert.equal(workloadName(compose), 'compose:shop/web');
    assert.equal(workloadName({ 'io.podman.compose.project': 'shop', 'io.podman.compose.service': 'web' }), 'compose:shop/web');
    assert.equal(workloadName({ PODMAN_SYSTEMD_UNIT: 'web.service' }), 'systemd:web.service');
    const pod = { 'io.kubernetes.pod.namespace': 'prod', 'io.kubernetes.container.name': 'web', 'io.kubernetes.pod.name': 'web-1' };
    assert.equal(workloadName(pod), 'pod:prod/web');
  });

  it('is null where the labels tell of none, or only of half of one', () => {
    assert.equal(workloadName({}), null);
    assert.equal(workloadName({ 'com.docker.compose.project': 'shop' }), null);
    assert.equal(workloadName({ 'com.docker.compose.service': 'web' }), null);
  });
});
