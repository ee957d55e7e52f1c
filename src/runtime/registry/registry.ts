import { splitReference } from '../../model/reference.ts';
import type { RegistryAnswer } from '../../model/registry-answer.ts';
import { type CredentialSources, findCredential } from './credentials.ts';
import { openRegistryClient, type RegistryClient } from './registry-client.ts';

/** What it is long safe to believe, and what is soon asked again. */
const PRESENT_FOR_MS = 6 * 3_600_000;
const ABSENT_FOR_MS = 3_600_000;
/** A registry that is down, slow or has had enough is left alone for this long: what else would be asked of it gets the same answer. */
const QUIET_FOR_MS = 10 * 60_000;
const REMEMBERED_MAX = 4_096;
const TIMEOUT_MS = 5_000;
const HELPER_TIMEOUT_MS = 5_000;

/** Remembers what registries said: `present` for six hours, `absent` for one; a registry that did not answer is left alone for ten minutes. */
export class RememberedAnswers implements RegistryClient {
  readonly #client: RegistryClient;
  readonly #nowMs: () => number;
  /** By name, and by host where a registry is left alone; the oldest first. */
  readonly #known = new Map<string, { readonly answer: RegistryAnswer; readonly untilMs: number }>();

  /** @param nowMs a clock that never goes back */
  constructor(client: RegistryClient, nowMs: () => number) {
    this.#client = client;
    this.#nowMs = nowMs;
  }

  async ask(name: string): Promise<RegistryAnswer> {
    const { name: repository } = splitReference(name);
    const host = repository.slice(0, repository.indexOf('/'));
    const known = this.#recall(name) ?? this.#recall(host);
    if (known !== null) return known;
    const answer = await this.#client.ask(name);
    if (answer.kind === 'unknown') this.#remember(host, answer, QUIET_FOR_MS);
    else this.#remember(name, answer, answer.kind === 'present' ? PRESENT_FOR_MS : ABSENT_FOR_MS);
    return answer;
  }

  #recall(key: string): RegistryAnswer | null {
    const known = this.#known.get(key);
    return known === undefined || known.untilMs <= this.#nowMs() ? null : known.answer;
  }

  #remember(key: string, answer: RegistryAnswer, forMs: number): void {
    this.#known.delete(key);
    this.#known.set(key, { answer, untilMs: this.#nowMs() + forMs });
    const [oldest] = this.#known.keys();
    if (this.#known.size > REMEMBERED_MAX && oldest !== undefined) this.#known.delete(oldest);
  }
}

/** The registries that images name, asked with this host's own logins. @param nowMs as for {@link RememberedAnswers} */
export function openRegistry(sources: Omit<CredentialSources, 'runHelper'>, nowMs: () => number): RegistryClient {
  const all: CredentialSources = { ...sources, runHelper };
  const client = openRegistryClient({ findCredential: (repository) => findCredential(repository, all), timeoutMs: TIMEOUT_MS });
  return new RememberedAnswers(client, nowMs);
}

async function runHelper(program: string, server: string): Promise<string> {
  const { execFile } = await import('node:child_process');
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = execFile(program, ['get'], { timeout: HELPER_TIMEOUT_MS }, (error, stdout) =>
    error === null ? resolve(stdout) : reject(error),
  );
  // A helper that ends without reading has failed, which is told above.
  child.stdin?.on('error', () => undefined).end(server);
  return promise;
}
