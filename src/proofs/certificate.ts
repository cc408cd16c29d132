import { isSignedBy, readCertificate } from '../authority/certificate.ts';
import { isKeyOf } from '../authority/keys.ts';
import { validatePath, validateTrust } from '../authority/validate.ts';
import { broken, held, keyOf, type Measurer } from './measurer.ts';
import { engineFault } from './pki.ts';
import type { AuthorityProbeSpec, CertificateEntrySpec } from './proofs.spec.ts';

/** An entry with a certificate, judged as every verifier would. */
export const certificateValidMeasurer: Measurer<CertificateEntrySpec> = async (spec, tools) => {
  const entry = await tools.entry(spec.entry);
  const presented = keyOf(entry, 'tls.crt', spec.entry).expose();
  const privateKey = keyOf(entry, 'tls.key', spec.entry);
  const trusted = keyOf(await tools.entry(spec.bundle), 'ca.crt', spec.bundle).expose();
  const crls = keyOf(await tools.entry(spec.crl), 'crl.pem', spec.crl).expose();
  const purposes = spec.usage === 'both' ? (['server', 'client'] as const) : [spec.usage];
  for (const purpose of purposes) {
    const hosts = purpose === 'server' ? spec.hosts : [];
    const [finding] = validatePath(
      { presented, trusted, purpose, hosts, privateKey, crls },
      tools.run.environment.now(),
    );
    if (finding !== undefined) {
      return broken(`${finding.sentence} (${spec.entry.store}/${spec.entry.path})`, 'keywright apply');
    }
  }
  const leaf = readCertificate(presented);
  return held(
    `serial ${leaf.serial} until ${leaf.notAfter.toISOString()}, from ${spec.entry.store}/${spec.entry.path}`,
  );
};

/** An authority's own entries belong together: keys, signatures, trust and revocation lists. */
export const authorityValidMeasurer: Measurer<AuthorityProbeSpec> = async (spec, tools) => {
  const { store, path } = spec;
  const entry = async (name: string, key: string) => {
    const ref = { store, path: `${path}/${name}` };
    return keyOf(await tools.entry(ref), key, ref);
  };
  const now = tools.run.environment.now();
  const root = readCertificate((await entry('root', 'tls.crt')).expose());
  const intermediate = readCertificate((await entry('intermediate', 'tls.crt')).expose());
  const trusted = (await entry('bundle', 'ca.crt')).expose();
  const crls = (await entry('crl', 'crl.pem')).expose();
  const [finding] = validateTrust({ trusted: `${trusted}\n${intermediate.pem}`, crls }, now);
  if (finding !== undefined) {
    return broken(finding.sentence, 'keywright apply');
  }
  if (!trusted.includes(root.pem.trim())) {
    return broken('the trust bundle does not hold the root', 'keywright apply');
  }
  if (!isSignedBy(intermediate, root)) {
    return broken('the intermediate is not signed by the root', 'keywright apply');
  }
  for (const [name, certificate] of [
    ['root', root],
    ['intermediate', intermediate],
  ] as const) {
    const inEntry = (await tools.entry({ store, path: `${path}/${name}` })).has('tls.key');
    if (spec.engine !== undefined && inEntry) {
      return broken(`the entry of the ${name} holds a key that the PKI engine is to keep alone`, 'keywright apply');
    }
    if (spec.engine === undefined && !isKeyOf(await entry(name, 'tls.key'), certificate)) {
      return broken(`the key of the ${name} does not belong to its certificate`, 'restore the entry from a backup');
    }
  }
  const fault = await engineFault(spec, { root, intermediate }, tools);
  if (fault !== undefined) {
    return fault;
  }
  const where = spec.engine === undefined ? '' : `, their keys in ${store}/${spec.engine.mount} alone`;
  return held(
    `root until ${root.notAfter.toISOString()}, intermediate until ${intermediate.notAfter.toISOString()}${where}`,
  );
};
