import { nameOf } from './bash.ts';
import type { Flag, KnownCommand, SettingFlag } from './command-line.ts';

const DATE = '2026-11-26';

const EXIT_STATUSES = [
  ['0', 'Done.'],
  ['1', 'Failed.'],
  ['2', 'Usage or settings are wrong.'],
  ['3', 'Kept back for safety: something in doubt, another collector at work, or collecting is turned off.'],
  ['4', 'The target was not reached.'],
] as const;

const FILES = [
  ['/etc/imagegc/config.toml', 'Settings, in TOML. None are needed.'],
  ['/etc/imagegc/conf.d/*.toml', 'Laid over it, in the order of names.'],
  ['/var/lib/imagegc', 'The store: what is remembered of images.'],
  ['$XDG_CONFIG_HOME/imagegc/config.toml, $XDG_STATE_HOME/imagegc', 'The same for an ordinary user.'],
] as const;

/** The man page, in the macros of man(7). */
export function manPage(version: string, commands: readonly KnownCommand[], settings: readonly SettingFlag[]): string {
  const common = new Set(['--json', '--config', '--help']);
  const shared = commands[0]?.flags.filter(({ long }) => common.has(long)) ?? [];
  const page = `.\\" Made by tools/shell-files from the program itself.
.TH IMAGEGC 1 ${DATE} "imagegc ${version}" "User Commands"
.SH NAME
imagegc \\- remember when container images were last used, and remove what nobody needs
.SH SYNOPSIS
.B imagegc
.I command
.RI [ options ]
.SH DESCRIPTION
.B imagegc
records when each container image on this host was last used, durably and on a clock that nobody can set, decides from that, and removes only
what nobody needs.
It never removes an image that a container uses, running or not, nor one that is protected or pinned, and never forces a removal.
When something cannot be known completely, it removes nothing and says why.
.SH COMMANDS
${commands.map((command) => formatCommand(command, common)).join('\n')}
.SH OPTIONS
Every command takes these, and every setting as a flag.
${shared.map(formatFlag).join('\n')}
.SH SETTINGS
Each key stands in a settings file under its table, and is a flag of every command and an environment variable as well.
A flag outranks a variable, which outranks the files, the profile, and the default.
${settings.map(formatSetting).join('\n')}
.SH EXIT STATUS
${EXIT_STATUSES.map(([status, about]) => `.TP\n.B ${status}\n${plainText(about)}`).join('\n')}
.SH FILES
${FILES.map(([path, about]) => `.TP\n.I ${plainText(path)}\n${plainText(about)}`).join('\n')}
.SH ENVIRONMENT
.TP
.B IMAGEGC_CONFIG
The settings file, as
.BR \\-\\-config .
.PP
Every setting has a variable of its own, which SETTINGS names.
.SH EXAMPLES
What would be removed now, and why:
.PP
.RS
.B imagegc plan
.RE
.PP
Free five gigabytes, what is least likely to be needed soon first:
.PP
.RS
.B imagegc collect \\-\\-free 5GB
.RE
.SH SEE ALSO
.BR docker\\-image\\-prune (1),
.BR systemd.service (5)
`;
  return page.split('\n').flatMap(wrap).join('\n');
}

/** Breaks a line of text, which roff fills anyway, so that the page can be read as it is. */
function wrap(line: string): readonly string[] {
  if (line.startsWith('.')) return [line];
  return (line.match(/.{1,76}(?: |$)/g) ?? [line]).map((part) => part.trimEnd()).map((part) => (/^[.']/.test(part) ? `\\&${part}` : part));
}

function formatCommand(command: KnownCommand, common: ReadonlySet<string>): string {
  const args = command.args.map(({ name, isRequired }) => (isRequired ? ` ${name}` : ` [${name}]`)).join('');
  const flags = command.flags.filter(({ long }) => !common.has(long));
  const inside = flags.length === 0 ? '' : `\n.RS\n${flags.map(formatFlag).join('\n')}\n.RE`;
  const choices = command.args.flatMap(({ name, values }) =>
    typeof values === 'object' ? [`\n${plainText(capital(name))} is ${plainText(values.words.join(', '))}.`] : [],
  );
  return `.TP\n.BI "imagegc ${plainText(nameOf(command))}" "${plainText(args)}"\n${plainText(sentence(command.about))}${choices.join('')}${inside}`;
}

function formatFlag({ long, short, about, shown }: Flag): string {
  const names = [short, long].flatMap((name) => (name === null ? [] : [name])).join(', ');
  return `.TP\n.BI "${plainText(names)}" "${shown === '' ? '' : ` ${plainText(shown.replaceAll(/[<>[\]]/g, ''))}`}"\n${plainText(sentence(about))}`;
}

function formatSetting({ path, about, title, initial, long, variable }: SettingFlag): string {
  const isDefault = initial === '' ? '' : ` Default: ${initial.replaceAll('`', '')}.`;
  const takes = plainText(`${capital(title)}.${isDefault}`);
  return `.TP\n.B ${path}\n${plainText(about.replaceAll('`', ''))}\n${takes}\n.br\n.BR ${plainText(long)} ", " ${variable}`;
}

function sentence(text: string): string {
  return /[.?!]$/.test(text) ? capital(text) : `${capital(text)}.`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** What roff would read as its own: backslashes, minus signs, quotes inside of arguments, and dots and apostrophes at the start of a line. */
function plainText(text: string): string {
  const safe = text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('"', '\\(dq')
    .replaceAll('~', '\\(ti')
    .replaceAll('^', '\\(ha');
  return /^[.']/.test(safe) ? `\\&${safe}` : safe;
}
