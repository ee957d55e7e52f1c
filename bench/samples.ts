/** Times of one thing, of as many rounds as its partner had. */
export interface Samples {
  readonly all: readonly number[];
  readonly medianMs: number;
  readonly minMs: number;
}

/** Sums up times in milliseconds, one per round. */
export function sumUp(all: readonly number[]): Samples {
  return { all, medianMs: median(all), minMs: Math.min(...all) };
}

/** What was measured, and what it is held against, round by round. */
export interface Pair {
  readonly figure: Samples;
  readonly floor: Samples;
}

/** One thing to time: it does its own work outside of what it gives as milliseconds. */
export type Timed = () => Promise<number>;

/**
 * Times two things in turns, because the speed of a shared machine drifts: A B, B A, A B, after one round that does not count.
 *
 * @param rounds that count, 1 or more
 */
export async function interleave(rounds: number, figure: Timed, floor: Timed, warmUps = 1): Promise<Pair> {
  const times: { readonly figure: number[]; readonly floor: number[] } = { figure: [], floor: [] };
  for (let round = -warmUps; round < rounds; round += 1) {
    const isEven = round % 2 === 0;
    const first = await (isEven ? figure() : floor());
    const second = await (isEven ? floor() : figure());
    if (round < 0) continue;
    times.figure.push(isEven ? first : second);
    times.floor.push(isEven ? second : first);
  }
  return { figure: sumUp(times.figure), floor: sumUp(times.floor) };
}

/** The time that a call takes, in milliseconds. */
export async function timeOf(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Of the ratios within the rounds, the one in the middle: what disturbs a round disturbs both sides of it. */
export function ratioOf({ figure, floor }: Pair): number {
  return median(figure.all.map((time, round) => time / (floor.all[round] ?? Number.NaN)));
}

/** How much longer the figure took than its floor, in milliseconds; of the rounds, the one in the middle. */
export function excessMs({ figure, floor }: Pair): number {
  return median(figure.all.map((time, round) => time - (floor.all[round] ?? Number.NaN)));
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const [below, above] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.ceil((sorted.length - 1) / 2)]];
  return ((below ?? Number.NaN) + (above ?? Number.NaN)) / 2;
}
