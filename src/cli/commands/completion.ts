import { parse, requireOutput, wrongUsage } from '../invocation.ts';
import type { Invocation } from '../invocation.ts';
import { commandNames } from '../command-names.ts';

const options = '--fleet --output --debug --help';

/** Subcommands and options of the commands that have some of their own. */
const own: Readonly<Record<string, string>> = {
  check: '--fail-on',
  plan: '--out',
  apply: '--plan --partial --allow-removals --verbose',
  up: '--once',
  down: '--purge --yes',
  exec: '--consumer',
  secret: 'get put list --show --to-pipe --key --from-file',
  access: 'who what',
  delete: '--yes-delete-data',
  unlock: '--yes',
  target: 'accept --yes',
  store: 'backup-key --recipient --out',
  completion: 'bash zsh fish',
};

/** Prints a script that completes commands and options in a shell. */
export async function run(invocation: Invocation): Promise<number> {
  const { values, positionals, terminal } = parse(invocation, {}, ['SHELL (bash, zsh or fish)']);
  requireOutput(values.output);
  const shell = positionals[0] ?? '';
  const scripts: Readonly<Record<string, () => string>> = { bash, zsh, fish };
  const script = Object.hasOwn(scripts, shell) ? scripts[shell] : undefined;
  if (script === undefined) {
    throw wrongUsage(`there is no completion for ${shell}`, 'keywright completion bash, zsh or fish');
  }
  terminal.out(script());
  return 0;
}

function bash(): string {
  const cases = Object.entries(own).map(([command, words]) => `    ${command}) words="${words} ${options}" ;;\n`);
  return `# Completion of keywright for bash: source <(keywright completion bash)
_keywright() {
  local current=\${COMP_WORDS[COMP_CWORD]} words
  if [ "$COMP_CWORD" = 1 ]; then
    COMPREPLY=($(compgen -W "${commandNames.join(' ')} help --help --version" -- "$current"))
    return
  fi
  case \${COMP_WORDS[1]} in
${cases.join('')}    *) words="${options}" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current") $(compgen -f -- "$current"))
}
complete -o filenames -F _keywright keywright
`;
}

function zsh(): string {
  const cases = Object.entries(own).map(([command, words]) => `    ${command}) compadd -- ${words} ${options} ;;\n`);
  return `#compdef keywright
# Completion of keywright for zsh: source <(keywright completion zsh)
_keywright() {
  if (( CURRENT == 2 )); then
    compadd -- ${commandNames.join(' ')} help --help --version
    return
  fi
  case \${words[2]} in
${cases.join('')}    *) compadd -- ${options} ;;
  esac
  _files
}
compdef _keywright keywright
`;
}

function fish(): string {
  const commands = `complete -c keywright -n __fish_use_subcommand -f -a "${commandNames.join(' ')} help"\n`;
  const ofCommands = Object.entries(own).map(
    ([command, words]) => `complete -c keywright -n "__fish_seen_subcommand_from ${command}" -a "${words}"\n`,
  );
  return `# Completion of keywright for fish: keywright completion fish | source
${commands}${ofCommands.join('')}complete -c keywright -l output -x -a "text json"
complete -c keywright -l fleet -r
complete -c keywright -l debug
complete -c keywright -l help
`;
}
