import { processWorld } from './process-world.ts';
import { runCli } from './program.ts';

// A reader that closes early (| head) is no error of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});
void runCli(process.argv.slice(2), processWorld()).then((status) => {
  process.exitCode = status;
});
