import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { type Bytes, bytes } from '../model/brands.ts';
import { parseByteSize } from '../model/byte-size.ts';
import { OperatingError } from '../model/error.ts';
import { runCollect } from './commands/collect.ts';
import { runConfigShow } from './commands/config.ts';
import { runDoctor } from './commands/doctor.ts';
import { runHistory } from './commands/history.ts';
import { runImages, runWhy } from './commands/images.ts';
import { runPin, runUnpin } from './commands/pin.ts';
import { runPlan } from './commands/plan.ts';
import { EXPORTS, runExport, runImport } from './commands/transfer.ts';
import { EXIT, exitStatusOf, formatError } from './output/error-text.ts';
import { type Desk, openDesk } from './session.ts';
import { flagName, SETTING_KEYS, SETTING_PATHS } from './settings/setting-keys.ts';
import { VERSION } from './version.ts';
import type { World } from './world.ts';

const FOOTER = `
Every setting is also a flag (--rules-unused-for 14d) and a variable (IMAGEGC_RULES_UNUSED_FOR); docs/settings.md lists all.

Exit status: 0 done, 1 failed, 2 usage or settings, 3 kept back for safety (doubt, lock held, disabled), 4 target not reached.`;

/**
 * Runs one command line to its end.
 *
 * @param argv the words behind `imagegc`
 * @returns the exit status
 */
export async function runCli(argv: readonly string[], world: World): Promise<number> {
  let status: number = EXIT.done;
  const program = makeProgram(world, (code) => {
    status = code;
  });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return status;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    world.err.write(formatError(error));
    return error instanceof OperatingError ? exitStatusOf(error.kind) : EXIT.failed;
  }
}

/** Turns one command's words into a run. */
type Run = (desk: Desk, options: Readonly<Record<string, unknown>>, words: readonly unknown[]) => number | Promise<number>;

/** The whole command line, as commander knows it. @param finish told the exit status */
function makeProgram(world: World, finish: (status: number) => void): Command {
  const program = new Command('imagegc')
    .description('Remembers when each container image was last used, and removes only what nobody needs.')
    .version(VERSION)
    .addHelpText('after', FOOTER)
    .configureOutput({
      writeOut: world.out.write,
      writeErr: world.err.write,
      outputError: (message, write) =>
        write(
          `${message
            .replace(/^error: /, 'imagegc: ')
            .trimEnd()
            .replace('\n', ' ')}\n  hint: "imagegc help" lists what there is\n`,
        ),
    })
    .exitOverride();
  const define = (command: Command, run: Run): Command => {
    command
      .option('--json', 'print one JSON document (docs/json.md)')
      .option('--config <file>', 'settings file; default /etc/imagegc/config.toml');
    // Only the command that is called gets its forty flags: to make those of all takes longer than to plan.
    (command.parent ?? program).hook('preSubcommand', (_parent, called) => {
      if (called === command) withSettings(command);
    });
    return command.action(async (...given) => {
      const words = given.slice(0, -2);
      const options: Readonly<Record<string, unknown>> = command.opts();
      const desk = openDesk(world, { config: text(options['config']), json: options['json'] === true, flags: givenFlags(command) });
      finish(await run(desk, options, words));
    });
  };
  defineDeciding(program, define);
  defineKeeping(program, define);
  defineTransfer(program, define);
  return program;
}

type Define = (command: Command, run: Run) => Command;

function defineDeciding(program: Command, define: Define): void {
  const free = (): Option => new Option('--free <size>', 'free this much now, such as 5GB; the disk rule is not asked').argParser(readSize);
  const plan = program
    .command('plan')
    .description('what would be removed now, why, and what that frees; removes nothing')
    .addOption(free());
  plan.option('--inventory <file>', 'decide about an exported inventory instead of a live engine ("-" is standard input)');
  plan
    .option('--uses <file>', 'use records for it')
    .option('--at <time>', 'the moment to decide at (RFC 3339); default: when it was observed');
  define(plan, (desk, options) => {
    const files = { inventory: text(options['inventory']), uses: text(options['uses']), at: text(options['at']) };
    return runPlan(desk, { free: size(options['free']), ...files });
  });
  const collect = program.command('collect').description('the same plan, then does it').addOption(free()).option('-y, --yes', 'do not ask');
  define(collect, (desk, options) => runCollect(desk, { free: size(options['free']), yes: options['yes'] === true }));
  define(program.command('images').description('every image: last use, exclusive bytes, verdict, when it would go'), runImages);
  define(
    program.command('why').description('the full reasoning for one image').argument('<image>', 'name, digest or ID'),
    (desk, _options, [image]) => {
      return runWhy(desk, String(image));
    },
  );
}

function defineKeeping(program: Command, define: Define): void {
  const history = program.command('history').description('uses and removals, with digests to pull again');
  history.addOption(new Option('--limit <count>', 'newest entries of each kind').default(50).argParser(readCount));
  define(history, (desk, { limit }) => runHistory(desk, { limit: Number(limit) }));
  const pin = program.command('pin').description('keep what a pattern names; without one, list the pins').argument('[pattern]');
  pin
    .option('--reason <text>', 'why')
    .option('--until <end>', 'a day, a time or a duration such as 30d')
    .option('--owner <name>', 'who asks for it');
  define(pin, (desk, options, [pattern]) => {
    return runPin(desk, text(pattern), { owner: text(options['owner']), reason: text(options['reason']), until: text(options['until']) });
  });
  define(program.command('unpin').description('take a pin back').argument('<pattern>'), (desk, _options, [pattern]) =>
    runUnpin(desk, String(pattern)),
  );
}

function defineTransfer(program: Command, define: Define): void {
  const what = new Argument('<what>').choices(['image_use']);
  const import_ = program.command('import').description('take over the use records of IoT Edge').addArgument(what).argument('<file>');
  define(import_, (desk, _options, [, file]) => runImport(desk, String(file)));
  const exported = new Argument('<what>').choices(EXPORTS);
  const export_ = program
    .command('export')
    .description('write records, or what "plan --inventory" decides about')
    .addArgument(exported)
    .argument('[file]');
  define(export_, (desk, _options, [name, file]) => runExport(desk, EXPORTS.find((known) => known === name) ?? 'uses', text(file)));
  const config = program.command('config').description('the settings in force');
  const show = config.command('show').description('the settings in force').option('--origin', 'say where each value comes from');
  define(show, (desk, { origin }) => runConfigShow(desk, origin === true));
  const doctor = program.command('doctor').description('engine, permissions, clock, store, settings: what is wrong and what to do');
  define(doctor.option('--repair', 'give back names that an interrupted run took off'), (desk, { repair }) =>
    runDoctor(desk, { repair: repair === true }),
  );
}

/** Every key of the settings is a flag of every command; the help of one names them in a line instead of thirty. */
function withSettings(command: Command): void {
  for (const path of SETTING_PATHS) {
    command.addOption(new Option(`${flagName(path)} <value>`, SETTING_KEYS[path].about).hideHelp());
  }
}

function givenFlags(command: Command): ReadonlyMap<string, string> {
  const options: Readonly<Record<string, unknown>> = command.opts();
  const flags = new Map<string, string>();
  for (const path of SETTING_PATHS) {
    const value = options[new Option(`${flagName(path)} <value>`).attributeName()];
    if (typeof value === 'string') flags.set(path, value);
  }
  return flags;
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
