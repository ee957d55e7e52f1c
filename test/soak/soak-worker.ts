// One of the threads that `soak.ts` and its test start: lives a chunk of histories for every message.
import { parentPort } from 'node:worker_threads';
import * as v from 'valibot';
import { soakChunk } from './soak-chunk.ts';

const chunkForm = v.object({ seed: v.number(), histories: v.number() });

// Errors are part of every history, and their stacks would take a third of the time.
Error.stackTraceLimit = 0;
const port = parentPort;
if (port === null) throw new Error('soak-worker.ts is started by soak.ts');
port.on('message', async (message: unknown) => {
  port.postMessage(await soakChunk(v.parse(chunkForm, message)));
});
