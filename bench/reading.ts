/** One figure that is held to a bound of its own, not to a floor. */
export interface Reading {
  readonly title: string;
  readonly value: number;
  readonly unit: '%' | 'MB' | 'ms' | 'kB a day';
  /** Null: told, and held to nothing. */
  readonly most: number | null;
}

/** Whether a reading exceeds its bound. */
export function isExceeded({ value, most }: Reading): boolean {
  return most !== null && value > most;
}

/** Prints readings, a line each. */
export function formatReadings(readings: readonly Reading[]): string {
  const width = Math.max(0, ...readings.map(({ title }) => title.length));
  const lines = readings.map((reading) => {
    const { title, value, unit, most } = reading;
    const bound = most === null ? '' : `  ≤ ${most} ${unit}  ${isExceeded(reading) ? 'MISSED' : 'met'}`;
    return `${title.padEnd(width)}  ${value.toFixed(value < 10 ? 3 : 1)} ${unit}${bound}`;
  });
  return lines.join('\n');
}
