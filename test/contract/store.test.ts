import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after } from 'node:test';
import { openMemoryStore, openSqliteStore } from '../../src/store/open-sqlite-store.ts';
import { MapStore } from '../worlds/map-store.ts';
import { describeStore } from './store-contract.ts';

const root = mkdtempSync(join(tmpdir(), 'imagegc-store-contract-'));
after(() => rmSync(root, { recursive: true }));

describeStore('the memory store', { open: openMemoryStore, reopen: (store) => store });

describeStore('the store in maps', { open: () => new MapStore(), reopen: (store) => store });

describeStore('the SQLite store', {
  open: () => openSqliteStore({ directory: mkdtempSync(join(root, 'case-')) }),
  reopen: (store) => {
    store[Symbol.dispose]();
    return openSqliteStore({ directory: dirname(store.path) });
  },
});
