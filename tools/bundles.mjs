/**
 * What the bundle main.cjs leaves to files beside it, by the package that is imported there. The text of a bundle stays in memory for as long as
 * a daemon runs; these are half of it, and most hosts need neither.
 */
export const APART = {
  '@grpc/grpc-js': { file: 'grpc.cjs', entry: 'tools/grpc-client.cjs' },
  yaml: { file: 'yaml.cjs', entry: 'yaml' },
};

/** The names of those files in dist. */
export const APART_FILES = Object.values(APART).map(({ file }) => file);
