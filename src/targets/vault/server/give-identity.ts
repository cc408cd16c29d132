import type { Environment } from '../../../model/environment.ts';
import { Secret } from '../../../model/secret.ts';
import type { SecretBackend } from '../../../stores/backend.ts';
import type { VaultClientOptions } from '../../../stores/vault/client.ts';
import type { VaultServerSpec } from '../vault-server.spec.ts';
import { sealBreakGlass } from './break-glass.ts';
import { homeAuthority, identityCertificate } from './home-authority.ts';
import type { SealedShare } from './key-holders.ts';
import { createKeywrightIdentity } from './keywright-identity.ts';

export interface GivenIdentity {
  readonly fleet: string;
  readonly spec: Pick<VaultServerSpec, 'store' | 'mounts'>;
  /** The store of the fleet's home. */
  readonly home: SecretBackend;
  readonly client: Omit<VaultClientOptions, 'login'>;
  /** It is ended. */
  readonly rootToken: Secret;
  /** Whose holders can use the way back in. */
  readonly shares: readonly SealedShare[];
  readonly environment: Environment;
}

/**
 * Gives Keywright its identity in a store that the fleet runs, from what the fleet's home holds: at bootstrap, and again
 * when it was lost. Keeps a new way back in there, then ends the root token.
 */
export async function giveIdentity(given: GivenIdentity): Promise<void> {
  const { fleet, spec, home, client, rootToken, shares, environment } = given;
  const options = { fleet, store: spec.store, environment };
  const authority = await homeAuthority(home, options);
  const holders = [...new Set(shares.map(({ holder }) => holder))];
  const { kv, database, pki, transit } = spec.mounts;
  await createKeywrightIdentity({
    fleet,
    client,
    rootToken,
    authorityPem: authority.certificatePem,
    certificate: async () => identityCertificate(await homeAuthority(home, options), options),
    mounts: { kv: [kv], database: [database], pki: [pki], transit: [transit] },
    keepBreakGlass: async (credential) => {
      const armored = await sealBreakGlass(credential, holders);
      await home.write({
        path: breakGlassPath(fleet, spec.store),
        data: new Map([['armored', new Secret(armored)]]),
      });
    },
  });
}

/** Where the way back in lies in the fleet's home, readable by the holders of shares alone. */
export function breakGlassPath(fleet: string, store: string): string {
  return `keywright/${fleet}/stores/${store}/break-glass`;
}
