import { spawn } from 'node:child_process';
import { Duplex } from 'node:stream';

/** A host on which `docker` can be run. Empty: as ssh's own settings say. */
export interface SshAddress {
  readonly kind: 'ssh';
  readonly user: string;
  readonly host: string;
  readonly port: string;
}

/**
 * A connection as Docker's own client makes it: on the other host `docker system dial-stdio` stands between ssh and the engine. ssh asks nothing,
 * since nobody may be there to answer.
 */
export function dialStdio({ user, host, port }: SshAddress): Duplex {
  const words = ['-oBatchMode=yes', '-oConnectTimeout=30', ...(port === '' ? [] : ['-p', port]), ...(user === '' ? [] : ['-l', user])];
  const child = spawn('ssh', [...words, '--', host, 'docker', 'system', 'dial-stdio'], { stdio: ['pipe', 'pipe', 'pipe'] });
  const connection = new StdioConnection(child);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = `${said}${text}`.slice(-500);
  });
  child.once('error', (error) => connection.destroy(error));
  child.once('close', (status) => {
    if (status === 0) connection.push(null);
    else connection.destroy(new Error(`ssh ended with ${status}: ${said.trim()}`));
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
    // How the process ended tells more than that its input is closed.
    child.stdin?.on('error', () => undefined);
  }

  override _read(): void {
    this.#child.stdout?.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#child.stdin?.write(chunk, () => done());
  }

  override _final(done: () => void): void {
    this.#child.stdin?.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#child.kill();
    done(error);
  }

  readonly setTimeout = (): this => this;
  readonly setNoDelay = (): this => this;
  readonly setKeepAlive = (): this => this;
  readonly ref = (): this => this;
  readonly unref = (): this => this;
}
