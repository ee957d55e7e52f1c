import { quote, secondsOf } from './bash.ts';
import type { Flag, KnownCommand, Values } from './command-line.ts';

/** The completion for fish. */
export function fishCompletion(commands: readonly KnownCommand[], settings: readonly Flag[]): string {
  const lines = commands.flatMap(({ words: [first, second], about, args, flags }) => {
    const seen = `-n ${quote(`__fish_seen_subcommand_from ${first}`)}`;
    const seconds = secondsOf(commands, first).join(' ');
    const subcommand =
      second === null
        ? []
        : [
            `complete -c imagegc -n ${quote(`__fish_seen_subcommand_from ${first}; and not __fish_seen_subcommand_from ${seconds}`)} -a ${second} -d ${quote(about)}`,
          ];
    const choices = args.flatMap(({ values }) => (typeof values === 'object' ? values.words : []));
    const isChosen = `__fish_seen_subcommand_from ${choices.join(' ')}`;
    const places = args.flatMap(({ values }) => {
      if (values === 'any') return [];
      const place = choices.length === 0 ? '' : values === 'file' ? `; and ${isChosen}` : `; and not ${isChosen}`;
      return [`complete -c imagegc -n ${quote(`__fish_seen_subcommand_from ${first}${place}`)} ${valuesOf(values)}`];
    });
    return [
      `complete -c imagegc -n __fish_use_subcommand -a ${first} -d ${quote(second === null ? about : seconds)}`,
      ...subcommand,
      ...places,
      ...flags.map((flag) => `complete -c imagegc ${seen} ${formatFlag(flag)}`),
    ];
  });
  return `# fish completion for imagegc. Made by tools/shell-files from the program itself.
complete -c imagegc -f
complete -c imagegc -n __fish_use_subcommand -l version -d 'output the version number'
complete -c imagegc -n __fish_use_subcommand -l help -d 'display help'
complete -c imagegc -n __fish_use_subcommand -a help -d 'display help for command'
${lines.join('\n')}
${settings.map((flag) => `complete -c imagegc -n 'not __fish_use_subcommand' ${formatFlag(flag)}`).join('\n')}
`;
}

function formatFlag({ long, short, about, values }: Flag): string {
  const names = `${short === null ? '' : `-s ${short.slice(1)} `}-l ${long.slice(2)}`;
  const taken = values === null ? [] : [values === 'file' ? '-r' : '-x', valuesOf(values)];
  return [names, ...taken, `-d ${quote(about)}`].filter((part) => part !== '').join(' ');
}

/** `-F`: files, although none are given otherwise. */
function valuesOf(values: Values): string {
  if (values === 'file') return '-F';
  return values === 'any' ? '' : `-a ${quote(values.words.join(' '))}`;
}
