/** By the package that is imported: the file beside the bundle, and what it is made of. */
export const APART: Readonly<Record<string, { readonly file: string; readonly entry: string }>>;
/** The names of those files in dist. */
export const APART_FILES: readonly string[];
