import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EngineAnswer } from '../engine-client.ts';
import type { DockerClient } from './docker-client.ts';
import { readServices } from './swarm-services.ts';

/** A client that gets one answer to everything. */
function clientOf(answer: Omit<EngineAnswer, 'call'>): DockerClient {
  const never = (): never => {
    throw new Error('nobody asks that');
  };
  return {
    address: 'unix:///test',
    speaks: never,
    call: (method, path) => Promise.resolve({ call: `${method} ${path}`, ...answer }),
    stream: never,
    close: never,
  };
}

describe('readServices()', () => {
  it('tells the image of each service, and nothing of one without', async () => {
    const image = 'app:1@sha256:abc';
    const body = [
      { Spec: { Name: 'web', TaskTemplate: { ContainerSpec: { Image: image } } } },
      { Spec: { Name: 'plugin', TaskTemplate: { ContainerSpec: null } } },
    ];
    const { workloads, doubts } = await readServices(clientOf({ status: 200, body }));
    assert.deepEqual([workloads, doubts], [[{ pattern: image, by: 'swarm service web' }], []]);
  });

  it('tells of none where the engine manages no swarm, and doubts any other failure', async () => {
    assert.deepEqual(await readServices(clientOf({ status: 503, body: { message: 'not a swarm manager' } })), {
      workloads: [],
      doubts: [],
    });
    const { doubts } = await readServices(clientOf({ status: 500, body: { message: 'rpc error: no leader' } }));
    assert.deepEqual(doubts, [
      { kind: 'protected-unknown', message: 'what the services of this swarm need is not known: rpc error: no leader' },
    ]);
  });
});
