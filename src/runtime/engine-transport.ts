import { spawn } from 'node:child_process';
import { Agent, type AgentOptions, type ClientRequest, type RequestOptions, request } from 'node:http';
import { Duplex } from 'node:stream';
import type { SecureContextOptions } from 'node:tls';
import { OperatingError } from '../model/error.ts';

/** Where an engine is spoken to, as DOCKER_HOST and Docker's contexts say it. */
export type EngineAddress =
  | { readonly kind: 'unix'; readonly socketPath: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly tls: TlsMaterial | null }
  | { readonly kind: 'ssh'; readonly user: string; readonly host: string; readonly port: string };

/** What TLS needs: who the engine may be, and who we are. */
export interface TlsMaterial extends Pick<SecureContextOptions, 'ca' | 'cert' | 'key'> {
  /** False only where a context of Docker says to skip it. */
  readonly rejectUnauthorized: boolean;
}

/** Sends requests to one engine. */
export interface EngineTransport {
  /** `unix:///var/run/docker.sock`; what a person is told. */
  readonly address: string;
  /** @param isAlone on a connection of its own, which ends with it */
  request(options: Pick<RequestOptions, 'method' | 'path'>, isAlone?: boolean): ClientRequest;
  close(): void;
}

const TCP_PORT = 2375;
const TLS_PORT = 2376;
/** Without a name for TLS, Node looks whether the host header is an IPv6 address, with an expression that takes 10 ms to compile. */
const NO_SERVER_NAME = { servername: '' } as const;

/**
 * Reads an address as DOCKER_HOST and CONTAINER_HOST write it.
 *
 * @param tls for `tcp`; null speaks without
 * @throws OperatingError `settings` for what is none of `unix:///path`, `tcp://host:port` and `ssh://user@host:port`
 */
export function parseEngineAddress(address: string, tls: TlsMaterial | null = null): EngineAddress {
  const socketPath = /^unix:\/\/(\/.+)$/.exec(address)?.[1];
  if (socketPath !== undefined) return { kind: 'unix', socketPath };
  const url = URL.canParse(address) ? new URL(address) : null;
  // What begins with a dash would be an option to ssh.
  const isWhole = url !== null && /^[^-]/.test(url.hostname) && !url.username.startsWith('-') && ['', '/'].includes(url.pathname);
  if (isWhole && url.protocol === 'tcp:') {
    return {
      kind: 'tcp',
      host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: Number(url.port) || (tls === null ? TCP_PORT : TLS_PORT),
      tls,
    };
  }
  if (isWhole && url.protocol === 'ssh:') return { kind: 'ssh', user: url.username, host: url.hostname, port: url.port };
  const hint = 'write unix:///var/run/docker.sock, tcp://host:2376 or ssh://user@host';
  const problem = 'it is no address of an engine';
  throw new OperatingError({ kind: 'settings', operation: 'use the engine address', subject: address, problem, hint });
}

/** The address as it is written. */
export function formatEngineAddress(address: EngineAddress): string {
  if (address.kind === 'unix') return `unix://${address.socketPath}`;
  if (address.kind === 'tcp') return `tcp://${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
  return `ssh://${address.user === '' ? '' : `${address.user}@`}${address.host}${address.port === '' ? '' : `:${address.port}`}`;
}

/** Makes connections to an address as they are needed, and keeps some of them. */
export async function openTransport(address: EngineAddress, options: AgentOptions): Promise<EngineTransport> {
  const send = address.kind === 'tcp' && address.tls !== null ? await overTls(address, address.tls, options) : overSocket(address, options);
  return { address: formatEngineAddress(address), ...send };
}

type Sender = Omit<EngineTransport, 'address'>;

function overSocket(address: EngineAddress, options: AgentOptions): Sender {
  const agent = address.kind === 'ssh' ? new SshAgent(address, options) : new Agent(options);
  const where =
    address.kind === 'unix'
      ? { socketPath: address.socketPath }
      : { host: address.host, ...(address.kind === 'tcp' && { port: address.port }) };
  const common = { ...where, ...NO_SERVER_NAME, headers: { host: 'docker' } };
  const alone = address.kind === 'ssh' ? { createConnection: () => dialStdio(address) } : { agent: false as const };
  return {
    request: (told, isAlone = false) => request({ ...common, ...told, ...(isAlone ? alone : { agent }) }),
    close: () => agent.destroy(),
  };
}

/** Loaded by who needs it: TLS takes 8 MB. */
async function overTls({ host, port }: EngineAddress & { kind: 'tcp' }, tls: TlsMaterial, options: AgentOptions): Promise<Sender> {
  const https = await import('node:https');
  const agent = new https.Agent({ ...options, ...tls });
  return {
    request: (told, isAlone = false) => https.request({ host, port, ...tls, ...told, agent: isAlone ? false : agent }),
    close: () => agent.destroy(),
  };
}

/** Every connection is a process of ssh, so they are kept. */
class SshAgent extends Agent {
  readonly #address: EngineAddress & { kind: 'ssh' };

  constructor(address: EngineAddress & { kind: 'ssh' }, options: AgentOptions) {
    super(options);
    this.#address = address;
  }

  override createConnection(): Duplex {
    return dialStdio(this.#address);
  }
}

/**
 * A connection as Docker's own client makes it: on the other host `docker system dial-stdio` stands between ssh and the engine. ssh asks nothing,
 * since nobody may be there to answer.
 */
function dialStdio({ user, host, port }: EngineAddress & { kind: 'ssh' }): Duplex {
  const words = [
    '-o',
    'BatchMode=yes',
    '-o',
    'ConnectTimeout=30',
    ...(port === '' ? [] : ['-p', port]),
    ...(user === '' ? [] : ['-l', user]),
  ];
  const child = spawn('ssh', [...words, '--', host, 'docker', 'system', 'dial-stdio'], { stdio: ['pipe', 'pipe', 'pipe'] });
  const connection = new StdioConnection(child);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = `${said}${text}`.slice(-500);
  });
  child.once('error', (error) => connection.destroy(error));
  child.once('close', (status) => {
    if (status !== 0 && !connection.destroyed) connection.destroy(new Error(`ssh ended with ${status}: ${said.trim()}`));
  });
  return connection;
}

/** Standard input and output of a process as one stream, with what HTTP asks of a socket beside that. */
class StdioConnection extends Duplex {
  readonly #child: ReturnType<typeof spawn>;

  constructor(child: ReturnType<typeof spawn>) {
    super();
    this.#child = child;
    child.stdout?.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) child.stdout?.pause();
    });
    child.stdout?.once('end', () => this.push(null));
    child.stdin?.on('error', (error) => this.destroy(error));
  }

  override _read(): void {
    this.#child.stdout?.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#child.stdin?.write(chunk, done);
  }

  override _final(done: () => void): void {
    this.#child.stdin?.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#child.kill();
    done(error);
  }

  setTimeout(): this {
    return this;
  }
  setNoDelay(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
}
