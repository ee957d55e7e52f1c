import { Argument, type Command, InvalidArgumentError, Option } from 'commander';
import { type Bytes, bytes } from '../model/brands.ts';
import { parseByteSize } from '../model/byte-size.ts';
import { EXPORTS } from './commands/exports.ts';
import type { Desk } from './session.ts';

/** Turns one command's words into a run, and gives the exit status. */
type Run = (desk: Desk, options: Readonly<Record<string, unknown>>, words: readonly unknown[]) => Promise<number>;

/** Gives a command what all have, and its run. */
export type Define = (command: Command, run: Run) => void;

/** One command as the command line knows it. */
export interface ListedCommand {
  readonly name: string;
  /** Adds the command, its own options and its run to the program. */
  readonly define: (program: Command, define: Define) => void;
}

/**
 * Every command, in the order of the help: the one place that lists them. A run loads the command's own code when it is called, and must
 * be the only one that imports it, so that no command pays for another.
 */
export const COMMANDS: readonly ListedCommand[] = [
  { name: 'plan', define: definePlan },
  { name: 'collect', define: defineCollect },
  { name: 'daemon', define: defineDaemon },
  { name: 'images', define: defineImages },
  { name: 'why', define: defineWhy },
  { name: 'history', define: defineHistory },
  { name: 'pin', define: definePin },
  { name: 'unpin', define: defineUnpin },
  { name: 'simulate', define: defineSimulate },
  { name: 'import', define: defineImport },
  { name: 'export', define: defineExport },
  { name: 'config', define: defineConfig },
  { name: 'doctor', define: defineDoctor },
];

function definePlan(program: Command, define: Define): void {
  const plan = program
    .command('plan')
    .description('what would be removed now, why, and what that frees; removes nothing')
    .addOption(freeOption())
    .option('--inventory <file>', 'decide about an exported inventory instead of a live engine ("-" is standard input)')
    .option('--uses <file>', 'use records for it')
    .option('--at <time>', 'the moment to decide at (RFC 3339); default: when it was observed')
    .option('--scheduled', "as the daemon's scheduled runs do it, which hold back after boot and before mass expiry");
  define(plan, async (desk, options) => {
    const { runPlan } = await import('./commands/plan.ts');
    const files = { inventory: text(options['inventory']), uses: text(options['uses']), at: text(options['at']) };
    return runPlan(desk, { free: size(options['free']), isScheduled: options['scheduled'] === true, ...files });
  });
}

function defineCollect(program: Command, define: Define): void {
  const collect = program.command('collect').description('the same plan, then does it').addOption(freeOption());
  define(collect.option('-y, --yes', 'do not ask'), async (desk, options) => {
    const { runCollect } = await import('./commands/collect.ts');
    return runCollect(desk, { free: size(options['free']), yes: options['yes'] === true });
  });
}

function defineDaemon(program: Command, define: Define): void {
  const daemon = program.command('daemon').description('watches use, and collects on schedule, until it is told to stop');
  define(daemon, async (desk) => {
    const { runDaemon } = await import('./commands/daemon.ts');
    return runDaemon(desk);
  });
}

function defineImages(program: Command, define: Define): void {
  const images = program.command('images').description('every image: last use, exclusive bytes, verdict, when it would go');
  define(images, async (desk) => {
    const { runImages } = await import('./commands/images.ts');
    return runImages(desk);
  });
}

function defineWhy(program: Command, define: Define): void {
  const why = program.command('why').description('the full reasoning for one image').argument('<image>', 'name, digest or ID');
  define(why, async (desk, _options, [image]) => {
    const { runWhy } = await import('./commands/images.ts');
    return runWhy(desk, String(image));
  });
}

function defineHistory(program: Command, define: Define): void {
  const history = program.command('history').description('uses and removals, with digests to pull again');
  history.addOption(new Option('--limit <count>', 'newest entries of each kind').default(50).argParser(readCount));
  define(history, async (desk, { limit }) => {
    const { runHistory } = await import('./commands/history.ts');
    return runHistory(desk, { limit: Number(limit) });
  });
}

function definePin(program: Command, define: Define): void {
  const pin = program.command('pin').description('keep what a pattern names; without one, list the pins').argument('[pattern]');
  pin
    .option('--reason <text>', 'why')
    .option('--until <end>', 'a day, a time or a duration such as 30d')
    .option('--owner <name>', 'who asks for it');
  define(pin, async (desk, options, [pattern]) => {
    const { runPin } = await import('./commands/pin.ts');
    return runPin(desk, text(pattern), { owner: text(options['owner']), reason: text(options['reason']), until: text(options['until']) });
  });
}

function defineUnpin(program: Command, define: Define): void {
  define(program.command('unpin').description('take a pin back').argument('<pattern>'), async (desk, _options, [pattern]) => {
    const { runUnpin } = await import('./commands/pin.ts');
    return runUnpin(desk, String(pattern));
  });
}

function defineSimulate(program: Command, define: Define): void {
  const simulate = program
    .command('simulate')
    .description("replay a trace, or this host's own history, under other rules")
    .option('--images <file>', 'images of a trace, as lines of JSON, gzip or plain')
    .option('--uses <file>', 'its uses')
    .option('--capacity <list>', 'sizes of the disk, such as 10GB,0.5W; W is the live set of the trace')
    .option('--policy <list>', 'policies, such as next-use,lru; default: all')
    .option('--host', "this host's own history, under the settings in force")
    .option('--chart <file>', 'draw re-pulled bytes over the size of the disk, as SVG')
    .addOption(new Option('--seed <number>', 'of what is left to chance').default(1).argParser(readCount));
  define(simulate, async (desk, options) => {
    const { runSimulate } = await import('./commands/simulate.ts');
    const files = {
      images: text(options['images']),
      uses: text(options['uses']),
      chart: text(options['chart']),
      isHost: options['host'] === true,
    };
    return runSimulate(desk, {
      ...files,
      capacity: text(options['capacity']),
      policy: text(options['policy']),
      seed: Number(options['seed']),
    });
  });
}

function defineImport(program: Command, define: Define): void {
  const what = new Argument('<what>').choices(['image_use']);
  const import_ = program.command('import').description('take over the use records of IoT Edge').addArgument(what).argument('<file>');
  define(import_, async (desk, _options, [, file]) => {
    const { runImport } = await import('./commands/transfer.ts');
    return runImport(desk, String(file));
  });
}

function defineExport(program: Command, define: Define): void {
  const what = new Argument('<what>').choices(EXPORTS);
  const export_ = program.command('export').description('write records, or what "plan --inventory" decides about').addArgument(what);
  define(export_.argument('[file]'), async (desk, _options, [name, file]) => {
    const { runExport } = await import('./commands/transfer.ts');
    return runExport(desk, EXPORTS.find((known) => known === name) ?? 'uses', text(file));
  });
}

function defineConfig(program: Command, define: Define): void {
  const config = program.command('config').description('the settings in force');
  const show = config.command('show').description('the settings in force').option('--origin', 'say where each value comes from');
  define(show, async (desk, { origin }) => {
    const { runConfigShow } = await import('./commands/config.ts');
    return runConfigShow(desk, origin === true);
  });
}

function defineDoctor(program: Command, define: Define): void {
  const doctor = program.command('doctor').description('engine, permissions, clock, store, settings: what is wrong and what to do');
  define(doctor.option('--repair', 'give back names that an interrupted run took off'), async (desk, { repair }) => {
    const { runDoctor } = await import('./commands/doctor.ts');
    return runDoctor(desk, { repair: repair === true });
  });
}

function freeOption(): Option {
  return new Option('--free <size>', 'free this much now, such as 5GB; the disk rule is not asked').argParser(readSize);
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function size(value: unknown): Bytes | null {
  return typeof value === 'number' ? bytes(value) : null;
}

function readSize(value: string): Bytes {
  const parsed = parseByteSize(value);
  if (parsed.ok) return parsed.value;
  throw new InvalidArgumentError(parsed.problem);
}

function readCount(value: string): number {
  if (/^[1-9][0-9]{0,6}$/.test(value)) return Number(value);
  throw new InvalidArgumentError('write a whole number of 1 or more');
}
