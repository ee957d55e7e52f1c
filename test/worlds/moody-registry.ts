import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';

/**
 * How a repository is answered for. `well`: as the registry behind it does, or by the digests that it was given. `missing`: 404. `slow`: never.
 * `busy`: 429. `closed`: 403. `broken`: 500. `elsewhere`: a redirection. `token` and `basic`: `well` for who shows the right one, else 401.
 */
export type Mood = 'well' | 'missing' | 'slow' | 'busy' | 'closed' | 'broken' | 'elsewhere' | 'token' | 'basic';

const STATUS = { missing: 404, busy: 429, closed: 403, broken: 500, elsewhere: 307 } as const;
export const LOGIN = 'robot:s3:cret';
const BASIC = `Basic ${Buffer.from(LOGIN).toString('base64')}`;
const BEARER = 'Bearer let-in';
/** What a login with a token left. */
export const REFRESH_TOKEN = 'identity';

/** A registry on this host that speaks the distribution API, alone or in front of another one, with a mood for each repository. */
export class MoodyRegistry implements AsyncDisposable {
  readonly moods = new Map<string, Mood>();
  readonly digests = new Set<string>();
  /** `HEAD lab/app`, `GET /token`: all that was asked. */
  readonly asked: string[] = [];
  readonly #server: Server;
  readonly #upstream: string | null;

  private constructor(upstream: string | null) {
    this.#upstream = upstream;
    this.#server = createServer((question, answer) => this.#answer(question, answer));
  }

  /** @param upstream `127.0.0.1:PORT` of the registry behind it */
  static async open(upstream: string | null = null): Promise<MoodyRegistry> {
    const registry = new MoodyRegistry(upstream);
    const { promise, resolve } = Promise.withResolvers<void>();
    registry.#server.listen(0, '127.0.0.1', resolve);
    await promise;
    return registry;
  }

  /** `127.0.0.1:PORT` */
  get address(): string {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? `127.0.0.1:${address.port}` : '';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    await promise;
  }

  #answer(question: IncomingMessage, answer: ServerResponse): void {
    const { method = '', url = '' } = question;
    const [, repository = '', digest = ''] = /^\/v2\/(.+)\/(?:manifests|blobs)\/([^/]+)$/.exec(url) ?? [];
    this.asked.push(`${method} ${repository || url.split('?')[0]}`);
    if (url.startsWith('/token')) this.#giveToken(question, answer);
    else this.#answerFor(question, answer, repository, digest);
  }

  #answerFor(question: IncomingMessage, answer: ServerResponse, repository: string, digest: string): void {
    const { authorization } = question.headers;
    const mood = this.moods.get(repository) ?? 'well';
    if (mood === 'slow') return;
    if (mood === 'token' && authorization !== BEARER) {
      const challenge = `Bearer realm="http://${this.address}/token",service="lab",scope="repository:${repository}:pull"`;
      answer.writeHead(401, { 'www-authenticate': challenge }).end();
    } else if (mood === 'basic' && authorization !== BASIC) {
      answer.writeHead(401, { 'www-authenticate': 'Basic realm="lab"' }).end();
    } else if (mood !== 'well' && mood !== 'token' && mood !== 'basic') {
      answer.writeHead(STATUS[mood], { location: `http://${this.address}/v2/other/manifests/${digest}` }).end();
    } else if (this.#upstream !== null) {
      this.#forward(question, answer, this.#upstream);
    } else {
      answer.writeHead(this.digests.has(digest) ? 200 : 404, { 'docker-content-digest': digest }).end();
    }
  }

  /** Docker asks a service of its own for what lets one in; here it is the same one. */
  #giveToken(question: IncomingMessage, answer: ServerResponse): void {
    let body = '';
    question.on('data', (part: Buffer) => {
      body += part.toString();
    });
    question.on('end', () => {
      const refresh = new URLSearchParams(body).get('refresh_token');
      const isKnown = question.headers.authorization === BASIC || refresh === REFRESH_TOKEN;
      answer.writeHead(isKnown ? 200 : 401).end(isKnown ? '{"token":"let-in"}' : '{}');
    });
  }

  #forward(question: IncomingMessage, answer: ServerResponse, upstream: string): void {
    const { method, url } = question;
    const { authorization: _, ...headers } = question.headers;
    const sent = request(`http://${upstream}${url}`, { method, headers }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    });
    sent.on('error', () => answer.destroy());
    question.pipe(sent);
  }
}
