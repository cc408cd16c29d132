import type { FindingReason } from '../../src/authority/validate.ts';
import { issueCrl } from '../../src/authority/crl.ts';
import { readCertificate } from '../../src/authority/certificate.ts';
import { issueIntermediate, issueLeaf, issueRoot } from '../../src/authority/issue.ts';
import type { IssuedCertificate, Issuer, LeafRequest } from '../../src/authority/issue.ts';
import type { KeyAlgorithm } from '../../src/authority/keys.ts';
import { environmentAt } from './environment.ts';
import { expired, forge, serverLeaf } from './forged-certificates.ts';
import type { Forgery } from './forged-certificates.ts';

export const day = 86_400_000;

export interface TestHierarchy {
  readonly root: IssuedCertificate;
  readonly intermediate: IssuedCertificate;
}

/** Root and intermediate of our own making, valid at `now`. */
export async function hierarchy(
  commonName = 'infra',
  key: KeyAlgorithm = 'ecdsaP256',
  now: Date = new Date(),
): Promise<TestHierarchy> {
  const environment = environmentAt(now);
  const subject = { commonName };
  const root = await issueRoot({ subject, key, ttlMilliseconds: 3650 * day }, environment);
  const intermediate = await issueIntermediate({ issuer: root, subject, key, ttlMilliseconds: 365 * day }, environment);
  return { root, intermediate };
}

/** A leaf of our own making: a server called db.example unless told otherwise. */
export function leafOf(
  issuer: Issuer,
  request: Partial<LeafRequest> = {},
  now: Date = new Date(),
): Promise<IssuedCertificate> {
  return issueLeaf(
    { issuer, hosts: ['db.example'], usage: 'server', ttlMilliseconds: 30 * day, key: 'ecdsaP256', ...request },
    environmentAt(now),
  );
}

/** A chain and what is wrong with it, for our judgement and for OpenSSL's. */
export interface CertificateCase {
  /** Says what it is: "a chain through …". */
  readonly name: string;
  /** Leaf first. */
  readonly presented: readonly string[];
  readonly trusted: readonly string[];
  readonly purpose: 'server' | 'client';
  readonly host?: string;
  readonly crls?: readonly string[];
  /** All reasons that we must give; none: a good chain. */
  readonly reasons: readonly FindingReason[];
  /** OpenSSL takes what we refuse, because other verifiers do not take it. */
  readonly opensslAccepts?: true;
}

/** Good and broken chains; the broken ones have one fault each. */
export async function certificateCases(): Promise<CertificateCase[]> {
  const { root, intermediate } = await hierarchy();
  const other = await hierarchy();
  const pems = (...issuers: readonly Issuer[]): string[] => issuers.map(({ certificatePem }) => certificatePem);
  const server = await leafOf(intermediate);
  const client = await leafOf(intermediate, { usage: 'client', hosts: [], subject: { commonName: 'orders_app' } });
  const both = await leafOf(intermediate, { usage: 'both' });
  const forgedLeaf = (issuer: Issuer, fault: Partial<Forgery> = {}): Promise<Issuer> =>
    forge({ name: 'db.example', issuer, ...serverLeaf, dnsNames: ['db.example'], ...fault });
  /** root → forged CA → leaf. */
  const below = async (fault: Partial<Forgery>, leafFault: Partial<Forgery> = {}): Promise<string[]> => {
    const ca = await forge({
      name: 'forged CA',
      issuer: root,
      basicConstraints: { ca: true, pathLength: 0 },
      ...fault,
    });
    return pems(await forgedLeaf(ca, leafFault), ca);
  };
  const future = { notBefore: new Date(Date.now() + day), notAfter: new Date(Date.now() + 2 * day) };
  const secondLevel = await forge({ name: 'second level', issuer: intermediate });
  const sameName = readCertificate(intermediate.certificatePem).subject.commonName ?? '';
  const impostor = await forge({ name: sameName });
  const namesake = await forge({ name: sameName, withoutKeyIdentifiers: true });
  const leafOfRoot = await leafOf(root);
  const now = { now: () => new Date() };
  const crlOf = (issuer: Issuer, revoked: readonly string[] = [], nextUpdate?: Date): Promise<string> =>
    issueCrl({ issuer, revoked: revoked.map((serial) => ({ serial, at: new Date() })), number: 1, nextUpdate }, now);
  const crls = [await crlOf(root), await crlOf(intermediate)];
  const edwards = await forge({ name: 'Ed25519 root', key: 'Ed25519' });
  const anchor = { trusted: pems(root), purpose: 'server' } as const;
  const ours = { ...anchor, presented: pems(server, intermediate) };
  return [
    { ...ours, name: 'a server below an intermediate', host: 'db.example', reasons: [] },
    { ...ours, name: 'a client', purpose: 'client', presented: pems(client, intermediate), reasons: [] },
    {
      ...ours,
      name: 'a server and client, asked as client',
      purpose: 'client',
      presented: pems(both, intermediate),
      reasons: [],
    },
    { ...ours, name: 'a server directly below the root', presented: pems(leafOfRoot), reasons: [] },
    { ...ours, name: 'a bundle of two generations', trusted: pems(other.root, root), reasons: [] },
    { ...ours, name: 'a chain with empty revocation lists', crls, reasons: [] },
    { ...anchor, name: 'a forged chain without a fault', presented: await below({}), reasons: [] },

    { ...ours, name: 'a bundle of another CA', trusted: pems(other.root), reasons: ['issuer-missing'] },
    { ...ours, name: 'a chain without its intermediate', presented: pems(server), reasons: ['issuer-missing'] },
    { ...ours, name: 'a bundle with the intermediate alone', trusted: pems(intermediate), reasons: ['issuer-missing'] },
    {
      ...ours,
      name: 'a self-signed certificate',
      presented: pems(await forge({ name: 'db.example', ...serverLeaf })),
      reasons: ['root-not-trusted'],
    },
    {
      ...anchor,
      name: 'a leaf of another CA with the same name',
      presented: pems(await forgedLeaf(impostor), intermediate),
      reasons: ['signature-mismatch'],
    },
    {
      ...anchor,
      name: 'a leaf of another CA with the same name, and no key identifier to tell them apart',
      presented: pems(await forgedLeaf(namesake, { withoutKeyIdentifiers: true }), intermediate),
      reasons: ['signature-mismatch', 'not-strict'],
    },
    {
      ...anchor,
      name: 'an expired leaf',
      presented: pems(await forgedLeaf(intermediate, expired), intermediate),
      reasons: ['expired'],
    },
    {
      ...anchor,
      name: 'a leaf that is not valid yet',
      presented: pems(await forgedLeaf(intermediate, future), intermediate),
      reasons: ['not-yet-valid'],
    },
    { ...anchor, name: 'an expired intermediate', presented: await below(expired), reasons: ['expired'] },
    {
      ...anchor,
      name: 'a chain through a certificate that is no CA',
      presented: await below({ basicConstraints: { ca: false } }),
      reasons: ['issuer-not-ca'],
    },
    {
      ...anchor,
      name: 'a chain through a leaf of ours',
      presented: pems(await forgedLeaf(server), server, intermediate),
      // A leaf of ours may sign nothing, and neither intermediate nor root allow one more CA.
      reasons: ['issuer-not-ca', 'issuer-may-not-sign', 'path-too-long', 'path-too-long'],
    },
    {
      ...anchor,
      name: 'a CA without keyCertSign',
      presented: await below({ keyUsages: ['cRLSign', 'digitalSignature'] }),
      reasons: ['issuer-may-not-sign'],
    },
    {
      ...anchor,
      name: 'a CA below one that allows none',
      presented: pems(await forgedLeaf(secondLevel), secondLevel, intermediate),
      reasons: ['path-too-long', 'path-too-long'],
    },
    { ...ours, name: 'a server certificate, asked as client', purpose: 'client', reasons: ['purpose-missing'] },
    {
      ...ours,
      name: 'a client certificate, asked as server',
      presented: pems(client, intermediate),
      reasons: ['purpose-missing'],
    },
    {
      ...anchor,
      name: 'an intermediate for clients only',
      presented: await below({ extendedKeyUsages: ['1.3.6.1.5.5.7.3.2'] }),
      reasons: ['purpose-missing'],
    },
    { ...ours, name: 'another host', host: 'other.example', reasons: ['host-mismatch'] },
    {
      ...anchor,
      name: 'a CA without key usage',
      presented: await below({ keyUsages: 'absent' }),
      reasons: ['not-strict'],
    },
    {
      ...anchor,
      name: 'a CA whose basic constraints are not critical',
      presented: await below({ basicConstraints: { ca: true, critical: false } }),
      reasons: ['not-strict'],
    },
    {
      ...anchor,
      name: 'a leaf without authority key identifier',
      presented: await below({}, { withoutKeyIdentifiers: true }),
      reasons: ['not-strict'],
    },
    {
      ...anchor,
      name: 'a critical extension that nobody knows',
      presented: await below(
        {},
        { extraExtension: { id: '1.3.6.1.4.1.32473.1', critical: true, der: new Uint8Array([5, 0]) } },
      ),
      reasons: ['extension-not-understood'],
    },
    {
      ...ours,
      name: 'a revoked leaf',
      crls: [await crlOf(root), await crlOf(intermediate, [server.serial])],
      reasons: ['revoked'],
    },
    {
      ...ours,
      name: 'a revoked intermediate',
      crls: [await crlOf(root, [intermediate.serial]), await crlOf(intermediate)],
      reasons: ['revoked'],
    },
    { ...ours, name: 'no list of the intermediate', crls: [await crlOf(root)], reasons: ['crl-missing'] },
    { ...ours, name: 'no list of the root', crls: [await crlOf(intermediate)], reasons: ['crl-missing'] },
    {
      ...ours,
      name: 'lists of another CA',
      crls: [await crlOf(other.root), await crlOf(other.intermediate)],
      reasons: ['crl-missing', 'crl-missing'],
    },
    {
      ...ours,
      name: 'an expired list',
      crls: [await crlOf(root), await crlOf(intermediate, [], new Date(Date.now() - 60_000))],
      reasons: ['crl-expired'],
    },

    {
      ...anchor,
      name: 'a leaf that may not sign',
      presented: await below({}, { keyUsages: ['keyEncipherment'] }),
      reasons: ['leaf-may-not-sign'],
      opensslAccepts: true,
    },
    {
      ...anchor,
      name: 'an Ed25519 CA',
      trusted: pems(edwards),
      presented: pems(await forgedLeaf(edwards)),
      reasons: ['issuer-breaks-scram'],
      opensslAccepts: true,
    },
    {
      ...anchor,
      name: 'an RSA key of 1024 bits',
      presented: await below({}, { key: 'rsa1024' }),
      reasons: ['weak'],
      opensslAccepts: true,
    },
  ];
}
