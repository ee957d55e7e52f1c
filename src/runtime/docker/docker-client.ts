import { OperatingError, type OperatingErrorKind } from '../../model/error.ts';
import type { EngineClient, EngineConnection } from '../engine-client.ts';

/** The newest API version this adapter was tested with; an engine that knows less is spoken to in its own newest. */
const API_VERSION_NEWEST = [1, 51] as const;
/** Docker 20.10: the oldest version the contract suite runs on. */
const API_VERSION_OLDEST = [1, 41] as const;

/** A client of the Docker API in the version agreed on. */
export interface DockerClient extends EngineClient {
  /** Whether that is this one or newer: `1.42`. */
  speaks(version: string): boolean;
}

/** Agrees on an API version: the newest that both sides know. @throws OperatingError `engine-nonsense`; `engine-refused` when the engine is too old */
export function speakDocker(connection: EngineConnection): DockerClient {
  const agreed = negotiateVersion(connection);
  return { ...connection.speak(`/v${agreed}`), speaks: (version) => Number(agreed.split('.')[1]) >= Number(version.split('.')[1]) };
}

function negotiateVersion({ address, greeting: { status, headers } }: EngineConnection): string {
  const theirs = String(headers['api-version'] ?? '');
  const match = /^(\d+)\.(\d+)$/.exec(theirs);
  const problem = (kind: OperatingErrorKind, text: string, hint: string): OperatingError =>
    new OperatingError({ kind, operation: 'agree with the engine on an API version', subject: address, problem: text, hint });
  if (match === null)
    throw problem('engine-nonsense', `the answer to /_ping (status ${status}) names no API version`, 'does a Docker engine listen there?');
  const [major, minor] = [Number(match[1]), Number(match[2])];
  const isBelow = ([ourMajor, ourMinor]: readonly [number, number]) => major < ourMajor || (major === ourMajor && minor < ourMinor);
  if (isBelow(API_VERSION_OLDEST)) {
    const needed = API_VERSION_OLDEST.join('.');
    throw problem('engine-refused', `it speaks ${theirs}, and ${needed} is needed`, 'update to Docker 20.10 or newer');
  }
  return isBelow(API_VERSION_NEWEST) ? `${major}.${minor}` : API_VERSION_NEWEST.join('.');
}
