import type { HttpQuestion } from '../../daemon/http-server.ts';

const KEY_BYTES = 32;
/** The header that carries the token; never the address, which ends up in logs and histories. */
const HEADER = 'x-imagegc-token';

/** Opens what changes something on the page: made when it is first asked for over the socket, and gone with the daemon. */
export class DashboardKey {
  #token: string | null = null;

  /** Hands the token out; to be called only for who may open the daemon's own socket. */
  issue(): string {
    this.#token ??= process.getBuiltinModule('node:crypto').randomBytes(KEY_BYTES).toString('base64url');
    return this.#token;
  }

  /** Whether a request carries it; takes as long for every wrong one. */
  isIn({ headers }: Pick<HttpQuestion, 'headers'>): boolean {
    const { createHash, timingSafeEqual } = process.getBuiltinModule('node:crypto');
    const digest = (text: string): Uint8Array => createHash('sha256').update(text).digest();
    const given = headers[HEADER];
    return this.#token !== null && typeof given === 'string' && timingSafeEqual(digest(given), digest(this.#token));
  }
}
