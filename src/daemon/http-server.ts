import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIP, type Socket } from 'node:net';
import { OperatingError } from '../model/error.ts';
import { closing, listenOnFile } from './socket-file.ts';

/** One answer; a status of 503 is an answer like any other. */
export interface HttpAnswer {
  readonly status: number;
  /** An object is written as JSON. */
  readonly body: object | string | Uint8Array;
  /** Media type; absent: JSON. */
  readonly type?: string;
  /** Names this very content; a client that has it is told so. */
  readonly etag?: string;
}

/** What was asked, beside the path. */
export interface HttpQuestion {
  /** What stands behind the question mark. */
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  /** @throws OperatingError `input` when it is longer than anything that is asked here */
  readonly readBody: () => Promise<string>;
}

/** What is served: `/path` is only read, `POST /path` may change something, and has to see to it who asks. */
export type HttpRoutes = Readonly<Record<string, (question: HttpQuestion) => HttpAnswer | Promise<HttpAnswer>>>;

/** Slow or silent clients cost one of these for as long, and nothing else: where there are more, the oldest is hung up on. */
const CONNECTIONS_MAX = 64;
const REQUEST_LIMIT_MS = 5_000;
/** A client that reads nothing of its answer for so long gets no more of it. */
const SILENCE_LIMIT_MS = 30_000;
const HEADER_BYTES_MAX = 8_192;
const BODY_LENGTH_MAX = 4_096;
const SOCKET_SCHEME = 'unix://';

/**
 * Serves at `host:port` or `unix:///path` until it is closed.
 *
 * @throws OperatingError when nothing can be served there
 */
export async function serveHttp(listen: string, routes: HttpRoutes): Promise<AsyncDisposable> {
  const limits = { maxHeaderSize: HEADER_BYTES_MAX, connectionsCheckingInterval: REQUEST_LIMIT_MS };
  const server = createServer(limits, (request, response) => void answer(request, response, routes));
  // What is no request, as whoever only tries whether someone listens, is dropped without a word.
  server.on('clientError', (_error, socket) => socket.destroy());
  boundConnections(server);
  server.requestTimeout = REQUEST_LIMIT_MS;
  server.headersTimeout = REQUEST_LIMIT_MS;
  server.keepAliveTimeout = REQUEST_LIMIT_MS;
  server.timeout = SILENCE_LIMIT_MS;
  if (listen.startsWith(SOCKET_SCHEME)) await listenOnFile(server, listen.slice(SOCKET_SCHEME.length));
  else await listenOnPort(server, listen);
  return closing(server, () => server.closeAllConnections());
}

/**
 * Whether a request was meant for us. A page of another site can make a browser ask any address, under a name of its own that it has made
 * point here (DNS rebinding); so a name other than `localhost` is none of ours, and an address is.
 */
export function isOwnHost(header: string | undefined): boolean {
  const host = (header ?? '').replace(/:[0-9]+$/, '').replace(/^\[(.*)\]$/, '$1');
  return host === 'localhost' || isIP(host) !== 0;
}

/** Whether no page of another site sent it: a browser says where a page came from, a program nothing. A person may follow a link from there. */
export function isOwnOrigin(headers: IncomingMessage['headers']): boolean {
  const { host, origin, 'sec-fetch-site': site = 'none', 'sec-fetch-mode': mode } = headers;
  if (origin !== undefined && origin !== `http://${host}`) return false;
  return site === 'none' || site === 'same-origin' || (mode === 'navigate' && origin === undefined);
}

function boundConnections(server: Server): void {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    const [oldest] = sockets;
    if (sockets.size > CONNECTIONS_MAX) oldest?.destroy();
  });
}

async function answer(request: IncomingMessage, response: ServerResponse, routes: HttpRoutes): Promise<void> {
  const { method = '', url = '/', headers } = request;
  const [path = '/', query] = url.split('?');
  const name = method === 'GET' || method === 'HEAD' ? path : `${method} ${path}`;
  const route = Object.hasOwn(routes, name) ? routes[name] : undefined;
  const readBody = (): Promise<string> => readText(request);
  if (!isOwnHost(headers.host)) send(response, { status: 421, body: { error: 'this host is not served here' } });
  else if (!isOwnOrigin(headers)) send(response, { status: 403, body: { error: 'pages of other sites get no answer here' } });
  else if (route !== undefined)
    send(response, await tryRoute(() => route({ query: new URLSearchParams(query), headers, readBody })), headers['if-none-match']);
  else if (name !== path && method !== 'POST') send(response, { status: 405, body: { error: 'only GET, HEAD and, for few paths, POST' } });
  else send(response, { status: name === path ? 404 : 405, body: { error: 'there is nothing here', paths: Object.keys(routes) } });
}

/** What cannot be answered now says why; whoever asks must not be able to end the daemon. */
async function tryRoute(route: () => HttpAnswer | Promise<HttpAnswer>): Promise<HttpAnswer> {
  try {
    return await route();
  } catch (error) {
    const isWrong = error instanceof OperatingError && error.kind === 'input';
    return { status: isWrong ? 413 : 500, body: { error: error instanceof Error ? error.message : String(error) } };
  }
}

function readText(request: IncomingMessage): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const told = { operation: 'read a request', subject: 'http', problem: `it is longer than ${BODY_LENGTH_MAX} characters` };
  let text = '';
  request.setEncoding('utf8').on('data', (part: string) => {
    text += part;
    if (text.length > BODY_LENGTH_MAX) reject(new OperatingError({ kind: 'input', ...told, hint: null }));
    if (text.length > BODY_LENGTH_MAX) request.pause();
  });
  request.on('error', reject).on('end', () => resolve(text));
  // The answer may take as long as a collection.
  request.on('end', () => request.socket.setTimeout(0));
  return promise;
}

/** Nothing but what is served here may be run, shown or asked by what is served here, and nobody may put it into a frame. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

function send(response: ServerResponse, { status, body, type = 'application/json', etag }: HttpAnswer, known?: string): void {
  const headers = {
    'content-type': type,
    'cache-control': etag === undefined ? 'no-store' : 'no-cache',
    'content-security-policy': POLICY,
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    ...(etag === undefined ? {} : { etag }),
  };
  if (etag !== undefined && etag === known) response.writeHead(304, headers).end();
  else if (typeof body === 'string' || body instanceof Uint8Array) response.writeHead(status, headers).end(body);
  else response.writeHead(status, headers).end(`${JSON.stringify(body, null, 2)}\n`);
}

async function listenOnPort(server: Server, listen: string): Promise<void> {
  const colon = listen.lastIndexOf(':');
  const [host, port] = [listen.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), Number(listen.slice(colon + 1))];
  try {
    await once(server.listen({ host, port }), 'listening');
  } catch (error) {
    const taken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
    const problem = taken ? 'something else listens there' : error instanceof Error ? error.message : String(error);
    const hint = 'set http.listen to another address, or to "" to serve nothing';
    throw new OperatingError({ kind: 'settings', operation: 'serve health', subject: `http.listen = "${listen}"`, problem, hint });
  }
}
