import { connectGrpc, type GrpcClient } from '../../src/runtime/containerd/grpc-client.ts';

/** Looks on while a runtime calls an engine. */
export interface CallLog {
  readonly connect: typeof connectGrpc;
  /** Does something once, after the next answer to such a call and before the runtime gets it. */
  afterNext(isMeant: (path: string) => boolean, action: () => Promise<void>): void;
  /** Paths since this was last called. */
  takeCalls(): readonly string[];
}

/** @param namespace the one whose answers are waited for; calls without one count as well */
export function loggingConnect(namespace: string): CallLog {
  let calls: string[] = [];
  let waiting: { readonly isMeant: (path: string) => boolean; readonly action: () => Promise<void> } | null = null;
  const answered = async (path: string, asked: string): Promise<void> => {
    const action = waiting?.isMeant(path) && (asked === '' || asked === namespace) ? waiting.action : null;
    if (action === null) return;
    waiting = null;
    await action();
  };
  const wrap = (client: GrpcClient): GrpcClient => ({
    ...client,
    async call(method, asked, space = '') {
      calls.push(method.path);
      const answer = await client.call(method, asked, space);
      await answered(method.path, space);
      return answer;
    },
    collect(method, asked, space) {
      calls.push(method.path);
      return client.collect(method, asked, space);
    },
  });
  return {
    connect: async (socketPath, first) => wrap(await connectGrpc(socketPath, first)),
    afterNext: (isMeant, action) => {
      waiting = { isMeant, action };
    },
    takeCalls() {
      const taken = calls;
      calls = [];
      return taken;
    },
  };
}
