import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addImage, age, collect, collectWorld, contextOf, namesOf, outcomesOf } from '../../test/worlds/collect-world.ts';
import { OperatingError } from '../model/error.ts';
import { parseHold } from '../model/hold.ts';
import type { RemoveOutcome, Runtime } from '../runtime/runtime.ts';
import { EventReader, type EventUse } from '../usage/event-uses.ts';

const NAMES = ['docker.io/lab/app:1', 'docker.io/team/app:1'];
const HANGS = { kind: 'engine-unreachable', operation: 'remove', subject: 'x', problem: 'no answer', hint: null } as const;

/** What the engine may answer to the very last name, with the image still there, and what becomes of the removal then. */
const ANSWERS: readonly (readonly [answer: RemoveOutcome | OperatingError, becomes: string])[] = [
  [{ kind: 'in-use', message: 'a container came' }, 'refused'],
  [{ kind: 'failed', message: 'the disk is on fire' }, 'failed'],
  [{ kind: 'done', isImageDeleted: false, deletedLayers: null }, 'refused'],
  [new OperatingError(HANGS), 'failed'],
];

/** An engine that answers so to the tag that goes last. */
function answering(runtime: Runtime, answer: RemoveOutcome | OperatingError): Runtime {
  let isAnswered = false;
  return new Proxy(runtime, {
    get: (target, property) => {
      const value: unknown = Reflect.get(target, property, target);
      if (property !== 'removeName') return typeof value === 'function' ? value.bind(target) : value;
      return async (name: string): Promise<RemoveOutcome> => {
        if (isAnswered || parseHold(name)?.isReleasing !== true) return target.removeName(name);
        isAnswered = true;
        if (answer instanceof OperatingError) throw answer;
        return answer;
      };
    },
  });
}

describe('an image whose last name could not be taken off gets all of them back, and who watches takes that for no use, when the engine says', () => {
  for (const [answer, becomes] of ANSWERS) {
    it(`${answer instanceof OperatingError ? answer.problem : JSON.stringify(answer)}`, async () => {
      const world = collectWorld();
      addImage(world, 'app', NAMES);
      await age(world);
      const names = namesOf(world);
      const { runtime } = contextOf(world);
      const [reader, uses, watched]: [EventReader, EventUse[], AbortController] = [new EventReader(), [], new AbortController()];
      const watching = runtime.watch({
        ...{ since: null, signal: watched.signal, onOpen: () => undefined },
        onEvents: (events) => void uses.push(...events.flatMap((event) => reader.read(event))),
      });
      const report = await collect(world, { runtime: answering(runtime, answer) });
      watched.abort();
      await watching;
      assert.deepEqual(outcomesOf(report), { [NAMES[0] ?? '']: becomes });
      assert.deepEqual(namesOf(world), names);
      assert.deepEqual(uses, []);
    });
  }
});
