/**
 * Does the work for every item, in order, so many at once. After an error no further item is begun, and what is under way is waited for,
 * so that nothing goes on behind the back of whoever cleans up.
 *
 * @param count 1 or more
 * @throws the first error
 */
export async function inFlight<Item>(items: readonly Item[], count: number, work: (item: Item) => Promise<void>): Promise<void> {
  const queue = items.values();
  const errors: unknown[] = [];
  const worker = async (): Promise<void> => {
    for (const item of queue) {
      if (errors.length > 0) return;
      await work(item).catch((error: unknown) => errors.push(error));
    }
  };
  await Promise.all(Array.from({ length: count }, worker));
  if (errors.length > 0) throw errors[0];
}
