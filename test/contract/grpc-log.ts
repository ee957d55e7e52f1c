import { connectGrpc, type GrpcClient } from '../../src/runtime/containerd/grpc-client.ts';

/** Looks on while a runtime calls an engine. */
export interface CallLog {
  readonly connect: typeof connectGrpc;
  /** Does something once, before such a call is passed on. */
  beforeNext(isMeant: (path: string) => boolean, action: () => Promise<void>): void;
  /** Does something once, after the next answer to such a call and before the runtime gets it. */
  afterNext(isMeant: (path: string) => boolean, action: () => Promise<void>): void;
  /** Paths since this was last called. */
  takeCalls(): readonly string[];
}

/** @param namespace the one whose answers are waited for; calls without one count as well */
export function loggingConnect(namespace: string): CallLog {
  let calls: string[] = [];
  type Waiting = { readonly moment: 'before' | 'after'; readonly isMeant: (path: string) => boolean; readonly action: () => Promise<void> };
  let waiting: Waiting | null = null;
  const reached = async (moment: Waiting['moment'], path: string, asked: string): Promise<void> => {
    const isNow = waiting?.moment === moment && waiting.isMeant(path) && (asked === '' || asked === namespace);
    const action = isNow ? waiting?.action : undefined;
    if (action === undefined) return;
    waiting = null;
    await action();
  };
  const wrap = (client: GrpcClient): GrpcClient => ({
    ...client,
    async call(method, asked, space = '') {
      calls.push(method.path);
      await reached('before', method.path, space);
      const answer = await client.call(method, asked, space);
      await reached('after', method.path, space);
      return answer;
    },
    collect(method, asked, space) {
      calls.push(method.path);
      return client.collect(method, asked, space);
    },
  });
  return {
    connect: async (socketPath, first) => wrap(await connectGrpc(socketPath, first)),
    beforeNext: (isMeant, action) => {
      waiting = { moment: 'before', isMeant, action };
    },
    afterNext: (isMeant, action) => {
      waiting = { moment: 'after', isMeant, action };
    },
    takeCalls() {
      const taken = calls;
      calls = [];
      return taken;
    },
  };
}
