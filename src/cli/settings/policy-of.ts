import type { Policy } from '../../model/policy.ts';
import type { Settings } from './setting-keys.ts';

/** Makes of the settings what decides. */
export function policyOf(settings: Settings): Policy {
  return {
    scope: settings.scope,
    unusedForMs: settings['rules.unused_for'],
    danglingUnusedForMs: settings['rules.dangling_unused_for'],
    buildCacheUnusedForMs: settings['rules.build_cache.unused_for'],
    containersExitedForMs: settings['rules.containers.exited_for'],
    minAgeMs: settings['rules.min_age'],
    maxRemovals: settings['rules.max_removals'],
    order: settings['rules.order'],
    disk: {
      highFraction: settings['rules.disk.high'],
      lowFraction: settings['rules.disk.low'],
      highInodesFraction: settings['rules.disk.high_inodes'],
      lowInodesFraction: settings['rules.disk.low_inodes'],
      maxImageBytes: settings['rules.disk.max_image_bytes'],
      minFreeBytes: settings['rules.disk.min_free'],
      maxImages: settings['rules.disk.max_images'] === 0 ? null : settings['rules.disk.max_images'],
    },
    protect: {
      references: settings['protect.references'],
      labels: settings['protect.labels'],
      keepLast: settings['protect.keep_last'],
      keepLastForMs: settings['protect.keep_last_for'],
      local: settings['protect.local'],
      restorable: settings['protect.restorable'],
    },
  };
}
