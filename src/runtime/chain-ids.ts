import { type ChainId, chainId } from '../model/brands.ts';

/**
 * Chain IDs of a stack of layers.
 *
 * @param diffIds base first
 * @see OCI image-spec `config.md`, Layer ChainID
 */
export function chainIds(diffIds: readonly string[]): ChainId[] {
  const chain: ChainId[] = [];
  for (const diffId of diffIds) {
    const below = chain.at(-1);
    chain.push(chainId(below === undefined ? diffId : sha256(`${below} ${diffId}`)));
  }
  return chain;
}

/**
 * The key under which a blob of the content store is counted beside the unpacked layers. Hashed once more, because the digest of an
 * uncompressed base layer equals its chain ID, and the two take room of their own.
 */
export function blobKey(digest: string): ChainId {
  return chainId(sha256(`content ${digest}`));
}

/** The module is loaded by the first layer that is new: a listing of known images would wait for it as long as for all its own work. */
function sha256(text: string): string {
  const { createHash } = process.getBuiltinModule('node:crypto');
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}
