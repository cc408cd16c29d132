import type { RunContext } from '../engine/interfaces.ts';
import { Failure } from '../model/failure.ts';
import { patternMatches } from '../model/path-pattern.ts';
import { VaultRefusal } from '../stores/vault/failures.ts';
import { inParallel } from '../stores/vault/parallel.ts';
import { readMark } from '../targets/process/mark.ts';
import { readPolicies } from '../targets/vault/policy-observe.ts';
import { leadingComment } from '../targets/vault/policy-text.ts';
import { broken, held, type Measurer, type ProofTools } from './measurer.ts';
import { entriesOf } from './vault-entries.ts';
import { keywrightsClient } from './vault-login.ts';
import { logInAs } from './vault-session.ts';
import type { RulePoliciesSpec } from './vault.spec.ts';
import { exampleOf } from './vault-writes.ts';

/** Entries that the server is asked about; the evaluator takes all of them. */
const mostAsked = 140;

/** A fleet may have hundreds of consumers, and a measurement half a minute. */
const loginsAtOnce = 8;

/** What can be done to an entry: its value, its history, its making undone. */
const doors = ['data', 'metadata', 'subkeys', 'delete', 'undelete', 'destroy'];

type Identity = RulePoliciesSpec['identities'][number];

/**
 * Who must not reach the object of a Rule has no right on it: by the server's own word for a token of that consumer, and by
 * our evaluator for the policy that the fleet derives. Where the two differ, one of them is not to be trusted.
 */
export const rulePoliciesMeasurer: Measurer<RulePoliciesSpec> = async (spec, tools) => {
  const entries = await entriesUnder(spec, tools.run);
  const all = pathsOf(spec, entries);
  const asked = pathsOf(spec, entries.slice(0, mostAsked));
  const faults: string[] = [];
  await inParallel(spec.identities, loginsAtOnce, async (identity) => {
    const offline = tools.policies.capabilities({ name: identity.policy, rules: identity.rules }, all);
    const { client } = await logInAs(identity, tools);
    const live = await client.capabilities(asked);
    faults.push(...faultsOf(identity, offline, live));
  });
  const strangers = await strangersReaching(spec, asked, tools);
  const forbidden = spec.identities.filter(({ isAllowed }) => !isAllowed).map(({ consumer }) => consumer);
  const who = forbidden.length === 0 ? 'nobody that it forbids logs in here' : `${forbidden.join(', ')} may do nothing`;
  const scope = `${entries.length} entries by the fleet's policies, ${asked.length} paths by the server's word`;
  return faults.length === 0
    ? held(`${who}: ${scope}${strangers.words}`)
    : broken(`${shortened(faults.toSorted())}${strangers.words}`, 'keywright apply');
};

/** Live entries of the rule's pattern, and one that could be made there. */
async function entriesUnder({ pattern, store }: RulePoliciesSpec, run: RunContext): Promise<string[]> {
  if (pattern === undefined) {
    return [];
  }
  const there = (await entriesOf(run, store)).filter((path) => patternMatches(pattern, path));
  return [...new Set([exampleOf(pattern), ...there])];
}

function pathsOf({ kv, paths }: RulePoliciesSpec, entries: readonly string[]): string[] {
  return [...paths, ...entries.flatMap((path) => doors.map((door) => `${kv}/${door}/${path}`))];
}

function faultsOf(
  { consumer, policy, isAllowed }: Identity,
  offline: ReadonlyMap<string, readonly string[]>,
  live: ReadonlyMap<string, readonly string[]>,
): string[] {
  const faults: string[] = [];
  for (const [path, byFleet] of offline) {
    const byServer = live.get(path);
    const fleetSays = byFleet.join(', ');
    const serverSays = byServer?.toSorted().join(', ');
    if (!isAllowed && fleetSays !== 'deny') {
      faults.push(`policy ${policy} of the fleet gives ${consumer} ${fleetSays} on ${path}`);
    }
    if (!isAllowed && serverSays !== undefined && serverSays !== 'deny') {
      faults.push(`the server gives ${consumer} ${serverSays} on ${path}`);
    } else if (serverSays !== undefined && serverSays !== fleetSays) {
      faults.push(`on ${path} the server gives ${consumer} ${serverSays}, and the fleet's policy ${fleetSays}`);
    }
  }
  return faults;
}

/** Policies that this fleet did not make and that reach the object: whoever is given one of them is not told of here. */
async function strangersReaching(
  { store }: RulePoliciesSpec,
  paths: readonly string[],
  tools: ProofTools,
): Promise<{ readonly words: string }> {
  const client = await keywrightsClient(store, tools);
  if (client === undefined) {
    return { words: '' };
  }
  try {
    const names = await client.list('sys/policies/acl');
    const own = new Set(['root', ...client.policies.filter((name) => name !== 'default')]);
    const found: string[] = [];
    for (const [name, { text }] of await readPolicies(client, names)) {
      if (
        !own.has(name) &&
        readMark(leadingComment(text))?.fleet !== tools.run.fleet &&
        reaches(name, text, paths, tools)
      ) {
        found.push(name);
      }
    }
    return {
      words:
        found.length === 0 ? '' : `; policies of nobody in the fleet reach it, too: ${found.toSorted().join(', ')}`,
    };
  } catch (error) {
    if (error instanceof VaultRefusal && error.status === 403) {
      return { words: '; other policies of the server could not be looked at' };
    }
    throw error;
  }
}

/** A policy that cannot be read by us is taken to reach it: better told once too often. */
function reaches(name: string, text: string, paths: readonly string[], { policies }: ProofTools): boolean {
  try {
    return [...policies.capabilities({ name, text }, paths).values()].some((can) =>
      can.some((word) => word !== 'deny'),
    );
  } catch (error) {
    if (error instanceof Failure) {
      return true;
    }
    throw error;
  }
}

function shortened(faults: readonly string[]): string {
  return faults.slice(0, 4).join('; ') + (faults.length > 4 ? `; and ${faults.length - 4} more` : '');
}
