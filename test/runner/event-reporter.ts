/** Given to Node by `--test-reporter` in each test file's process: turns node:test's events into `test-events.ts`. */
import { AssertionError } from 'node:assert';
import type { TestEvent as NodeTestEvent } from 'node:test/reporters';
import { inspect } from 'node:util';
import { formatTestEvent } from './test-events.ts';

type Ended = Extract<NodeTestEvent, { type: 'test:pass' | 'test:fail' }>;

/** node:test's own counts, said again at the end of each file. */
const COUNTS = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/;

// biome-ignore lint/style/noDefaultExport: Node takes a reporter from the default export
export default async function* reportEvents(events: AsyncIterable<NodeTestEvent>): AsyncGenerator<string> {
  const titles: string[] = [];
  for await (const event of events) {
    if (event.type === 'test:start') titles.splice(event.data.nesting, titles.length, event.data.name);
    else if (event.type === 'test:pass' || event.type === 'test:fail') yield* formatEnded(event, titles);
    else if (event.type === 'test:complete') yield formatTestEvent({ kind: 'pulse' });
    else if (event.type === 'test:diagnostic' && !COUNTS.test(event.data.message))
      yield formatTestEvent({ kind: 'note', text: event.data.message });
    else if (event.type === 'test:summary') yield formatTestEvent({ kind: 'end' });
  }
}

function* formatEnded({ type, data }: Ended, titles: readonly string[]): Generator<string> {
  const isSuite = data.details.type === 'suite';
  const error = type === 'test:fail' ? data.details.error : undefined;
  const isEcho = error !== undefined && 'failureType' in error && error.failureType === 'subtestsFailed';
  const skipped = data.skip ?? data.todo;
  const isSkipped = skipped !== undefined && skipped !== false;
  // a suite is not a test; it speaks only when its tests could not
  if (isSuite && !isSkipped && (error === undefined || isEcho)) return;
  const title = [...titles.slice(0, data.nesting), data.name].join(' › ');
  if (isSkipped) yield formatTestEvent({ kind: 'test', title, outcome: 'skipped', detail: formatSkip(data.skip, data.todo) });
  else if (error === undefined) yield formatTestEvent({ kind: 'test', title, outcome: 'passed', detail: '' });
  else yield formatTestEvent({ kind: 'test', title, outcome: 'failed', detail: isEcho ? 'a part of it failed' : formatError(error) });
}

function formatSkip(skip: string | boolean | undefined, todo: string | boolean | undefined): string {
  const reason = [skip, todo].find((each) => typeof each === 'string' && each !== '');
  return typeof reason === 'string' ? reason : skip === undefined || skip === false ? 'to do' : '';
}

/** An assertion says all in its message; of its properties only a cause is worth showing. */
function formatError(error: Error): string {
  const told = error.cause ?? error;
  const isAssertion = told instanceof AssertionError && told.cause === undefined;
  const text = isAssertion ? (told.stack ?? told.message) : inspect(told, { depth: 8 });
  return text.replaceAll(/\n +at [^\n]*\(?node:[^\n]*/g, '');
}
