/** The gate of `engine-gate.ts` for engines that speak gRPC: HTTP/2, with a status that comes after the answer. */
import { type ClientHttp2Session, connect, createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { CallWatch, type EngineGate } from './engine-gate.ts';

/** A flag and a length stand before each message. */
const FRAME_BYTES = 5;

/** An answer as it is passed on. */
interface Answer {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly trailers: IncomingHttpHeaders;
}

/** @param socketPath where the gate listens @param enginePath where the engine does */
export async function openGrpcGate(socketPath: string, enginePath: string): Promise<EngineGate> {
  const calls = new CallWatch();
  const sessions = new Set<{ destroy(): void }>();
  const server = createServer();
  server.on('session', (session) => {
    const onward = connect('http://localhost', { createConnection: () => connectSocket(enginePath) });
    onward.on('error', () => session.destroy());
    // Whoever is killed is gone for the engine as well, which then gives up what it was asked for.
    session.on('error', () => undefined).on('close', () => onward.destroy());
    sessions.add(session).add(onward);
    session.on('stream', (stream, headers) => void passOn(stream, headers, onward).catch(() => session.destroy()));
  });
  const passOn = async (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, onward: ClientHttp2Session): Promise<void> => {
    stream.on('error', () => undefined);
    const { number, atCall } = calls.begin();
    const framed = await buffer(stream);
    const call = { number, method: 'POST', path: headers[':path'] ?? '', asked: framed.subarray(FRAME_BYTES) };
    if ((await atCall({ ...call, moment: 'before' })) === 'drop') return stream.session?.destroy();
    const answer = await ask(onward, headers, framed);
    if ((await atCall({ ...call, moment: 'after' })) === 'drop') return stream.session?.destroy();
    return stream.destroyed ? undefined : give(stream, answer);
  };
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  return {
    socketPath,
    watch: calls.watch,
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function ask(onward: ClientHttp2Session, headers: IncomingHttpHeaders, framed: Buffer): Promise<Answer> {
  const { 'content-length': _, ...own } = headers;
  const asked = onward.request(own);
  const { promise, resolve, reject } = Promise.withResolvers<IncomingHttpHeaders>();
  let trailers: IncomingHttpHeaders = {};
  asked.on('response', resolve).on('error', reject);
  asked.on('trailers', (last) => {
    trailers = last;
  });
  asked.end(framed);
  const answered = await promise;
  return { headers: answered, body: await buffer(asked), trailers };
}

function give(stream: ServerHttp2Stream, { headers, body, trailers }: Answer): void {
  // An error may come with no message: then the first headers are the last.
  if (Object.keys(trailers).length === 0) {
    stream.respond(headers, { endStream: true });
    return;
  }
  stream.respond(headers, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  stream.end(body);
}
