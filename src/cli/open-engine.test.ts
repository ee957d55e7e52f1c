import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listCandidates } from './engine-address.ts';
import { parseEngineAddress } from './open-engine.ts';

test('parseEngineAddress() reads the scheme, the socket and the namespaces', () => {
  const socketPath = '/run/containerd/containerd.sock';
  assert.deepEqual(parseEngineAddress(`containerd://${socketPath}?namespace=k8s.io,default`), {
    scheme: 'containerd',
    socketPath,
    namespaces: ['k8s.io', 'default'],
  });
  assert.deepEqual(parseEngineAddress('cri:///var/run/crio/crio.sock'), {
    scheme: 'cri',
    socketPath: '/var/run/crio/crio.sock',
    namespaces: [],
  });
  assert.deepEqual(parseEngineAddress('unix:///a b.sock'), { scheme: 'unix', socketPath: '/a b.sock', namespaces: [] });
});

test('parseEngineAddress() refuses other schemes, relative paths, unknown parameters, and namespaces where there are none', () => {
  const wrong = [
    'tcp://1.2.3.4:1',
    'containerd://run/x.sock',
    'containerd:///x.sock?ns=a',
    'cri:///x.sock?namespace=a',
    'unix:///x?namespace=a',
  ];
  for (const address of wrong)
    assert.throws(() => parseEngineAddress(address), { kind: 'settings', hint: /containerd:\/\/\/run/ }, address);
});

test('listCandidates() looks for Docker before any containerd', () => {
  const addresses = listCandidates({ environment: {}, userId: 0 }).map(({ address }) => address);
  assert.equal(addresses[0], 'unix:///var/run/docker.sock');
  const first = addresses.findIndex((address) => !address.startsWith('unix:'));
  assert.ok(addresses.slice(first).every((address) => /^(containerd|cri):/.test(address)));
  assert.ok(addresses.includes('containerd:///run/k3s/containerd/containerd.sock') && addresses.at(-1) === 'cri:///var/run/crio/crio.sock');
});
