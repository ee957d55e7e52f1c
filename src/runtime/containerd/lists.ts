import { isDeepStrictEqual } from 'node:util';
import type { GrpcClient } from './grpc-client.ts';
import { saysSame } from './same-answer.ts';
import type { Method } from './wire.ts';

/** What an engine answered, as it came: outside of the heap, and a third of what it is decoded to. */
type Pieces = readonly Buffer[];

type List<Asked, Answered, Made> = ReturnType<typeof listOf<Asked, Answered, Made>>;

/**
 * A list that an engine is asked for at each look, and what is made of it: all that a look knows of it.
 *
 * @param make of one answer, or of all pieces of one that is streamed; what comes in no order is put in one
 */
export function listOf<Asked, Answered, Made>(
  method: Method<Asked, Answered>,
  make: (answers: readonly Answered[], namespace: string, asked: Partial<Asked>) => Made,
  isStreamed = false,
) {
  return { method, make, isStreamed, made: new WeakMap<Pieces, Made>() };
}

/** An order for what an engine lists in none. */
export function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : 1;
}

/**
 * Asks for the lists of one look, and holds each against what it was at the look before: one that is the same is not decoded, and is the same
 * object.
 */
export class Lists {
  readonly #client: GrpcClient;
  readonly #before: ReadonlyMap<string, Pieces>;
  readonly #now = new Map<string, Pieces>();
  #isUnchanged = true;

  /** @param before of the look before; null: there was none */
  constructor(client: GrpcClient, before: Lists | null) {
    this.#client = client;
    this.#before = before === null ? new Map() : before.#now;
  }

  /** Whether the same lists were asked for as before, and all of them are the same. */
  get isUnchanged(): boolean {
    return this.#isUnchanged && this.#now.size === this.#before.size;
  }

  /** @param namespace of containerd; "" for lists that have none @throws OperatingError as {@link GrpcClient.call} */
  async ask<Asked, Answered, Made>(list: List<Asked, Answered, Made>, namespace = '', asked: Partial<Asked> = {}): Promise<Made> {
    const { method, isStreamed } = list;
    const key = JSON.stringify([method.path, namespace, asked]);
    const before = this.#before.get(key) ?? [];
    const pieces: Buffer[] = [];
    let same = 0;
    const fresh = new Map<number, Answered>();
    // While the engine goes on sending; and what cannot be decoded is the call's failure.
    const decode = (data: Uint8Array): boolean => {
      const piece = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
      const known = before[pieces.length];
      if (known !== undefined && saysSame(method.answered, known, piece)) same += 1;
      else fresh.set(pieces.length, method.answered.decode(piece));
      return pieces.push(piece) > 0;
    };
    const call = { ...method, answered: { ...method.answered, decode } };
    await (isStreamed ? this.#client.collect(call, asked, namespace) : this.#client.call(call, asked, namespace));
    const known = list.made.get(before);
    const isRepeated = same === before.length && same === pieces.length;
    const read = (): Made =>
      list.make(
        pieces.map((piece, at) => fresh.get(at) ?? method.answered.decode(piece)),
        namespace,
        asked,
      );
    const made = (isRepeated ? known : undefined) ?? read();
    // What comes in no order, or has that deeper, is compared by what it means.
    const isSame = known !== undefined && isDeepStrictEqual(made, known);
    // A list that was asked for twice is nothing to compare with: what was made of the first answer stands in the look as well.
    const isAgain = this.#now.has(key);
    const kept = isAgain ? [] : isRepeated ? before : pieces;
    this.#isUnchanged &&= isSame && !isAgain;
    this.#now.set(key, kept);
    if (!isAgain) list.made.set(kept, isSame ? known : made);
    return isSame ? known : made;
  }
}
