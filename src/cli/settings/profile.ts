import type { SettingPath, Settings } from './setting-keys.ts';

/** What a profile presets, as TOML would say it. */
export type Preset = { readonly [Path in SettingPath]?: string | number };

/**
 * Presets per kind of host (`docs/design.md` §5.2). `kubernetes` collects from 75 %: ten points below the kubelet's own default
 * mark (imageGCHighThresholdPercent 85), so that the kubelet's collection, which knows no last use, seldom fires.
 */
export const PROFILES: Readonly<Record<Settings['profile'], Preset>> = {
  '': {},
  edge: { 'protect.local': 'keep', 'protect.keep_last': 1, 'protect.keep_last_for': 'always', 'rules.pace': '10s' },
  'build-host': { 'protect.local': 'no', 'protect.keep_last': 0, 'rules.disk.high': '85%' },
  kubernetes: { 'protect.local': 'keep', 'rules.disk.high': '75%' },
  laptop: { 'protect.local': 'last', 'rules.unused_for': '14d', 'rules.disk.high': '85%' },
};
