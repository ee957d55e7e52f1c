/** What is rendered beside the chart's own values. */
interface Asked {
  readonly name?: string;
  readonly namespace?: string;
  readonly changes?: Readonly<Record<string, unknown>>;
}

/** The documents of a chart, by the name of its template. */
export function renderChart(asked?: Asked): ReadonlyMap<string, string>;
