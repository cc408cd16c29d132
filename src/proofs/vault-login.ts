import { formatDuration } from '../model/duration.ts';
import { VaultStore } from '../stores/vault/backend.ts';
import type { VaultClient } from '../stores/vault/client.ts';
import { asNumber, asText, strings } from '../stores/vault/reply.ts';
import type { Measurement } from '../model/claim.ts';
import type { Value } from '../model/resource.ts';
import { broken, held, known, type Measurer, type ProofTools, unknown } from './measurer.ts';
import { brokenLogin, logInAs } from './vault-session.ts';
import type { StoreIdentitySpec } from './vault.spec.ts';

/** The delivered files log in, and the token has the consumer's policy, its time and nothing more. */
export const storeLoginMeasurer: Measurer<StoreIdentitySpec> = async (spec, tools) => {
  let session;
  try {
    session = await logInAs(spec, tools);
  } catch (error) {
    return brokenLogin(error);
  }
  const { client, source } = session;
  const { data } = await client.request({ method: 'GET', path: 'auth/token/lookup-self' });
  const faults = tokenFaults(spec, data);
  const by = `auth/${spec.mount}, ${source}`;
  const identity = strings(data['identity_policies']);
  if (identity.length > 0) {
    // Given to the identity behind the login, where nothing of the fleet lies.
    const mend = `bao write identity/entity/id/${asText(data['entity_id'])} policies=  (or take it out of its groups)`;
    return broken(`its entity gives it policies ${identity.join(', ')} besides; by ${by}`, mend);
  }
  return faults.length === 0
    ? held(`policies default, ${spec.policy}; ${formatDuration(spec.ttlSeconds * 1000)}; by ${by}`)
    : broken(`${faults.join('; ')}; by ${by}`, 'keywright apply');
};

function tokenFaults(spec: StoreIdentitySpec, token: Readonly<Record<string, unknown>>): string[] {
  const policies = strings(token['policies']).toSorted();
  const wanted = ['default', spec.policy].toSorted();
  const ttl = asNumber(token['creation_ttl']);
  const cidrs = strings(token['bound_cidrs']).toSorted().join(', ') || 'none';
  const wantedCidrs = (spec.boundCidrs ?? []).toSorted().join(', ') || 'none';
  const numbers = ['period', 'explicit_max_ttl', 'num_uses'].filter((field) => asNumber(token[field]) !== 0);
  return [
    ...(policies.join() === wanted.join()
      ? []
      : [`its token has policies ${policies.join(', ')}, not ${wanted.join(', ')}`]),
    ...(ttl === spec.ttlSeconds
      ? []
      : [`its token lives ${formatDuration(ttl * 1000)}, not ${formatDuration(spec.ttlSeconds * 1000)}`]),
    ...(cidrs === wantedCidrs ? [] : [`its token is bound to addresses ${cidrs}, not ${wantedCidrs}`]),
    ...numbers.map((field) => `its token has ${field} ${asNumber(token[field])}`),
    ...(asText(token['type']) === 'service' ? [] : [`its token is of type ${asText(token['type'])}`]),
  ];
}

/** The secret id that was delivered is the only one of the role: nobody made himself another login. */
export const storeSecretIdsMeasurer: Measurer<StoreIdentitySpec & { readonly accessor: Value<string> }> = async (
  spec,
  tools,
) => {
  const own = known(spec.accessor);
  const client = await keywrightsClient(spec.store, tools);
  if (client === undefined) {
    return unknown(`${spec.store} is no Vault`);
  }
  const role = `auth/${spec.mount}/role/${spec.role}`;
  const reply = await client.request({ method: 'LIST', path: `${role}/secret-id`, accept: [400, 404] });
  const all = strings(reply.data['keys']);
  const others = all.filter((accessor) => accessor !== own);
  return others.length === 0
    ? held(`${role} has ${all.length} secret id${all.length === 1 ? '' : 's'}; asked with Keywright's own login`)
    : brokenBy(others, role, client);
};

async function brokenBy(accessors: readonly string[], role: string, client: VaultClient): Promise<Measurement> {
  const described = await Promise.all(
    accessors.map(async (accessor) => {
      const body = { secret_id_accessor: accessor };
      const path = `${role}/secret-id-accessor/lookup`;
      const { data } = await client.request({ method: 'POST', path, body, repeat: 'safe', accept: [404] });
      return `${accessor}, made ${asText(data['creation_time']).slice(0, 10) || 'at an unknown time'}`;
    }),
  );
  return broken(`${role} has a secret id that was not delivered: ${described.join('; ')}`, 'keywright apply');
}

/** Keywright's own session with a Vault; undefined for another kind of store. */
export async function keywrightsClient(store: string, tools: ProofTools): Promise<VaultClient | undefined> {
  const backend = await tools.run.store(store);
  return backend instanceof VaultStore ? backend.client : undefined;
}
