import { outcomeOf } from './output/error-text.ts';
import { processWorld } from './process-world.ts';
import type { World } from './world.ts';

// A reader that closes early (| head) is no error of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

async function run([command, ...words]: readonly string[], world: World): Promise<number> {
  if (command === 'daemon') {
    const { readDaemonLine } = await import('./daemon-line.ts');
    const runDaemon = readDaemonLine(words, world);
    if (runDaemon !== null) return outcomeOf(runDaemon, world);
  }
  const { runCli } = await import('./program.ts');
  return runCli(process.argv.slice(2), world);
}

void run(process.argv.slice(2), processWorld()).then((status) => {
  process.exitCode = status;
});
