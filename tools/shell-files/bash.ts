import type { Flag, KnownCommand, Values } from './command-line.ts';

/** The completion for bash, which needs nothing beside bash itself. */
export function bashCompletion(commands: readonly KnownCommand[], settings: readonly Flag[]): string {
  const names = [...new Set(commands.map(({ words: [first] }) => first)), 'help'];
  return `# bash completion for imagegc. Made by tools/shell-files from the program itself.
_imagegc_flags() {
  case $1 in
${commands.map((command) => `    ${quote(nameOf(command))}) echo ${quote(command.flags.map(({ long }) => long).join(' '))};;`).join('\n')}
  esac
}
_imagegc_settings=${quote(settings.map(({ long }) => long).join(' '))}
# What may stand behind a flag: words, or @file, or @any; nothing where it takes no value.
_imagegc_values() {
  case $1:$2 in
${commands.flatMap((command) => command.flags.flatMap((flag) => formatValues(`${nameOf(command)}:${flag.long}`, flag.values))).join('\n')}
${settings.flatMap(({ long, values }) => formatValues(`*:${long}`, values, '*:')).join('\n')}
  esac
}
# What may stand in a place behind the command.
_imagegc_arguments() {
  case $1:$2 in
${commands.flatMap((command) => command.args.flatMap(({ values }, index) => formatValues(`${nameOf(command)}:${index}`, values))).join('\n')}
  esac
}
_imagegc_reply() {
  case $1 in
    @file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$2");;
    @any) COMPREPLY=();;
    *) mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2");;
  esac
}
_imagegc() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} command= place=-1 word index values
  COMPREPLY=()
  # --flag=value is three words to bash
  if [[ $current == = ]]; then current=
  elif [[ $previous == = ]]; then previous=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((index = 1; index < COMP_CWORD; index++)); do
    word=\${COMP_WORDS[index]}
    case $word in
      =) ((index++));;
      -*) [[ -n $command && \${COMP_WORDS[index+1]} != = && -n $(_imagegc_values "$command" "$word") ]] && ((index++));;
      *) if [[ -z $command ]]; then command=$word; elif [[ $command == config ]]; then command+=" $word"; else ((place++)); fi;;
    esac
  done
  ((place++))
  values=$(_imagegc_values "$command" "$previous")
  if [[ $previous == -* && -n $values ]]; then _imagegc_reply "$values" "$current"
  elif [[ -z $command && $current == -* ]]; then _imagegc_reply '--version --help' "$current"
  elif [[ -z $command || $command == help ]]; then _imagegc_reply ${quote(names.join(' '))} "$current"
  elif [[ $current == -* ]]; then _imagegc_reply "$(_imagegc_flags "$command") $_imagegc_settings" "$current"
  elif [[ $command == config ]]; then _imagegc_reply ${quote(secondsOf(commands, 'config').join(' '))} "$current"
  else _imagegc_reply "$(_imagegc_arguments "$command" "$place")" "$current"
  fi
}
complete -F _imagegc imagegc
`;
}

/** The name of a command, all its words. */
export function nameOf({ words: [first, second] }: KnownCommand): string {
  return second === null ? first : `${first} ${second}`;
}

/** The second words of commands that have one. */
export function secondsOf(commands: readonly KnownCommand[], first: string): readonly string[] {
  return commands.flatMap(({ words }) => (words[0] === first && words[1] !== null ? [words[1]] : []));
}

/** Quotes a text for the shells. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

function formatValues(key: string, values: Values | null, open = ''): readonly string[] {
  if (values === null) return [];
  const pattern = open === '' ? quote(key) : `${open}${quote(key.slice(open.length))}`;
  return [`    ${pattern}) echo ${quote(typeof values === 'string' ? `@${values}` : values.words.join(' '))};;`];
}
