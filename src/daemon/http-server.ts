import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { OperatingError } from '../model/error.ts';
import { closing, listenOnFile } from './socket-file.ts';

/** One answer; a status of 503 is an answer like any other. */
export interface HttpAnswer {
  readonly status: number;
  readonly body: object;
}

/** What is served, by path. Only read: nothing that is asked here changes anything. */
export type HttpRoutes = Readonly<Record<string, () => HttpAnswer>>;

/** Slow or silent clients cost one of these for as long, and nothing else. */
const CONNECTIONS_MAX = 64;
const REQUEST_LIMIT_MS = 5_000;
const HEADER_BYTES_MAX = 8_192;
const SOCKET_SCHEME = 'unix://';

/**
 * Serves at `host:port` or `unix:///path` until it is closed.
 *
 * @throws OperatingError when nothing can be served there
 */
export async function serveHttp(listen: string, routes: HttpRoutes): Promise<AsyncDisposable> {
  const server = createServer({ maxHeaderSize: HEADER_BYTES_MAX }, (request, response) => answer(request, response, routes));
  // What is no request, as whoever only tries whether someone listens, is dropped without a word.
  server.on('clientError', (_error, socket) => socket.destroy());
  server.maxConnections = CONNECTIONS_MAX;
  server.requestTimeout = REQUEST_LIMIT_MS;
  server.headersTimeout = REQUEST_LIMIT_MS;
  server.keepAliveTimeout = REQUEST_LIMIT_MS;
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

function answer(request: IncomingMessage, response: ServerResponse, routes: HttpRoutes): void {
  const { method, url = '/', headers } = request;
  const path = url.split('?')[0] ?? '/';
  const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
  if (!isOwnHost(headers.host)) send(response, { status: 421, body: { error: 'this host is not served here' } });
  else if (method !== 'GET' && method !== 'HEAD') send(response, { status: 405, body: { error: 'only GET and HEAD' } });
  else send(response, route?.() ?? { status: 404, body: { error: 'there is nothing here', paths: Object.keys(routes) } });
}

function send(response: ServerResponse, { status, body }: HttpAnswer): void {
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };
  response.writeHead(status, headers).end(`${JSON.stringify(body, null, 2)}\n`);
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
