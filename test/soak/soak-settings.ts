import type { DaemonSettings } from '../../src/daemon/daemon-tools.ts';
import { bytes, durationMs } from '../../src/model/brands.ts';
import type { Policy } from '../../src/model/policy.ts';
import { DAY_MS, POLICY, pattern } from '../worlds/world.ts';

const days = (count: number) => durationMs(count * DAY_MS);

interface Change {
  readonly policy?: Partial<Omit<Policy, 'disk' | 'protect'>>;
  readonly disk?: Partial<Policy['disk']>;
  readonly protect?: Partial<Policy['protect']>;
}

const CHANGES: readonly Change[] = [
  {},
  { policy: { unusedForMs: days(1), danglingUnusedForMs: days(1) } },
  { policy: { unusedForMs: days(2), danglingUnusedForMs: days(1) }, protect: { keepLast: 0 } },
  { policy: { unusedForMs: days(3) }, protect: { references: [pattern('lab/app0:1'), pattern('lab/built1')], local: 'last' } },
  { policy: { unusedForMs: days(10) }, disk: { maxImages: 3 }, protect: { keepLast: 0 } },
  { policy: { unusedForMs: null }, disk: { maxImages: 2 }, protect: { references: [pattern('lab/app1')] } },
  { policy: { unusedForMs: days(1), scope: 'recorded' }, protect: { local: 'keep', keepLast: 0 } },
  { policy: { unusedForMs: days(2), maxRemovals: 2 }, disk: { maxImageBytes: bytes(60_000_000) }, protect: { keepLast: 0 } },
];

const SETTINGS: readonly DaemonSettings[] = CHANGES.map(({ policy, disk, protect }) => ({
  enabled: true,
  schedule: { kind: 'daily', at: '00:00', everyMs: durationMs(DAY_MS) },
  paceMs: durationMs(0),
  policy: { ...POLICY, ...policy, disk: { ...POLICY.disk, ...disk }, protect: { ...POLICY.protect, ...protect } },
}));

/** Settings as people might change them; each the same object every time. */
export function settingsAt(number: number): DaemonSettings {
  const settings = SETTINGS[number % SETTINGS.length];
  if (settings === undefined) throw new Error(`there are no settings ${number}`);
  return settings;
}
