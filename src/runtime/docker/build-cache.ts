import * as v from 'valibot';
import { type Bytes, bytes, type DurationMs, wallMs } from '../../model/brands.ts';
import type { BuildCache } from '../../model/inventory.ts';
import { takeAnswer } from '../engine-answers.ts';
import type { DockerClient } from './docker-client.ts';

const sizeBytes = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const diskUsage = v.object({
  BuildCache: v.nullish(
    v.array(
      v.object({
        Size: sizeBytes,
        InUse: v.optional(v.boolean(), true),
        Shared: v.optional(v.boolean(), true),
        LastUsedAt: v.nullish(v.string(), null),
      }),
    ),
  ),
});
const pruned = v.object({ SpaceReclaimed: sizeBytes });

/**
 * Reads what BuildKit keeps. Before API 1.42 the answer cannot be had without that on images, containers and volumes, which Docker walks
 * through for it.
 */
export async function readBuildCache(client: DockerClient, mayTakeLong: boolean): Promise<BuildCache | null> {
  if (!mayTakeLong && !client.speaks('1.42')) return null;
  const records = takeAnswer(diskUsage, await client.call('GET', '/system/df?type=build-cache')).BuildCache ?? [];
  const own = records.filter(({ Shared }) => !Shared);
  const unused = own.flatMap(({ Size, InUse, LastUsedAt }) =>
    InUse ? [] : [{ sizeBytes: bytes(Size), lastUsedAt: readTime(LastUsedAt) }],
  );
  return { layers: [], sizeBytes: bytes(own.reduce((sum, { Size }) => sum + Size, 0)), unused };
}

/** With `all`, because records that an image shares, and those of frontends, grow old as well. */
export async function pruneBuildCache(client: DockerClient, unusedForMs: DurationMs): Promise<Bytes> {
  const which = new URLSearchParams({ all: '1', filters: JSON.stringify({ until: [`${unusedForMs}ms`] }) });
  return bytes(takeAnswer(pruned, await client.call('POST', `/build/prune?${which}`)).SpaceReclaimed);
}

function readTime(text: string | null): BuildCache['unused'][number]['lastUsedAt'] {
  const ms = Date.parse(text ?? '');
  return Number.isNaN(ms) ? null : wallMs(ms);
}
