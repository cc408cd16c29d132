import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { validatePath, validateTrust } from '../../authority/validate.ts';
import type { RunContext } from '../../engine/interfaces.ts';
import { fileHeader, settingLine } from '../process/settings.ts';
import type { ServerFolder } from '../process/server-folder.ts';
import { keyOf, readEntry, requireFit } from './certificate-entry.ts';
import type { Files, SeenFile } from './generation.ts';
import type { TlsSpec } from './postgres.spec.ts';

export const tlsFileNames = ['ca.crt', 'crl.pem', 'tls.crt', 'tls.key'] as const;

export function tlsFolder(server: ServerFolder): string {
  return join(server.certificatesFolder, 'server');
}

/** Settings of a server that speaks TLS with the files in its folder. All of them are reloadable. */
export function tlsSettings(server: ServerFolder, spec: Pick<TlsSpec, 'minVersion'>): ReadonlyMap<string, string> {
  const file = (name: string): string => join(tlsFolder(server), name);
  return new Map([
    ['ssl', 'on'],
    ['ssl_cert_file', file('tls.crt')],
    ['ssl_key_file', file('tls.key')],
    ['ssl_ca_file', file('ca.crt')],
    ['ssl_crl_file', file('crl.pem')],
    ['ssl_min_protocol_version', spec.minVersion],
  ]);
}

export function renderTlsSettings(settings: ReadonlyMap<string, string>): string {
  return [fileHeader, ...[...settings].map(([name, value]) => settingLine(name, value)), ''].join('\n');
}

export interface TlsMaterial {
  readonly files: Files;
  /** Versions of the three entries, as they are recorded. */
  readonly version: string;
  /** SHA-256 of the DER of the leaf, hex. */
  readonly leaf: string;
}

/**
 * Reads certificate, key, bundle and revocation lists, and judges them together as PostgreSQL and its clients will. A
 * server that reloads bad files keeps the old ones and says so only in its log; at its next start it would not come up.
 */
export async function readTlsMaterial(
  context: Pick<RunContext, 'store' | 'environment'>,
  spec: TlsSpec,
  object: string,
  host: string,
): Promise<TlsMaterial> {
  const certificate = await readEntry(context, spec.certificate);
  const bundle = await readEntry(context, spec.bundle);
  const crl = await readEntry(context, spec.crl);
  const presented = keyOf(certificate, 'tls.crt').expose();
  const privateKey = keyOf(certificate, 'tls.key');
  const trusted = keyOf(bundle, 'ca.crt').expose();
  const crls = keyOf(crl, 'crl.pem').expose();
  const now = context.environment.now();
  requireFit(object, [
    ...validatePath({ presented, trusted, purpose: 'server', hosts: host === '' ? [] : [host], privateKey }, now),
    ...validateTrust({ trusted, crls }, now),
  ]);
  return {
    files: new Map([
      ['ca.crt', trusted],
      ['crl.pem', crls],
      ['tls.crt', presented],
      ['tls.key', privateKey.expose()],
    ]),
    version: versionsOf(certificate.version, bundle.version, crl.version),
    leaf: leafFingerprint(presented),
  };
}

/** Three opaque versions as one, which can be taken apart again. */
export function versionsOf(certificate: string, bundle: string, crl: string): string {
  return [certificate, bundle, crl].map(encodeURIComponent).join(' ');
}

/** SHA-256 of the DER of the first certificate of a PEM text, hex. Throws when there is none. */
function leafFingerprint(pem: string | Buffer): string {
  return new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase();
}

/** The leaf that a folder's files hold; undefined when they hold none that can be read. */
export function leafOf(files: readonly SeenFile[] | undefined): string | undefined {
  const certificate = files?.find(({ name }) => name === 'tls.crt');
  try {
    return certificate === undefined ? undefined : leafFingerprint(certificate.content);
  } catch {
    return undefined;
  }
}
