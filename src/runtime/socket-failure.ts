import { OperatingError } from '../model/error.ts';

const CLOSED_EARLY = 'the connection was closed before the answer was whole';
const CONNECTION_PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such socket',
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: CLOSED_EARLY,
  EPIPE: CLOSED_EARLY,
};

/**
 * Says what is wrong with a connection, or with who listens there.
 *
 * @param cause what Node threw
 * @param call what was asked: `GET /info`
 */
export function explainSocketFailure(cause: unknown, address: string, call: string): OperatingError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const parts = { operation: `ask the engine (${call})`, subject: address, cause };
  const text = cause instanceof Error ? cause.message : String(cause);
  if (code === 'EACCES' || code === 'EPERM') {
    const hint = 'run as root, or as a member of the group that owns the socket (usually "docker")';
    return new OperatingError({ kind: 'permission', ...parts, problem: 'this user may not open the socket', hint });
  }
  if (code.startsWith('HPE_')) {
    const hint = 'does a container engine listen there?';
    return new OperatingError({ kind: 'engine-nonsense', ...parts, problem: `the answer is not HTTP (${text})`, hint });
  }
  const isAbsent = code === 'ENOENT' || code === 'ECONNREFUSED';
  const hint = isAbsent ? 'is the engine running? is the address right?' : 'is the engine overloaded or restarting? try again';
  const problem = CONNECTION_PROBLEMS[code] ?? text;
  return new OperatingError({ kind: 'engine-unreachable', ...parts, problem, hint });
}
