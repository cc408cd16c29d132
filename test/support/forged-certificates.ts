import { createHash, webcrypto } from 'node:crypto';
import type { Extension } from '@peculiar/x509';
import { Secret } from '../../src/model/secret.ts';
import type { Issuer } from '../../src/authority/issue.ts';
import { loadX509 } from '../../src/authority/x509.ts';

/** A certificate as nobody should make it. What is not said is as an intermediate CA of ours has it. */
export interface Forgery {
  readonly name: string;
  /** Absent: self-signed. */
  readonly issuer?: Issuer;
  /** Another name of the issuer than its certificate has. */
  readonly issuerName?: string;
  /** `undefined` in the extension's place leaves it out. */
  readonly basicConstraints?: { readonly ca: boolean; readonly pathLength?: number; readonly critical?: boolean };
  readonly keyUsages?: readonly ('digitalSignature' | 'keyCertSign' | 'cRLSign' | 'keyEncipherment')[] | 'absent';
  readonly extendedKeyUsages?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  readonly withoutKeyIdentifiers?: boolean;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly key?: 'P-256' | 'Ed25519' | 'rsa1024';
  readonly extraExtension?: { readonly id: string; readonly critical: boolean; readonly der: Uint8Array };
}

const algorithms = {
  'P-256': { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  Ed25519: { name: 'Ed25519' },
  rsa1024: {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    modulusLength: 1024,
    publicExponent: new Uint8Array([1, 0, 1]),
  },
};

/** What makes a forgery a server's leaf without a fault. */
export const serverLeaf = {
  basicConstraints: { ca: false },
  keyUsages: ['digitalSignature'],
  extendedKeyUsages: ['1.3.6.1.5.5.7.3.1'],
} as const satisfies Partial<Forgery>;

/** The dates of a certificate that ended yesterday. */
export const expired = {
  notBefore: new Date(Date.now() - 2 * 86_400_000),
  notAfter: new Date(Date.now() - 86_400_000),
} as const satisfies Partial<Forgery>;

/** Makes a certificate with exactly the faults that are asked for, which the product refuses to make. */
export async function forge(forgery: Forgery): Promise<Issuer> {
  const x509 = await loadX509();
  const algorithm = algorithms[forgery.key ?? 'P-256'];
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const name = [{ CN: [forgery.name] }];
  const issuer = forgery.issuer && new x509.X509Certificate(forgery.issuer.certificatePem);
  const signing = forgery.issuer === undefined ? keys.privateKey : await signingKey(forgery.issuer);
  const issuerName = forgery.issuerName === undefined ? undefined : [{ CN: [forgery.issuerName] }];
  const keyIdentifier = await identifierOf(keys.publicKey);
  const issuerKey = issuer?.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId ?? keyIdentifier;
  const { ca, pathLength, critical } = { critical: true, ...(forgery.basicConstraints ?? { ca: true }) };
  const extensions: Extension[] = [new x509.BasicConstraintsExtension(ca, pathLength, critical)];
  if (forgery.withoutKeyIdentifiers !== true) {
    extensions.push(
      new x509.SubjectKeyIdentifierExtension(keyIdentifier),
      new x509.AuthorityKeyIdentifierExtension(issuerKey),
    );
  }
  if (forgery.keyUsages !== 'absent') {
    const flags = (forgery.keyUsages ?? ['keyCertSign', 'cRLSign']).map((usage) => x509.KeyUsageFlags[usage]);
    extensions.push(
      new x509.KeyUsagesExtension(
        flags.reduce((all, flag) => all | flag, 0),
        true,
      ),
    );
  }
  if (forgery.extendedKeyUsages !== undefined) {
    extensions.push(new x509.ExtendedKeyUsageExtension([...forgery.extendedKeyUsages]));
  }
  const names = [
    ...(forgery.dnsNames ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(forgery.ipAddresses ?? []).map((value) => ({ type: 'ip' as const, value })),
  ];
  if (names.length > 0) {
    extensions.push(new x509.SubjectAlternativeNameExtension(names));
  }
  if (forgery.extraExtension !== undefined) {
    const { id, critical: isCritical, der } = forgery.extraExtension;
    extensions.push(new x509.Extension(id, isCritical, der));
  }
  const certificate = await x509.X509CertificateGenerator.create({
    subject: name,
    issuer: issuerName ?? issuer?.subjectName ?? name,
    notBefore: forgery.notBefore ?? new Date(Date.now() - 300_000),
    notAfter: forgery.notAfter ?? new Date(Date.now() + 86_400_000),
    publicKey: keys.publicKey,
    signingKey: signing,
    signingAlgorithm: { name: signing.algorithm.name, hash: 'SHA-256' },
    extensions,
  });
  return { certificatePem: `${certificate.toString('pem')}\n`, privateKey: await exported(keys.privateKey) };
}

async function exported(key: webcrypto.CryptoKey): Promise<Secret> {
  const base64 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64');
  const lines = base64.match(/.{1,64}/g) ?? [];
  return new Secret(`-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`);
}

async function signingKey({ privateKey }: Issuer): Promise<webcrypto.CryptoKey> {
  const der = Buffer.from(privateKey.expose().replace(/-----.*-----|\s/g, ''), 'base64');
  for (const algorithm of Object.values(algorithms)) {
    try {
      return await webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']);
    } catch {
      // A key of another kind: the next one.
    }
  }
  return webcrypto.subtle.importKey('pkcs8', der, { name: 'ECDSA', namedCurve: 'P-384' }, false, ['sign']);
}

async function identifierOf(key: webcrypto.CryptoKey): Promise<string> {
  const der = new Uint8Array(await webcrypto.subtle.exportKey('spki', key));
  return createHash('sha256').update(der).digest('hex').slice(0, 40);
}
