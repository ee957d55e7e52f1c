import { Argument, type Command, InvalidArgumentError, Option } from 'commander';
import type { Bytes } from '../model/brands.ts';
import { parseByteSize } from '../model/byte-size.ts';
import type { Desk } from './session.ts';
import { FOREIGN_TOOLS } from './settings/foreign-tools.ts';

/** One command as the command line knows it. */
export interface ListedCommand {
  readonly about: string;
  /** On several engines it is run on each; absent: it is not. */
  readonly isOfEngine?: (given: Pick<Command, 'opts'>) => boolean;
  /** Adds its own words and options. */
  readonly add?: (command: Command) => Command;
  /** Runs it, with what commander has read and checked. @returns the exit status */
  readonly run: (desk: Desk, given: Pick<Command, 'args' | 'opts'>) => number | Promise<number>;
}

/**
 * Every command by its name, in the order of the help: the one place that lists them. A run loads the command's own code when it is called,
 * and must be the only one that imports it, so that no command pays for another.
 */
export const COMMANDS: Readonly<Record<string, ListedCommand>> = {
  plan: {
    about: 'what would be removed now, why, and what that frees; removes nothing',
    add: (command) =>
      command
        .addOption(freeOption())
        .option('--inventory <file>', 'decide about an exported inventory instead of a live engine ("-" is standard input)')
        .option('--uses <file>', 'use records for it')
        .option('--at <time>', 'the moment to decide at (RFC 3339); default: when it was observed')
        .option('--scheduled', "as the daemon's scheduled runs do it, which hold back after boot and before mass expiry"),
    isOfEngine: (given) => given.opts()['inventory'] === undefined,
    run: async (desk, given) => (await import('./commands/plan.ts')).runPlan(desk, given.opts()),
  },
  collect: {
    about: 'the same plan, then does it',
    add: (command) => command.addOption(freeOption()).option('-y, --yes', 'do not ask'),
    isOfEngine: always,
    run: async (desk, given) => (await import('./commands/collect.ts')).runCollect(desk, given.opts()),
  },
  daemon: {
    about: 'watches use, and collects on schedule, until it is told to stop',
    run: async (desk) => (await import('./commands/daemon.ts')).runDaemon(desk),
  },
  dashboard: {
    about: "the daemon's page: its address, and the token for what it may change",
    run: async (desk) => (await import('./commands/dashboard.ts')).runDashboard(desk),
  },
  images: {
    about: 'every image: last use, exclusive bytes, verdict, when it would go',
    isOfEngine: always,
    run: async (desk) => (await import('./commands/images.ts')).runImages(desk),
  },
  why: {
    about: 'the full reasoning for one image',
    add: (command) => command.argument('<image>', 'name, digest or ID'),
    isOfEngine: always,
    run: async (desk, { args: [image = ''] }) => (await import('./commands/images.ts')).runWhy(desk, image),
  },
  history: {
    about: 'uses and removals, with digests to pull again',
    add: (command) => command.addOption(new Option('--limit <count>', 'newest entries of each kind').default(50).argParser(readCount)),
    isOfEngine: always,
    run: async (desk, given) => (await import('./commands/history.ts')).runHistory(desk, given.opts()),
  },
  pin: {
    about: 'keep what a pattern names; without one, list the pins',
    add: (command) =>
      command
        .argument('[pattern]')
        .option('--reason <text>', 'why')
        .option('--until <end>', 'a day, a time or a duration such as 30d')
        .option('--owner <name>', 'who asks for it'),
    run: async (desk, given) => (await import('./commands/pin.ts')).runPin(desk, given.args[0], given.opts()),
  },
  unpin: {
    about: 'take a pin back',
    add: (command) => command.argument('<pattern>'),
    run: async (desk, { args: [pattern = ''] }) => (await import('./commands/pin.ts')).runUnpin(desk, pattern),
  },
  simulate: {
    about: "replay a trace, or this host's own history, under other rules",
    add: (command) =>
      command
        .option('--images <file>', 'images of a trace, as lines of JSON, gzip or plain')
        .option('--uses <file>', 'its uses')
        .option('--capacity <list>', 'sizes of the disk, such as 10GB,0.5W; W is the live set of the trace')
        .option('--policy <list>', 'policies, such as next-use,lru; default: all')
        .option('--host', "this host's own history, under the settings in force")
        .option('--chart <file>', 'draw re-pulled bytes over the size of the disk, as SVG')
        .addOption(new Option('--seed <number>', 'of what is left to chance').default(1).argParser(readCount)),
    run: async (desk, given) => (await import('./commands/simulate.ts')).runSimulate(desk, given.opts()),
  },
  import: {
    about: 'take over use records of IoT Edge, or settings (and records) of IoT Edge, the kubelet, docuum or docker-gc',
    add: (command) =>
      command
        .addArgument(new Argument('<what>').choices(['image_use', ...FOREIGN_TOOLS]))
        .argument('<file>')
        .argument('[words...]', 'behind --: flags that docuum, or variables that docker-gc was started with'),
    run: async (desk, { args: [what, file = '', ...words] }) => {
      const { runImport, runImportSettings } = await import('./commands/transfer.ts');
      const tool = FOREIGN_TOOLS.find((known) => known === what);
      if (tool === undefined) return runImport(desk, file);
      return runImportSettings(desk, tool, file, words);
    },
  },
  export: {
    about: 'write records, or what "plan --inventory" decides about',
    add: (command) => command.addArgument(new Argument('<what>').choices(['image_use', 'inventory', 'uses'])).argument('[file]'),
    run: async (desk, { args: [what, file] }) => (await import('./commands/transfer.ts')).runExport(desk, what, file),
  },
  'config show': {
    about: 'the settings in force',
    add: (command) => command.option('--origin', 'say where each value comes from'),
    run: async (desk, given) => (await import('./commands/config.ts')).runConfigShow(desk, given.opts()),
  },
  init: {
    about: 'write a commented settings file after a look at this host; one that sets something is never overwritten',
    add: (command) => command.argument('[file]', '"-" prints it; default: the settings file of this user'),
    run: async (desk, { args: [file] }) => (await import('./commands/init.ts')).runInit(desk, file),
  },
  doctor: {
    about: 'engine, permissions, clock, store, settings: what is wrong and what to do',
    add: (command) => command.option('--repair', 'give back names that an interrupted run took off'),
    run: async (desk, given) => (await import('./commands/doctor.ts')).runDoctor(desk, given.opts()),
  },
};

function always(): boolean {
  return true;
}

function freeOption(): Option {
  return new Option('--free <size>', 'free this much now, such as 5GB; the disk rule is not asked').argParser(readSize);
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
