import { Argument, type Command } from 'commander';

/** A place in the tree of commands: the words that may follow it. */
interface Place {
  /** `countersign participant keys`. */
  readonly path: string;
  readonly commands: readonly Word[];
  readonly options: readonly Word[];
}

interface Word {
  readonly text: string;
  readonly meaning: string;
}

export function completionCommands(program: Command, whole: () => Promise<Command>): void {
  program
    .command('completion')
    .description(
      'Print a script that completes commands and options: `source <(countersign completion bash)`, the same for zsh, `countersign completion fish | source`.',
    )
    .addArgument(new Argument('<shell>', 'the shell').choices(Object.keys(scripts)))
    .action(async (shell: Shell) => {
      process.stdout.write(scripts[shell](placesOf(await whole(), '')));
    });
}

type Shell = 'bash' | 'zsh' | 'fish';

/** One script for each shell. In each, `at` is the place that the words so far lead to. */
const scripts: Readonly<Record<Shell, (places: readonly Place[]) => string>> = { bash, zsh, fish };

function placesOf(command: Command, before: string): readonly Place[] {
  const path = before === '' ? command.name() : `${before} ${command.name()}`;
  const commands = command.commands.map((one) => ({ text: one.name(), meaning: firstSentence(one.description()) }));
  const options = command.options.map(({ long, short, description }) => ({
    text: long ?? short ?? '',
    meaning: firstSentence(description),
  }));
  const help = { text: '--help', meaning: 'show help' };
  return [{ path, commands, options: [...options, help] }, ...command.commands.flatMap((one) => placesOf(one, path))];
}

function firstSentence(text: string): string {
  return text.split(/[.:;] |\.$/, 1)[0] ?? '';
}

const wordsOf = ({ commands, options }: Place) => [...commands, ...options].map(({ text }) => text).join(' ');
const pathsOf = (places: readonly Place[]) =>
  places
    .slice(1)
    .map(({ path }) => quoted(path))
    .join(' | ');

/** For all three shells. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", '’')}'`;
}

function cases(places: readonly Place[], then: (place: Place) => string): string {
  return places.map((place) => `    ${quoted(place.path)}) ${then(place)} ;;`).join('\n');
}

function bash(places: readonly Place[]): string {
  return `_countersign() {
  local at=countersign word words=
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$at $word" in
    ${pathsOf(places)}) at="$at $word" ;;
    esac
  done
  case "$at" in
${cases(places, (place) => `words=${quoted(wordsOf(place))}`)}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _countersign countersign
`;
}

function zsh(places: readonly Place[]): string {
  return `#compdef countersign
_countersign() {
  local at=countersign word
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$at $word" in
    ${pathsOf(places)}) at="$at $word" ;;
    esac
  done
  case "$at" in
${cases(places, (place) => `compadd -- ${wordsOf(place)}`)}
  esac
  _files
}
compdef _countersign countersign
`;
}

function fish(places: readonly Place[]): string {
  const line = (path: string, { text, meaning }: Word) => {
    const word = text.startsWith('--') ? `-l ${text.slice(2)}` : `-f -a ${quoted(text)}`;
    return `complete -c countersign -n ${quoted(`__countersign_at "${path}"`)} ${word} -d ${quoted(meaning)}`;
  };
  const lines = places.flatMap(({ path, commands, options }) =>
    [...commands, ...options].map((word) => line(path, word)),
  );
  return `function __countersign_at
  set -l at countersign
  for word in (commandline -opc)[2..]
    switch "$at $word"
      case ${places
        .slice(1)
        .map(({ path }) => quoted(path))
        .join(' ')}
        set at "$at $word"
    end
  end
  test "$at" = "$argv[1]"
end
${lines.join('\n')}
`;
}
