import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OperatingError } from '../model/error.ts';
import { formatEngineAddress, parseEngineAddress } from './engine-transport.ts';

const TLS = { rejectUnauthorized: true };

test('parseEngineAddress() takes sockets, tcp and ssh, and gives back what was written', () => {
  for (const [text, address] of [
    ['unix:///var/run/docker.sock', { kind: 'unix', socketPath: '/var/run/docker.sock' }],
    [
      'containerd:///run/c.sock?namespace=k8s.io,default',
      { kind: 'containerd', socketPath: '/run/c.sock', namespaces: ['k8s.io', 'default'] },
    ],
    ['containerd:///run/c.sock', { kind: 'containerd', socketPath: '/run/c.sock', namespaces: [] }],
    ['cri:///var/run/crio/crio.sock', { kind: 'cri', socketPath: '/var/run/crio/crio.sock', namespaces: [] }],
    ['tcp://10.0.0.1:4243', { kind: 'tcp', host: '10.0.0.1', port: 4243, tls: null }],
    ['tcp://[::1]:4243', { kind: 'tcp', host: '::1', port: 4243, tls: null }],
    ['ssh://ann@host.example:2222', { kind: 'ssh', user: 'ann', host: 'host.example', port: '2222' }],
    ['ssh://host', { kind: 'ssh', user: '', host: 'host', port: '' }],
  ] as const) {
    assert.deepEqual(parseEngineAddress(text), address);
    assert.equal(formatEngineAddress(parseEngineAddress(text)), text);
  }
});

test('parseEngineAddress() takes the usual port where none is given', () => {
  assert.equal(formatEngineAddress(parseEngineAddress('tcp://host')), 'tcp://host:2375');
  assert.equal(formatEngineAddress(parseEngineAddress('tcp://host', TLS)), 'tcp://host:2376');
});

test('parseEngineAddress() refuses everything else, and what ssh would take for an option', () => {
  const words = [
    '',
    'unix://',
    'unix://relative',
    '/var/run/docker.sock',
    'npipe:////./pipe/docker_engine',
    'tcp://',
    'tcp://host:2375/path',
  ];
  for (const text of [
    ...words,
    'ssh://-oProxyCommand=x',
    'ssh://-l@host',
    'ssh://host/run/podman.sock',
    'http://host',
    'host:2375',
    'containerd://run/x.sock',
    'containerd:///x.sock?ns=a',
    'cri:///x.sock?namespace=a',
  ]) {
    assert.throws(
      () => parseEngineAddress(text),
      (error) => error instanceof OperatingError && error.kind === 'settings',
      text,
    );
  }
});
