import { nameOf, quote, secondsOf } from './bash.ts';
import type { Flag, KnownCommand, Values } from './command-line.ts';

/** The completion for zsh: a file named `_imagegc` in a folder of `$fpath`. */
export function zshCompletion(commands: readonly KnownCommand[], settings: readonly Flag[]): string {
  const firsts = commands.filter(({ words }, index) => commands.findIndex((each) => each.words[0] === words[0]) === index);
  return `#compdef imagegc
# zsh completion for imagegc. Made by tools/shell-files from the program itself.
local -a commands settings
local curcontext=$curcontext state line ret=1
commands=(
${firsts.map(({ words: [first, second], about }) => `  ${quote(`${first}:${second === null ? about : secondsOf(commands, first).join(', ')}`)}`).join('\n')}
  'help:display help for command'
)
settings=(
${settings.map((flag) => `  ${formatFlag(flag)}`).join('\n')}
)
_arguments -C '(- *)--version[output the version number]' '(- *)--help[display help]' '1:command:->command' '*::argument:->argument' && ret=0
case $state in
  command) _describe -t commands command commands && ret=0;;
  argument)
    curcontext=\${curcontext%:*}-$line[1]:
    case $line[1] in
${commands.map((command) => formatCommand(command)).join('\n')}
      help) _describe -t commands command commands && ret=0;;
    esac;;
esac
return ret
`;
}

function formatCommand(command: KnownCommand): string {
  const { words, flags, args } = command;
  const places = args.map(({ name, isRequired, values }, index) =>
    quote(`${index + 1}${isRequired ? '' : ':'}:${name}${actionOf(values)}`),
  );
  const second = words[1] === null ? [] : [quote(`1:${nameOf(command)}:(${words[1]})`)];
  return `      ${words[0]}) _arguments ${[...second, ...places, ...flags.map(formatFlag)].join(' ')} $settings && ret=0;;`;
}

function formatFlag({ long, about, values }: Flag): string {
  return quote(`${long}${values === null ? '' : '='}[${escapeLabel(about)}]${values === null ? '' : `:value${actionOf(values)}`}`);
}

function actionOf(values: Values): string {
  if (values === 'file') return ':_files';
  return values === 'any' ? ': ' : `:(${values.words.join(' ')})`;
}

/** In what describes a flag, brackets end it and colons part it. */
function escapeLabel(text: string): string {
  return text.replaceAll(/[[\]:\\]/g, String.raw`\$&`);
}
