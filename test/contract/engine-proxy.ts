import { createServer, type IncomingHttpHeaders, request } from 'node:http';
import { text as readText } from 'node:stream/consumers';

/** Stands between a runtime and an engine, so that a test sees what is asked and can act between two calls. */
export interface EngineProxy {
  readonly socketPath: string;
  takeCalls(): readonly string[];
  /** Does something once, after the engine's next answer to a call that matches and before it is passed on. */
  afterNext(call: RegExp, action: () => Promise<void>): void;
  close(): Promise<void>;
}

/** What the proxy changes in the answer to a call. */
export type Rewrite = (call: string, text: string) => string;

/** @param socketPath where the proxy listens @param enginePath where the engine does */
export async function openEngineProxy(socketPath: string, enginePath: string, rewrite: Rewrite = (_, text) => text): Promise<EngineProxy> {
  let calls: string[] = [];
  let pending: { readonly call: RegExp; readonly action: () => Promise<void> } | null = null;
  const server = createServer((incoming, outgoing) => {
    const { method = 'GET', url = '/' } = incoming;
    const call = `${method} ${url}`;
    calls.push(call);
    const onward = request({ socketPath: enginePath, method, path: url, agent: false }, async (answer) => {
      // Events go on and on, so nothing of them is kept back.
      if (url.includes('/events?')) {
        outgoing.writeHead(answer.statusCode ?? 500);
        outgoing.flushHeaders();
        outgoing.on('close', () => onward.destroy());
        return answer.on('error', () => outgoing.destroy()).pipe(outgoing);
      }
      const text = rewrite(call, await readText(answer));
      const action = pending?.call.test(call) ? pending.action : null;
      if (action !== null) pending = null;
      await action?.();
      return outgoing.writeHead(answer.statusCode ?? 500, greetingOf(answer.headers)).end(text);
    });
    onward.on('error', () => outgoing.destroy());
    onward.end();
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  return {
    socketPath,
    takeCalls() {
      const taken = calls;
      calls = [];
      return taken;
    },
    afterNext(call, action) {
      pending = { call, action };
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** By what an engine tells which it is. */
export function greetingOf(headers: IncomingHttpHeaders): Record<string, string> {
  const names = ['api-version', 'libpod-api-version'] as const;
  return Object.fromEntries(names.flatMap((name) => (headers[name] === undefined ? [] : [[name, String(headers[name])]])));
}
