import { readdirSync, readFileSync } from 'node:fs';
import type { World } from '../../src/cli/world.ts';

/** The surroundings of a command that decides about files: it may read them and print, and nothing else. */
export function offlineWorld(): { readonly world: World; readonly out: string[]; readonly err: string[] } {
  const out: string[] = [];
  const err: string[] = [];
  const stream = (into: string[]) => ({ write: (text: string) => void into.push(text), isTTY: false, columns: undefined });
  const world: World = {
    environment: {},
    home: '/nowhere',
    userId: 1000,
    out: stream(out),
    err: stream(err),
    ask: null,
    readClock: forbidden,
    wait: forbidden,
    readFile: (path) => readFileSync(path, 'utf8'),
    readBytes: (path) => readFileSync(path),
    listDirectory: (path) => readdirSync(path),
    writeFile: forbidden,
    openRuntime: forbidden,
    openStore: forbidden,
    openMemoryStore: forbidden,
    makeStoreFolder: forbidden,
    lockEngine: forbidden,
    makeMark: forbidden,
    judgeOwner: forbidden,
    releaseMemory: forbidden,
    catchInterrupts: forbidden,
    catchServiceSignals: forbidden,
    askRegistry: forbidden,
    askDaemon: forbidden,
  };
  return { world, out, err };
}

function forbidden(): never {
  throw new Error('a what-if asks no engine, no store and no clock');
}
