import { issueLeaf, issueRoot } from '../../../authority/issue.ts';
import type { Issuer } from '../../../authority/issue.ts';
import type { Environment } from '../../../model/environment.ts';
import { Failure } from '../../../model/failure.ts';
import { Secret } from '../../../model/secret.ts';
import { CheckAndSetConflict } from '../../../stores/backend.ts';
import type { SecretBackend } from '../../../stores/backend.ts';
import type { ClientCertificate } from '../../../stores/vault/transport.ts';

const caMilliseconds = 10 * 365 * 86_400_000;
const leafMilliseconds = 86_400_000;

export interface HomeAuthorityOptions {
  readonly fleet: string;
  readonly store: string;
  readonly environment: Environment;
}

/** Common name of Keywright's own client certificates: the role in the store takes no other. */
export function identityName(fleet: string): string {
  return `keywright ${fleet}`.slice(0, 64);
}

/**
 * The small authority whose certificates are Keywright's way into a store that it runs: kept in the fleet's home, made
 * at first use, used for nothing else.
 */
export async function homeAuthority(home: SecretBackend, options: HomeAuthorityOptions): Promise<Issuer> {
  const path = `keywright/${options.fleet}/stores/${options.store}/identity-ca`;
  const found = await home.read(path);
  if (found.state === 'present') {
    return issuerOf(found.seen.data, path);
  }
  if (found.state !== 'absent') {
    throw new Failure({
      code: 'store-unreadable',
      message: `the authority of Keywright's identity in store ${options.store} cannot be read: ${found.why}`,
      object: `store/${options.store}`,
      exitCode: 3,
    });
  }
  const subject = { commonName: `keywright identity ${options.store}`.slice(0, 64) };
  const made = await issueRoot({ subject, ttlMilliseconds: caMilliseconds, key: 'ecdsaP256' }, options.environment);
  const data = new Map([
    ['tls.crt', new Secret(made.certificatePem)],
    ['tls.key', made.privateKey],
  ]);
  try {
    await home.write({ path, data, expect: 'absent' });
    return made;
  } catch (error) {
    if (error instanceof CheckAndSetConflict) {
      return homeAuthority(home, options);
    }
    throw error;
  }
}

/** A fresh client certificate, for a run valid for a day; its key is written nowhere. */
export async function identityCertificate(
  issuer: Issuer,
  options: HomeAuthorityOptions,
  ttlMilliseconds = leafMilliseconds,
): Promise<ClientCertificate> {
  const subject = { commonName: identityName(options.fleet) };
  const { certificatePem, privateKey } = await issueLeaf(
    { issuer, subject, usage: 'client', ttlMilliseconds, key: 'ecdsaP256' },
    options.environment,
  );
  return { certificatePem, privateKey };
}

function issuerOf(data: ReadonlyMap<string, Secret>, path: string): Issuer {
  const certificate = data.get('tls.crt');
  const privateKey = data.get('tls.key');
  if (certificate === undefined || privateKey === undefined) {
    throw new Failure({
      code: 'store-entry-damaged',
      message: `${path} in the fleet's home has no tls.crt or no tls.key`,
      why: "it is the authority of Keywright's own identity in the store",
      remedy: 'Bring its previous version back.',
    });
  }
  return { certificatePem: certificate.expose(), privateKey };
}
