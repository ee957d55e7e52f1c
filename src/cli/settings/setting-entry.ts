import { parseSetting, type SettingPath } from './setting-keys.ts';

/** One value that someone gave to a key, and where. */
export interface Entry {
  readonly path: SettingPath;
  /** As TOML gave it, or would have. */
  readonly raw: unknown;
  /** `file /etc/imagegc/config.toml line 4`, `variable IMAGEGC_SCOPE`, `flag --scope`, `profile edge`. */
  readonly origin: string;
}

/** What one source of settings says: its good values, and a sentence for everything that is wrong or worth knowing. */
export interface Layer {
  readonly entries: readonly Entry[];
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

/** Says what is wrong with a value: `where: key = value: what would be right`. */
export function describeProblem(origin: string, key: string, raw: unknown, problem: string): string {
  return `${origin}: ${key} = ${JSON.stringify(raw)}: ${problem}`;
}

/** Parts entries into those that can be used and problems. */
export function checkEntries(entries: readonly Entry[]): Layer {
  const good: Entry[] = [];
  const problems: string[] = [];
  for (const entry of entries) {
    const value = parseSetting(entry.path, entry.raw);
    if (value.ok) good.push(entry);
    else problems.push(describeProblem(entry.origin, entry.path, entry.raw, value.problem));
  }
  return { entries: good, problems, warnings: [] };
}

/** Joins layers; where two say something of the same key, both entries stay, in order. */
export function joinLayers(layers: readonly Layer[]): Layer {
  return {
    entries: layers.flatMap((layer) => layer.entries),
    problems: layers.flatMap((layer) => layer.problems),
    warnings: layers.flatMap((layer) => layer.warnings),
  };
}
