import type { FleetDocument } from '../../fleet/model.ts';
import { at } from '../../fleet/pointer.ts';
import { finding } from '../../fleet/rule.ts';
import { defineRule } from '../rule.ts';

export const plainHttp = defineRule({
  id: 'KW030',
  name: 'plain-http',
  allowable: true,
  what: 'A store, an API server or an issuer is addressed by plain http.',
  why: 'Tokens and secrets would cross the network in clear, and nobody would notice another server in between.',
  example: 'kind: Store\nspec: { vault: { addresses: ["http://vault.example.com:8200"] } }',
  remedy: 'Write https://, with `ca` where its certificate is not signed by a public authority.',
  *check({ fleet }, rule) {
    for (const document of [...fleet.sites.values(), ...fleet.stores.values(), ...fleet.postgres.values()]) {
      for (const [keys, url] of urlsOf(document)) {
        if (url?.startsWith('http:') === true) {
          yield finding(rule, {
            message: `${document.document} is addressed by plain http: ${url}`,
            source: at(document.source, 'spec', ...keys),
            object: document.document,
          });
        }
      }
    }
  },
});

type Url = readonly [readonly (string | number)[], string | undefined];

function urlsOf(document: FleetDocument): Url[] {
  const { kubernetes } = document.spec as FleetDocument<'Site'>['spec'];
  const { vault } = document.spec as FleetDocument<'Store'>['spec'];
  const { patroni } = document.spec as FleetDocument<'Postgres'>['spec'];
  return [
    [['kubernetes', 'apiServer'], kubernetes?.apiServer],
    [['kubernetes', 'issuer'], kubernetes?.issuer],
    ...(vault?.addresses ?? []).map((url, index): Url => [['vault', 'addresses', index], url]),
    [['vault', 'people', 'oidc', 'issuer'], vault?.people?.oidc.issuer],
    [['vault', 'server', 'unseal', 'transit', 'address'], vault?.server?.unseal?.transit?.address],
    ...(patroni?.etcd ?? []).map((url, index): Url => [['patroni', 'etcd', index], url]),
  ];
}
