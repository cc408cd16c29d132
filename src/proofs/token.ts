import { vaultClientOf } from '../stores/vault/client-of.ts';
import { VaultRefusal } from '../stores/vault/failures.ts';
import { strings } from '../stores/vault/reply.ts';
import { broken, held, keyOf, type Measurer } from './measurer.ts';
import type { TokenProbeSpec } from './proofs.spec.ts';

/**
 * The token itself is asked what it is and what it may do, and renews itself: it stands alone, lives as long as somebody
 * renews it, and may do what its program needs and nothing else.
 */
export const tokenLeastPrivilegeMeasurer: Measurer<TokenProbeSpec> = async (spec, tools) => {
  const { store, path } = spec.entry;
  const token = keyOf(await tools.entry(spec.entry), 'token', spec.entry);
  const client = vaultClientOf(await tools.run.store(store), store);
  const source = `${store}/${path}`;
  const self = await client
    .request({ method: 'GET', path: 'auth/token/lookup-self', token })
    .then(({ data }) => data)
    .catch((error: unknown) => {
      if (error instanceof VaultRefusal && error.status === 403) {
        return undefined;
      }
      throw error;
    });
  if (self === undefined) {
    return broken(`the token of ${source} is not accepted`, 'keywright apply');
  }
  const policies = strings(self['policies']).toSorted().join(', ');
  const wanted = [...new Set(['default', ...spec.policies])].toSorted().join(', ');
  if (policies !== wanted) {
    return broken(`the token of ${source} has the policies ${policies}, not ${wanted}`, 'keywright apply');
  }
  if (self['orphan'] !== true || self['type'] !== 'service') {
    return broken(`the token of ${source} is no service token of its own: it ends with another one`);
  }
  const renewal = await client.request({
    method: 'POST',
    path: 'auth/token/renew-self',
    body: {},
    token,
    repeat: 'safe',
  });
  if (renewal.auth?.renewable !== true || renewal.auth.leaseSeconds !== spec.periodSeconds) {
    return broken(
      `a renewal gave the token of ${source} ${renewal.auth?.leaseSeconds ?? 0} s, not ${spec.periodSeconds} s`,
    );
  }
  const asked = [...Object.keys(spec.rights), ...spec.refused];
  const found = await client.capabilities(asked, token);
  for (const place of asked) {
    const has = (found.get(place) ?? []).filter((word) => word !== 'deny').toSorted();
    const should = [...(spec.rights[place] ?? [])].toSorted();
    if (has.join() !== should.join()) {
      const [may, not] = [has, should].map((words) => words.join(', ') || 'nothing');
      return broken(`the token of ${source} may ${may} on ${place}, not ${not}`, 'keywright apply');
    }
  }
  return held(
    `the token of ${source} renewed itself for ${spec.periodSeconds} s, has ${wanted}, and is refused ${spec.refused.join(', ')}`,
  );
};
