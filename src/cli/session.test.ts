import assert from 'node:assert/strict';
import { test } from 'node:test';
import { offlineWorld } from '../../test/golden/offline-world.ts';
import { MemoryEngine } from '../runtime/memory/memory-engine.ts';
import { openMemory } from '../runtime/memory/memory-runtime.ts';
import { openMemoryStore } from '../store/open-sqlite-store.ts';
import type { Store } from '../store/store.ts';
import { openDesk, openSession, type Session } from './session.ts';
import type { World } from './world.ts';

/** A session over a store that says when it is opened and closed, as does the engine. */
function open(openRuntime: World['openRuntime'], steps: string[]): Promise<Session> {
  const openStore = (): Store => {
    steps.push('store opened');
    const store = openMemoryStore();
    store[Symbol.dispose] = () => void steps.push('store closed');
    return store;
  };
  const world = { ...offlineWorld().world, readFile: noFile, openRuntime, openStore };
  const flags = new Map([['engine.address', 'unix:///x']]);
  return openSession(openDesk(world, { config: undefined, json: false, flags }), 'read');
}

function noFile(): never {
  throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
}

test('a session opens the store once, while the engine says who it is or afterwards, and closes both', async () => {
  for (const givesTime of [true, false]) {
    const steps: string[] = [];
    const opening = open(async (_address, whileAsked) => {
      if (givesTime) whileAsked?.();
      steps.push('engine opened');
      return Object.assign(openMemory(new MemoryEngine({ capacityBytes: 1e12 })), { close: () => void steps.push('engine closed') });
    }, steps);
    (await opening)[Symbol.dispose]();
    assert.deepEqual(steps.slice(0, 2).sort(), ['engine opened', 'store opened']);
    assert.equal(steps[0], givesTime ? 'store opened' : 'engine opened');
    assert.deepEqual(steps.slice(2), ['engine closed', 'store closed']);
  }
});

test('a session that an engine does not come to closes the store, or has never opened one', async () => {
  for (const [givesTime, expected] of [
    [true, ['store opened', 'store closed']],
    [false, []],
  ] as const) {
    const steps: string[] = [];
    const opening = open(async (_address, whileAsked) => {
      if (givesTime) whileAsked?.();
      throw new Error('the engine says nothing sensible');
    }, steps);
    await assert.rejects(opening, /nothing sensible/);
    assert.deepEqual(steps, expected);
  }
});
