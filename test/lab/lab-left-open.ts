/** A program that a test kills: it opens a laboratory, starts something of everything, tells where, and waits. */
import { openLab } from './lab.ts';

const result = await openLab({ say: () => undefined });
if (result.kind === 'unavailable') throw new Error(result.missing.join(', '));
await result.lab.startRegistry();
const engine = await result.lab.start('docker-new-overlay2', undefined, { diskBytes: 100_000_000 });
await engine.loadImages([{ repository: 'lab/left', layers: [{ key: 'left', kb: 100 }] }]);
await engine.run({ image: 'lab/left:v1' });
console.log(result.lab.directory);
setInterval(() => undefined, 60_000);
