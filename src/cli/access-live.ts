import { LivePolicies } from '../access/live.ts';
import type { LiveDifference, LiveGrant } from '../access/live.ts';
import { apiPathsOf, vaultLoginsOf } from '../access/vault-logins.ts';
import { Failure } from '../model/failure.ts';
import { VaultStore } from '../stores/vault/backend.ts';
import { readLiveAccess } from '../targets/vault/live-access.ts';
import type { LiveRoles } from '../targets/vault/live-access.ts';
import { block, placeText, requireIdentity } from './access-text.ts';
import { exitCode } from './exit-codes.ts';
import type { Invocation } from './invocation.ts';
import { openRun } from './open-run.ts';
import type { OpenRun } from './open-run.ts';
import { parseStorePath } from './store-path.ts';
import type { Terminal } from './terminal.ts';

interface Question {
  readonly question: 'who' | 'what';
  readonly subject: string;
  /** `--fleet`. */
  readonly fleet: string | undefined;
}

/** `access … --live`: what a Vault says itself, and where it differs from the fleet. 1 when it does. */
export async function runLive(
  invocation: Invocation,
  terminal: Terminal,
  { question, subject, fleet: path }: Question,
): Promise<number> {
  const open = await openRun(invocation, terminal, { path });
  try {
    await open.run.openHome({ create: false });
    return question === 'who' ? await who(open, subject, terminal) : await what(open, subject, terminal);
  } finally {
    await open.run.close();
  }
}

async function who({ fleet, compiled, run }: OpenRun, subject: string, terminal: Terminal): Promise<number> {
  const { store, path } = parseStorePath(subject, fleet);
  const live = await askStore(run, store);
  const policies = new LivePolicies(live);
  const paths = apiPathsOf(compiled, store, path);
  const logins = vaultLoginsOf(compiled).filter((login) => login.store === store);
  const found = { grants: policies.who(paths), differences: policies.differencesOn(logins, paths) };
  const unasked = [...live.unasked, ...policies.unreadable];
  terminal.result(
    { entry: `${store}/${path}`, ...found, unasked },
    found.grants.map(grantText).join('') + endText(found.differences, unasked),
  );
  return found.differences.length === 0 ? exitCode.done : exitCode.failed;
}

async function what({ compiled, run }: OpenRun, subject: string, terminal: Terminal): Promise<number> {
  const identity = requireIdentity(compiled, subject);
  const logins = vaultLoginsOf(compiled).filter(({ consumer }) => consumer === identity);
  if (logins.length === 0) {
    throw new Failure({
      code: 'no-live-access',
      message: `${identity} asks no Vault by itself, so there is no server to ask about it`,
      object: identity,
      remedy: `keywright access what ${identity}`,
    });
  }
  const differences: LiveDifference[] = [];
  const unasked: string[] = [];
  for (const login of logins) {
    const live = await askStore(run, login.store);
    const policies = new LivePolicies(live);
    differences.push(...policies.differencesOf(login));
    unasked.push(...live.unasked, ...policies.unreadable);
  }
  const same = logins.map(({ store, mount, role }) => `${store}: auth/${mount}, role ${role}\n`).join('');
  terminal.result({ identity, differences, unasked }, same + endText(differences, unasked));
  return differences.length === 0 ? exitCode.done : exitCode.failed;
}

async function askStore(run: OpenRun['run'], store: string): Promise<LiveRoles> {
  const backend = await run.store(store);
  if (!(backend instanceof VaultStore)) {
    throw new Failure({
      code: 'no-live-access',
      message: `store ${store} is no Vault: nobody but Keywright can ask it`,
      object: `store/${store}`,
      remedy: 'leave out --live',
    });
  }
  return readLiveAccess(backend.client);
}

function grantText({ role, rights, places }: LiveGrant): string {
  return block(`${rights.join(', ')}  ${role ?? 'whoever is given it (tokens, people)'}`, places.map(placeText));
}

function endText(differences: readonly LiveDifference[], unasked: readonly string[]): string {
  const words = (rights: readonly string[]): string => (rights.length === 0 ? 'nothing' : rights.join(', '));
  const text = differences.map(({ role, path, fleet, server }) =>
    block(`differs  ${role}`, [`${path}: the fleet gives ${words(fleet)}, the server ${words(server)}`]),
  );
  const none = differences.length === 0 ? 'the server gives what the fleet says\n' : '';
  return `${text.join('')}${none}${unasked.map((each) => `not looked at: ${each}\n`).join('')}`;
}
