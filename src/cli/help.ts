/**
 * The text of `--help`. Without imports, so that it costs no more than starting Node: entry.js serves it before
 * anything else of Keywright is loaded.
 */

interface CommandHelp {
  /** What follows `keywright` on the command line. */
  usage: string;
  /** One line for the list of commands. */
  summary: string;
  /** More than the summary says: what it reads, changes and exits with; already wrapped at 80 columns. */
  details?: string;
  /** Complete command lines with what each is for. */
  examples: readonly (readonly [command: string, purpose: string])[];
}

const commands: Readonly<Record<string, CommandHelp>> = {
  init: {
    usage: 'init [FOLDER]',
    summary: 'write a first fleet into a folder',
    details:
      'Writes fleet.yaml, with a comment at every document, and .gitignore. Nothing\n' +
      'that is there already is overwritten.',
    examples: [['keywright init my-fleet', 'a fleet with one site and one database']],
  },
  check: {
    usage: 'check [FLEET] [--fail-on warning]',
    summary: 'find what is wrong with a fleet, before anything is touched',
    details:
      'Reads files only. Exits 1 with errors; with --fail-on warning, with warnings\n' +
      'too. --output json is for programs, github for annotations of a pull request,\n' +
      'sarif for code scanning and editors.',
    examples: [
      ['keywright check', 'the fleet in this folder'],
      ['keywright check examples/two-sites --output json', 'the findings for a program'],
      ['keywright check --output sarif > check.sarif', 'the findings, and every rule, for code scanning'],
    ],
  },
  plan: {
    usage: 'plan [FLEET] [--out FILE]',
    summary: 'show what apply would change, and why',
    details:
      '+ create  ~ change  > take over  - remove  . keep and let go  ? may change,\n' +
      'known later  ! left to an operation  x refused. Changes nothing. Exits 2 when\n' +
      'changes are pending.',
    examples: [
      ['keywright plan', 'exits 2 when changes are pending'],
      ['keywright plan --out fleet.plan', 'keep the plan for `apply --plan`'],
    ],
  },
  apply: {
    usage: 'apply [FLEET] [--plan FILE] [--partial]\n         [--allow-removals N] [--verbose]',
    summary: 'make the fleet what it is declared to be, and prove what changed',
    details:
      'Removing asks on a terminal and needs --allow-removals N elsewhere; more than\n' +
      'half of a target always needs it. --partial applies what can be asked although\n' +
      'something else cannot. The first Ctrl+C finishes what is being written,\nthe second gives it up. What was proven is put into .keywright/evidence.json.',
    examples: [
      ['keywright apply', 'again after an interruption: it goes on where it stopped'],
      ['keywright apply --plan fleet.plan', 'exactly what was planned, or nothing'],
    ],
  },
  verify: {
    usage: 'verify [FLEET] [--claim ID]',
    summary: 'measure every claim about the fleet',
    details:
      "Changes nothing in the fleet. --claim takes the beginning of a claim's id. What\n" +
      'was proven is left in .keywright/evidence.json.',
    examples: [
      ['keywright verify', 'exits 1 when a claim is broken, 3 when one could not be asked'],
      ['keywright verify --output json', 'the evidence for a program'],
    ],
  },
  status: {
    usage: 'status [FLEET]',
    summary: 'what runs, what expires, and who keeps it',
    examples: [['keywright status', 'the fleet in this folder']],
  },
  up: {
    usage: 'up [FLEET] [--once] [--allow-removals N]',
    summary: 'check, apply and verify, then keep the fleet until Ctrl+C',
    details:
      'Keeping renews and replaces what is due, and starts a crashed server again;\n' +
      'other changes by hand are left to plan and apply. Ctrl+C stops the servers and\n' +
      'keeps the data. What was proven is left in .keywright/evidence.json.',
    examples: [
      ['keywright up examples/two-sites', 'bring it up and keep it'],
      ['keywright up examples/two-sites --once', 'prove everything, stop everything, exit'],
    ],
  },
  down: {
    usage: 'down [FLEET] [--purge [--yes]]',
    summary: 'stop every server of the fleet; with --purge delete its data too',
    details: 'Stops them whoever started them, and the `up` that keeps them. --purge asks\nbefore it deletes.',
    examples: [
      ['keywright down', 'stop the servers, keep the data'],
      ['keywright down --purge', 'delete servers, delivered files, store and key'],
    ],
  },
  exec: {
    usage: 'exec ACCESS [--consumer NAME] -- COMMAND',
    summary: 'run a command with the credentials of an access',
    details:
      'Sets PGSERVICEFILE and PGSERVICE to the delivered files, and nothing else.\n' +
      'Signals go to the command, and its exit code is the exit code.',
    examples: [['keywright exec orders-app -- psql', 'log in as the application does']],
  },
  sweep: {
    usage: 'sweep [FLEET]',
    summary: 'renew, replace and remove dynamic credentials that are due',
    details: 'For a timer, where no `up` keeps the fleet.',
    examples: [['keywright sweep', 'the fleet in this folder']],
  },
  secret: {
    usage: 'secret get|put|list STORE/PATH [--key KEY] [--show [--to-pipe]]',
    summary: 'read and write entries of a store; values only when asked for',
    details:
      'get shows a value only with --show, and into a pipe or file only with --to-pipe\n' +
      'as well. put reads the value from --from-file, standard input or a hidden\n' +
      'prompt, never from the command line; one newline at its end is dropped, but\n' +
      'not with --exact.',
    examples: [
      ['keywright secret list box/', 'the entries, without their values'],
      ['keywright secret get box/apps/dev/orders --key api-key --show', 'one value, on a terminal'],
      ['keywright secret put box/apps/stripe --key api-key', 'asks for the value'],
    ],
  },
  access: {
    usage: 'access who STORE/PATH | what IDENTITY [--live]',
    summary: 'who gets the values of an entry, and what an identity can reach',
    details:
      'Answered from the fleet alone: nothing is asked, nothing is opened. PATH may end\n' +
      'in a key; IDENTITY is a Consumer or a DatabaseAccess. Entries that are copied or\n' +
      'filled in from others are followed.\n' +
      '--live asks the Vault itself, and exits 1 where it differs from the fleet.',
    examples: [
      ['keywright access who box/apps/production/orders/api-key', 'with the chain that leads there'],
      ['keywright access what orders', 'everything that a consumer holds, and where it logs in'],
      ['keywright access who main/apps/production/orders --live', 'who reaches it by the policies of the server'],
    ],
  },
  delete: {
    usage: 'delete ID --yes-delete-data',
    summary: 'delete something that was kept when it left the fleet',
    details: 'status lists what was kept. Its data cannot be brought back.',
    examples: [['keywright delete postgres/orders-a/database/old --yes-delete-data', 'a database, with its data']],
  },
  unlock: {
    usage: 'unlock [FLEET] [--yes]',
    summary: 'show who holds the lock of a fleet, and remove it after asking',
    examples: [['keywright unlock', 'the fleet in this folder']],
  },
  target: {
    usage: 'target accept TARGET [--yes]',
    summary: 'accept that a target is another server than before',
    examples: [['keywright target accept postgres/orders-a', 'after a restore on a new server']],
  },
  revoke: {
    usage: 'revoke CERTIFICATE',
    summary: 'revoke a certificate; the next apply publishes that and replaces it',
    examples: [['keywright revoke authority/local/certificate/access/billing', 'by its id, as status shows it']],
  },
  unseal: {
    usage: 'unseal STORE [--identity FILE[,FILE]]',
    summary: 'unseal a store that the fleet runs, with shares of its key holders',
    details:
      'A holder on this machine gives the file of an age identity: the share that is\n' +
      'sealed to it is opened in memory. Otherwise shares are read from standard\n' +
      'input, one a line, or asked for. Holders in different places run it one after\n' +
      'the other.',
    examples: [
      ['keywright unseal main --identity ~/holder.txt', 'as one of the holders'],
      ['keywright unseal main', 'asks for shares in clear, hidden'],
    ],
  },
  store: {
    usage:
      'store backup-key [STORE] --recipient AGE-RECIPIENT [--out FILE]\n' +
      '       keywright store login STORE --out FOLDER\n' +
      '       keywright store shares STORE\n' +
      '       keywright store root-token STORE --identity FILE[,FILE] --show\n' +
      '       keywright store restore-identity STORE --identity FILE[,FILE]',
    summary: 'back up its key; log in by hand; show sealed shares; the way back in',
    details:
      'backup-key encrypts the key of a file store to a recipient, whose identity has\n' +
      'to be kept elsewhere: a lost key is a lost fleet. The others are for a store\n' +
      "that the fleet runs. login writes a certificate of Keywright's own identity for\n" +
      'an hour, for use with bao. shares prints the key shares, each readable by its\n' +
      'holder alone. restore-identity is for when that identity was lost or changed:\n' +
      'with the identities of enough holders it makes it as it was at the beginning.\n' +
      'root-token is the last resort: it shows a root token made in the same way (into\n' +
      'a pipe only with --to-pipe). Revoke it when done.',
    examples: [
      ['keywright store backup-key box --recipient age1… --out box.key.age', 'then keep the file elsewhere'],
      ['keywright store login main --out ~/main', 'prints what to export, and the login command'],
      ['keywright store shares main', 'for holders elsewhere: age -d -i IDENTITY'],
      ['keywright store restore-identity main --identity a.txt,b.txt', 'Keywright logs in again'],
      ['keywright store root-token main --identity a.txt,b.txt --show', 'on a terminal'],
    ],
  },
  schema: {
    usage: 'schema [KIND]',
    summary: 'print the JSON Schema of the fleet language',
    examples: [['keywright schema > keywright.schema.json', 'for an editor']],
  },
  explain: {
    usage: 'explain RULE',
    summary: 'what a rule asks for, why, and how to follow it',
    examples: [['keywright explain KW031', 'the rule that a finding names']],
  },
  completion: {
    usage: 'completion bash|zsh|fish',
    summary: 'print a script that completes commands in a shell',
    examples: [['source <(keywright completion bash)', 'in this shell']],
  },
};

const generalExamples = [
  ['keywright check examples/two-sites', 'find mistakes before anything is touched'],
  ['keywright up examples/two-sites', 'bring a fleet up on this machine'],
  ['keywright help apply', 'more about one command'],
] as const;

const exitCodes =
  'Exit codes: 0 done · 1 findings, broken claim, failed change · 2 changes pending\n' +
  '            3 could not ask · 64 wrong usage · 130, 143 interrupted\n';

function exampleLines(examples: CommandHelp['examples']): string {
  return examples.map(([command, purpose]) => `  ${command}\n      ${purpose}\n`).join('');
}

function generalHelp(): string {
  const list = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(10)}  ${summary}\n`);
  return (
    'Keywright keeps the secrets, keys and certificates of PostgreSQL fleets.\n\n' +
    'Usage: keywright COMMAND [FLEET] [OPTIONS]\n' +
    '       FLEET is a folder or file; the current folder if left out.\n\n' +
    `Commands:\n${list.join('')}\n` +
    'Options of every command: --fleet FLEET, --output json, --debug, --help;\n' +
    'and --version alone.\n\n' +
    `Examples:\n${exampleLines(generalExamples)}\n${exitCodes}`
  );
}

/**
 * The help of one command, or of Keywright as a whole.
 *
 * @param command - the command's name; without it, the general help
 * @returns the text with its last newline, at most 80 columns; empty if there is no such command
 */
export function helpText(command?: string): string {
  if (command === undefined) return generalHelp();
  const help = Object.hasOwn(commands, command) ? commands[command] : undefined;
  if (!help) return '';
  const details = help.details === undefined ? '' : `${help.details}\n\n`;
  const heading = `${help.summary[0]?.toUpperCase()}${help.summary.slice(1)}.`;
  return `${heading}\n\nUsage: keywright ${help.usage}\n\n${details}Examples:\n${exampleLines(help.examples)}\n${exitCodes}`;
}
