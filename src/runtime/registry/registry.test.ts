import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { RegistryAnswer } from '../../model/registry-answer.ts';
import { RememberedAnswers } from './registry.ts';

const MINUTE_MS = 60_000;
const name = (repository: string): string => `${repository}@sha256:${'a'.repeat(64)}`;

it('an answer is remembered: yes for six hours, no for one, and a registry that did not say is left alone for ten minutes', async () => {
  let nowMs = 0;
  let asked: string[] = [];
  const answers: Record<string, RegistryAnswer> = {
    [name('one.example/yes')]: { kind: 'present' },
    [name('one.example/no')]: { kind: 'absent', detail: 'no' },
    [name('two.example/a')]: { kind: 'unknown', detail: 'two.example is asked too often (429)' },
  };
  const client = {
    ask: (question: string): Promise<RegistryAnswer> => {
      asked.push(question.split('@')[0] ?? '');
      return Promise.resolve(answers[question] ?? { kind: 'present' });
    },
  };
  const remembered = new RememberedAnswers(client, () => nowMs);
  const askAll = async (minutes: number): Promise<readonly string[]> => {
    nowMs = minutes * MINUTE_MS;
    asked = [];
    for (const repository of ['one.example/yes', 'one.example/no', 'two.example/a', 'two.example/b'])
      await remembered.ask(name(repository));
    return asked;
  };
  assert.deepEqual(await askAll(0), ['one.example/yes', 'one.example/no', 'two.example/a']);
  assert.deepEqual(await remembered.ask(name('two.example/b')), answers[name('two.example/a')]);
  assert.deepEqual(await askAll(9), []);
  assert.deepEqual(await askAll(10), ['two.example/a']);
  answers[name('two.example/a')] = { kind: 'present' };
  assert.deepEqual(await askAll(60), ['one.example/no', 'two.example/a', 'two.example/b']);
  assert.deepEqual(await askAll(360), ['one.example/yes', 'one.example/no']);
});
