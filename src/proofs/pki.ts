import { readCertificate } from '../authority/certificate.ts';
import type { Certificate } from '../authority/certificate.ts';
import { requestCertificate } from '../authority/request.ts';
import type { Measurement } from '../model/claim.ts';
import { vaultClientOf } from '../stores/vault/client-of.ts';
import { VaultRefusal } from '../stores/vault/failures.ts';
import { PkiEngine } from '../targets/vault/pki-engine.ts';
import { pkiIssuerName } from '../targets/vault/pki-role.spec.ts';
import { broken, held, type Measurer, type ProofTools } from './measurer.ts';
import type { AuthorityProbeSpec, PkiProbeSpec } from './proofs.spec.ts';

/** A name that nobody has (RFC 6761, 6.4), so no fleet names it. */
const stranger = 'keywright-probe.invalid';

/** Each role is asked to sign a name that the fleet does not have, and has to refuse it. */
export const pkiNamesOnlyMeasurer: Measurer<PkiProbeSpec> = async ({ store, mount, roles, key }, tools) => {
  const engine = await engineOf(store, mount, tools);
  const { csrPem } = await requestCertificate(key);
  for (const role of roles) {
    const order = { role, csr: csrPem, commonName: stranger, names: [stranger], addresses: [], ttlSeconds: 60 };
    const answer = await engine.sign(order).catch((error: unknown) => {
      if (error instanceof VaultRefusal && error.says('not allowed by this role')) {
        return 'refused';
      }
      if (error instanceof VaultRefusal && error.says('unknown role')) {
        return 'absent';
      }
      throw error;
    });
    if (answer === 'absent') {
      return broken(`${mount} has no role ${role}`, 'keywright apply');
    }
    if (answer !== 'refused') {
      const { serial } = readCertificate(answer);
      tools.after(async () => {
        await engine.revoke(serial);
      });
      return broken(`${mount}/roles/${role} signed ${stranger}`, 'keywright apply');
    }
  }
  return held(`${stranger} was refused by ${roles.map((role) => `${mount}/roles/${role}`).join(', ')}`);
};

/** Why the engine does not have a CA as the entries say; undefined when it does. */
export async function engineFault(
  { store, engine }: AuthorityProbeSpec,
  cas: Readonly<Record<'root' | 'intermediate', Certificate>>,
  tools: ProofTools,
): Promise<Measurement | undefined> {
  if (engine === undefined) {
    return undefined;
  }
  const pki = await engineOf(store, engine.mount, tools);
  const issuers = await pki.issuers();
  for (const role of ['root', 'intermediate'] as const) {
    const name = pkiIssuerName(engine.authority, role);
    const issuer = issuers.find((each) => each.name === name);
    if (issuer === undefined || issuer.keyId === '') {
      return broken(`${engine.mount} has no ${issuer === undefined ? 'issuer' : 'key of'} ${name}`, 'keywright apply');
    }
    const { certificatePem } = await pki.issuer(issuer.id);
    if (readCertificate(certificatePem).fingerprint !== cas[role].fingerprint) {
      return broken(`${name} in ${engine.mount} is another certificate than in the entry of the ${role}`);
    }
  }
  return undefined;
}

async function engineOf(store: string, mount: string, tools: ProofTools): Promise<PkiEngine> {
  return new PkiEngine(vaultClientOf(await tools.run.store(store), store), mount);
}
