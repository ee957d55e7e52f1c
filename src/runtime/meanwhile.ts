/** Does something after what was just asked has gone out to the engine, which then works at the same time. */
export async function meanwhile<Result>(work: () => Result | Promise<Result>): Promise<Result> {
  await new Promise((resolve) => setImmediate(resolve));
  return work();
}
