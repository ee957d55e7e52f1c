import { Agent, type AgentOptions, type ClientRequest, type RequestOptions, request } from 'node:http';
import type { SecureContextOptions } from 'node:tls';
import { OperatingError } from '../model/error.ts';
import type { SshAddress } from './ssh-connection.ts';
import { trustedAuthorities } from './trusted-authorities.ts';

/** Where an engine is spoken to, as DOCKER_HOST and Docker's contexts say it. */
export type EngineAddress =
  | { readonly kind: 'unix'; readonly socketPath: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly tls: TlsMaterial | null }
  | SshAddress
  | GrpcAddress;

/** What Docker's API is spoken over. */
export type HttpAddress = Exclude<EngineAddress, GrpcAddress>;

/** A containerd by its own API, or whatever serves CRI. */
export interface GrpcAddress {
  readonly kind: 'containerd' | 'cri';
  readonly socketPath: string;
  /** Of containerd, those that may be touched; empty: all but those of other engines. */
  readonly namespaces: readonly string[];
}

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
 * @throws OperatingError `settings` for what is none of `unix:///path`, `containerd:///path?namespace=a,b`, `cri:///path`, `tcp://host:port` and
 *   `ssh://user@host:port`
 */
export function parseEngineAddress(address: string, tls: TlsMaterial | null = null): EngineAddress {
  const socketPath = /^unix:\/\/(\/.+)$/.exec(address)?.[1];
  if (socketPath !== undefined) return { kind: 'unix', socketPath };
  const grpc = parseGrpcAddress(address);
  if (grpc !== null) return grpc;
  const url = URL.canParse(address) ? new URL(address) : null;
  // What begins with a dash would be an option to ssh.
  const isWhole = url !== null && /^[^-]/.test(url.hostname) && !url.username.startsWith('-') && ['', '/'].includes(url.pathname);
  if (isWhole && url.protocol === 'tcp:') {
    const port = Number(url.port) || (tls === null ? TCP_PORT : TLS_PORT);
    return { kind: 'tcp', host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port, tls };
  }
  if (isWhole && url.protocol === 'ssh:') return { kind: 'ssh', user: url.username, host: url.hostname, port: url.port };
  const hint =
    'write unix:///var/run/docker.sock, containerd:///run/containerd/containerd.sock?namespace=k8s.io, cri:///var/run/crio/crio.sock, tcp://host:2376 or ssh://user@host';
  const problem = 'it is no address of an engine';
  throw new OperatingError({ kind: 'settings', operation: 'use the engine address', subject: address, problem, hint });
}

function parseGrpcAddress(address: string): GrpcAddress | null {
  const [, kind, socketPath, query = ''] = /^(containerd|cri):\/\/(\/[^?]+)(?:\?(.*))?$/.exec(address) ?? [];
  const parameters = new URLSearchParams(query);
  const namespaces = (parameters.get('namespace') ?? '').split(',').filter((each) => each !== '');
  parameters.delete('namespace');
  const isWhole = socketPath !== undefined && parameters.size === 0 && (kind === 'containerd' || query === '');
  return isWhole && (kind === 'containerd' || kind === 'cri') ? { kind, socketPath, namespaces } : null;
}

/** The address as it is written. */
export function formatEngineAddress(address: EngineAddress): string {
  if ('socketPath' in address) {
    const namespaces = 'namespaces' in address && address.namespaces.length > 0 ? `?namespace=${address.namespaces.join(',')}` : '';
    return `${address.kind}://${address.socketPath}${namespaces}`;
  }
  if (address.kind === 'tcp') return `tcp://${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
  return `ssh://${address.user === '' ? '' : `${address.user}@`}${address.host}${address.port === '' ? '' : `:${address.port}`}`;
}

/** Makes connections to an address as they are needed, and keeps some of them. What TLS and ssh take is loaded by who needs it. */
export async function openTransport(address: HttpAddress, options: AgentOptions): Promise<EngineTransport> {
  return { address: formatEngineAddress(address), ...(await openSender(address, options)) };
}

type Sender = Omit<EngineTransport, 'address'>;

async function openSender(address: HttpAddress, options: AgentOptions): Promise<Sender> {
  if (address.kind === 'ssh') return overSsh(address, options);
  if (address.kind === 'unix') return overSocket({ socketPath: address.socketPath, ...NO_SERVER_NAME }, options);
  const { host, port, tls } = address;
  return tls === null ? overSocket({ host, port }, options) : overTls({ host, port }, tls, options);
}

const HEADERS = { headers: { host: 'docker' } } as const;

function overSocket(where: RequestOptions, options: AgentOptions): Sender {
  const agent = new Agent(options);
  return {
    request: (told, isAlone = false) => request({ ...where, ...HEADERS, ...told, agent: isAlone ? false : agent }),
    close: () => agent.destroy(),
  };
}

async function overTls(where: RequestOptions, given: TlsMaterial, options: AgentOptions): Promise<Sender> {
  const https = await import('node:https');
  const tls = { ca: await trustedAuthorities(), ...given };
  const agent = new https.Agent({ ...options, ...tls });
  return {
    request: (told, isAlone = false) => https.request({ ...where, ...tls, ...told, agent: isAlone ? false : agent }),
    close: () => agent.destroy(),
  };
}

/** Every connection is a process of ssh, so they are kept. */
async function overSsh(address: SshAddress, options: AgentOptions): Promise<Sender> {
  const { dialStdio } = await import('./ssh-connection.ts');
  const agent = new Agent(options);
  const createConnection = () => dialStdio(address);
  agent.createConnection = createConnection;
  const common = { host: address.host, ...HEADERS };
  return {
    request: (told, isAlone = false) => request({ ...common, ...told, ...(isAlone ? { createConnection } : { agent }) }),
    close: () => agent.destroy(),
  };
}
