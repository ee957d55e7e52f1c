import * as v from 'valibot';

/** What a record on a test file's standard output begins with (RFC 7464): what tests print between records is told apart by it. */
const RECORD_SIGN = '\u001e';

const TestEventSchema = v.variant('kind', [
  /** One test has ended; suites are told only when they failed on their own or were skipped whole. */
  v.object({
    kind: v.literal('test'),
    title: v.string(),
    outcome: v.picklist(['passed', 'failed', 'skipped']),
    /** Why it failed or was skipped; empty when nobody said. */
    detail: v.string(),
  }),
  /** A figure or remark of a test (`t.diagnostic`). */
  v.object({ kind: v.literal('note'), text: v.string() }),
  /** Something happened: the file is not hanging. */
  v.object({ kind: v.literal('pulse') }),
  /** All tests of the file have ended. A file whose process ends without it was cut short. */
  v.object({ kind: v.literal('end') }),
]);

/** What a test file's process tells the runner, one record per line of its standard output. */
export type TestEvent = v.InferOutput<typeof TestEventSchema>;

/** Writes one record, with its line end. */
export function formatTestEvent(event: TestEvent): string {
  return `${RECORD_SIGN}${JSON.stringify(event)}\n`;
}

/** Splits output into records and what the tests printed themselves. A record broken by `process.exit` counts as print. */
export function parseTestOutput(output: string): { readonly events: readonly TestEvent[]; readonly printed: string } {
  const events: TestEvent[] = [];
  const [head = '', ...rest] = output.split(RECORD_SIGN);
  let printed = head;
  for (const piece of rest) {
    const end = piece.indexOf('\n');
    const event = end < 0 ? null : parseTestEvent(piece.slice(0, end));
    if (event !== null) events.push(event);
    printed += event === null ? piece : piece.slice(end + 1);
  }
  return { events, printed };
}

function parseTestEvent(line: string): TestEvent | null {
  try {
    const result = v.safeParse(TestEventSchema, JSON.parse(line));
    return result.success ? result.output : null;
  } catch {
    return null;
  }
}
