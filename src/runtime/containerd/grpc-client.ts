import { connect } from 'node:net';
import type { CallOptions, Client, Metadata } from '@grpc/grpc-js';
import { OperatingError } from '../../model/error.ts';
import { explainSocketFailure } from '../socket-failure.ts';
import type { AnswerOf, Message, Method } from './wire.ts';

/** A garbage collection in the engine may hold up a deletion for long on a slow disk. */
const TIMEOUT_MS_DEFAULT = 120_000;
/** Whoever does not answer the smallest question in this time speaks something else. */
const FIRST_ANSWER_MS = 10_000;
/** Listings of thousands of images come in one message; gRPC's own limit is 4 MB. */
const MESSAGE_BYTES_MAX = 256_000_000;
/** So much an engine sends before it waits to hear that it was read: 64 kB by default, and several lists come at once. */
const WINDOW_BYTES = 4_000_000;

/** gRPC status codes, as far as they mean something here. */
export const STATUS = {
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const;

/** What gRPC itself says where nobody speaks it. */
const NO_ANSWER: ReadonlySet<number> = new Set([STATUS.deadlineExceeded, STATUS.internal, STATUS.unavailable]);

/** Speaks gRPC to an engine on a unix socket. */
export interface GrpcClient {
  readonly socketPath: string;
  /** @param namespace of containerd; "" for calls that have none @throws OperatingError for every status but OK */
  call<Asked, Answered>(method: Method<Asked, Answered>, asked: Partial<Asked>, namespace?: string): Promise<Answered>;
  /** Gathers an answer that comes in pieces. @throws OperatingError likewise */
  collect<Asked, Answered>(method: Method<Asked, Answered>, asked: Partial<Asked>, namespace: string): Promise<readonly Answered[]>;
  /** Follows an answer that goes on until `signal` is aborted. @throws OperatingError when it ends before */
  follow<Asked, Answered>(method: Method<Asked, Answered>, asked: Partial<Asked>, reader: FollowReader<Answered>): Promise<void>;
  close(): void;
}

/** Where an engine is, and what of it is ours. */
export interface ContainerdOptions {
  readonly socketPath: string;
  /** The namespaces whose images may go; empty: all but Docker's and BuildKit's. */
  readonly namespaces: readonly string[];
  /** As it was written: `containerd:///run/containerd/containerd.sock`. */
  readonly address: string;
  /** Stands for {@link connectGrpc} in tests that look on. */
  readonly connect?: typeof connectGrpc;
}

/** Who reads what goes on. */
export interface FollowReader<Answered> {
  readonly signal: AbortSignal;
  readonly onAnswer: (answer: Answered) => void;
}

/** The gRPC status of an answer that was an error; null for any other error. */
export function statusOf(error: unknown): number | null {
  const cause = error instanceof OperatingError ? error.cause : error;
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'number' ? cause.code : null;
}

/** What a call answers; null where it answers with this status. @throws OperatingError for every other */
export function nullOn<Answered>(status: number, call: Promise<Answered>): Promise<Answered | null> {
  return call.catch((error: unknown) => {
    if (statusOf(error) === status) return null;
    throw error;
  });
}

/** The engine's own words in an error. */
export function engineWords(error: unknown): string {
  const cause = error instanceof OperatingError ? error.cause : error;
  if (cause instanceof Error && 'details' in cause && typeof cause.details === 'string') return cause.details;
  return error instanceof Error ? error.message : String(error);
}

/**
 * Connects, and has one call answered, whatever the answer.
 *
 * @param first a call that costs nothing
 * @throws OperatingError `engine-unreachable`, `permission`; `engine-nonsense` when something listens there that does not speak gRPC
 */
export async function connectGrpc(socketPath: string, first: Method<object, unknown>): Promise<GrpcClient> {
  await knock(socketPath);
  // Not before it is needed: it takes 10 MB and 100 ms, and most engines are Docker's.
  const grpc = await import('@grpc/grpc-js');
  const sizes = { 'grpc.max_receive_message_length': MESSAGE_BYTES_MAX, 'grpc-node.flow_control_window': WINDOW_BYTES };
  const options = { ...sizes, 'grpc.default_authority': 'localhost' };
  const channel = new grpc.Client(`unix:${socketPath}`, grpc.credentials.createInsecure(), options);
  const metadataOf = (namespace: string): Metadata => {
    const metadata = new grpc.Metadata();
    if (namespace !== '') metadata.set('containerd-namespace', namespace);
    return metadata;
  };
  try {
    await askOnce(channel, socketPath, first, {}, metadataOf(''), { deadline: Date.now() + FIRST_ANSWER_MS });
  } catch (error) {
    // Any other status is an engine's own word, which the next call tells as well.
    if (NO_ANSWER.has(statusOf(error) ?? STATUS.unavailable)) {
      channel.close();
      const parts = { operation: 'speak gRPC with the engine', subject: `unix://${socketPath}`, problem: engineWords(error), cause: error };
      throw new OperatingError({ kind: 'engine-nonsense', ...parts, hint: 'does containerd or CRI-O listen there?' });
    }
  }
  return makeClient(socketPath, channel, metadataOf);
}

function makeClient(socketPath: string, channel: Client, metadataOf: (namespace: string) => Metadata): GrpcClient {
  const deadline = (): CallOptions => ({ deadline: Date.now() + TIMEOUT_MS_DEFAULT });
  const open = <Asked, Answered>(method: Method<Asked, Answered>, asked: Partial<Asked>, namespace: string, options: CallOptions) =>
    channel.makeServerStreamRequest(method.path, writer(method), reader(method), asked, metadataOf(namespace), options);
  return {
    socketPath,
    call: (method, asked, namespace = '') => askOnce(channel, socketPath, method, asked, metadataOf(namespace), deadline()),
    async collect(method, asked, namespace) {
      const gathered: AnswerOf<typeof method>[] = [];
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const stream = open(method, asked, namespace, deadline());
      stream.on('data', (answer) => gathered.push(answer));
      stream.on('error', (error) => reject(explainStatus(error, socketPath, method.path)));
      stream.on('end', resolve);
      await promise;
      return gathered;
    },
    async follow(method, asked, { signal, onAnswer }) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const stream = open(method, asked, '', {});
      const cancel = (): void => stream.cancel();
      const end = (cause: Error): void => (signal.aborted ? resolve() : reject(explainStatus(cause, socketPath, method.path)));
      signal.addEventListener('abort', cancel);
      if (signal.aborted) cancel();
      stream.on('data', onAnswer).on('error', end);
      stream.on('end', () => end(new Error('the engine ended the stream')));
      await promise.finally(() => signal.removeEventListener('abort', cancel));
    },
    close: () => channel.close(),
  };
}

function writer<Asked>({ asked }: { readonly asked: Message<Asked> }): (value: Partial<Asked>) => Buffer {
  return (value) => Buffer.from(asked.encode(value));
}

function reader<Answered>({ answered }: Pick<Method<unknown, Answered>, 'answered'>): (data: Buffer) => Answered {
  return (data) => answered.decode(data);
}

function askOnce<Asked, Answered>(
  channel: Client,
  socketPath: string,
  method: Method<Asked, Answered>,
  asked: Partial<Asked>,
  metadata: Metadata,
  options: CallOptions,
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    channel.makeUnaryRequest(method.path, writer(method), reader(method), asked, metadata, options, (error, answer) => {
      if (answer === undefined || error !== null) reject(explainStatus(error ?? new Error('an empty answer'), socketPath, method.path));
      else resolve(answer);
    });
  });
}

/** Whether anything listens at all: gRPC would only say that it has no connection. */
async function knock(socketPath: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect(socketPath, resolve);
  socket.on('error', reject);
  try {
    await promise;
  } catch (error) {
    throw explainSocketFailure(error, `unix://${socketPath}`, 'connect');
  } finally {
    socket.destroy();
  }
}

function explainStatus(cause: Error, socketPath: string, path: string): OperatingError {
  const status = statusOf(cause);
  const parts = { operation: `ask the engine (${path})`, subject: `unix://${socketPath}`, problem: engineWords(cause), cause };
  if (status === STATUS.unavailable || status === STATUS.deadlineExceeded || status === null) {
    return new OperatingError({ kind: 'engine-unreachable', ...parts, hint: 'is the engine overloaded or restarting? try again' });
  }
  if (status === STATUS.permissionDenied) return new OperatingError({ kind: 'permission', ...parts, hint: 'run as root' });
  return new OperatingError({ kind: 'engine-refused', ...parts, hint: "the engine's log may tell more" });
}
