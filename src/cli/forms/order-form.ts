import * as v from 'valibot';

/** An order to collect, as the command line was given it: the daemon does what this process would have done. */
export const collectOrder = v.object({
  do: v.literal('collect'),
  freeBytes: v.nullable(v.number()),
  yes: v.boolean(),
  json: v.boolean(),
  config: v.nullable(v.string()),
  flags: v.record(v.string(), v.string()),
  environment: v.record(v.string(), v.string()),
  canAsk: v.boolean(),
  out: v.object({ isTTY: v.boolean(), columns: v.nullable(v.number()) }),
  err: v.object({ isTTY: v.boolean(), columns: v.nullable(v.number()) }),
});

/** {@link collectOrder} as it is sent. */
export type CollectOrder = v.InferOutput<typeof collectOrder>;

/** An order to tell where the page is, and what opens its actions. */
export const dashboardOrder = v.object({ do: v.literal('dashboard'), json: v.boolean() });

/** {@link dashboardOrder} as it is sent. */
export type DashboardOrder = v.InferOutput<typeof dashboardOrder>;

/** What the daemon sends back: text for the two streams, a question, and the exit status at the end. */
export const daemonFrame = v.object({
  out: v.optional(v.string()),
  err: v.optional(v.string()),
  ask: v.optional(v.string()),
  removing: v.optional(v.boolean()),
  status: v.optional(v.number()),
});
