import { isSignedBy, readCertificate } from '../../authority/certificate.ts';
import type { Certificate } from '../../authority/certificate.ts';
import { readCrls } from '../../authority/crl.ts';
import { parseHosts } from '../../authority/hosts.ts';
import { requestCertificate } from '../../authority/request.ts';
import { generationOf, nameDer } from '../../authority/subject.ts';
import { clockSkewMilliseconds, validity } from '../../authority/validity.ts';
import type { Environment } from '../../model/environment.ts';
import { Failure } from '../../model/failure.ts';
import type { SecretEntry } from '../../stores/backend.ts';
import { VaultRefusal } from '../../stores/vault/failures.ts';
import type { PkiEngine, PkiIssuer } from '../vault/pki-engine.ts';
import { pkiIssuerName, pkiRoleName } from '../vault/pki-role.spec.ts';
import { fieldChanges } from '../vault/role-fields.ts';
import type { RoleFields } from '../vault/role-fields.ts';
import type { CaSpec } from './authority.spec.ts';
import { certificateOf } from './entry.ts';
import type { CaMaterial, CaRole, LeafOrder, ListOrder, SeenKey, Signer } from './signer.ts';

/**
 * Keys that lie in the PKI engine of a Vault: made inside, never read. The entries of the CAs hold certificates alone.
 * Leaves have keys of our own and are signed by the role for their purpose.
 */
export class EngineSigner implements Signer {
  readonly keysInEntries = false;
  readonly #authority: string;
  readonly #engine: PkiEngine;

  constructor(authority: string, engine: PkiEngine) {
    this.#authority = authority;
    this.#engine = engine;
  }

  async look(cas: ReadonlyMap<CaRole, Certificate | undefined>): Promise<ReadonlyMap<CaRole, SeenKey>> {
    const issuers = await this.#engine.issuers();
    const seen = new Map<CaRole, SeenKey>();
    for (const [role, certificate] of cas) {
      const issuer = bySerial(issuers, certificate) ?? this.#byName(issuers, role);
      if (issuer !== undefined && issuer.keyId !== '') {
        const { certificatePem, fields } = await this.#engine.issuer(issuer.id);
        const drift = fieldChanges(this.#issuerFields(role), spelled(fields));
        seen.set(role, { state: 'whole', certificatePem: readCertificate(certificatePem).pem, drift });
      } else {
        const keys = await this.#engine.keys();
        const isThere = keys.some(({ name }) => name === pkiIssuerName(this.#authority, role));
        seen.set(role, { state: isThere ? 'unlisted' : 'gone', drift: [] });
      }
    }
    return seen;
  }

  async make(spec: CaSpec, issuer: SecretEntry | undefined, environment: Environment): Promise<CaMaterial> {
    const { role } = spec;
    const left = this.#byName(await this.#engine.issuers(), role);
    const certificatePem =
      left === undefined
        ? await this.#makeNew(spec, issuer, environment)
        : (await this.#engine.issuer(left.id)).certificatePem;
    return this.keep(role, { certificatePem: readCertificate(certificatePem).pem });
  }

  async keep(role: CaRole, { certificatePem, privateKey }: CaMaterial): Promise<CaMaterial> {
    const certificate = readCertificate(certificatePem);
    let issuer: Pick<PkiIssuer, 'id' | 'keyId'> | undefined = bySerial(await this.#engine.issuers(), certificate);
    if (issuer === undefined || issuer.keyId === '') {
      issuer = await this.#engine.import(`${certificate.pem}${privateKey?.expose() ?? ''}`);
    }
    if (issuer.keyId === '') {
      await this.#engine.destroy([issuer.id], undefined);
      throw keyMissing(certificate, this.#engine.mount);
    }
    const { id, keyId } = issuer;
    const wanted = this.#issuerFields(role);
    const { fields } = await this.#engine.issuer(id);
    if (fieldChanges(wanted, spelled(fields)).length > 0) {
      await this.#engine.changeIssuer(id, wanted);
    }
    const name = pkiIssuerName(this.#authority, role);
    if ((await this.#engine.keys()).find((key) => key.id === keyId)?.name !== name) {
      await this.#engine.nameKey(keyId, name);
    }
    return { certificatePem };
  }

  async destroy(role: CaRole): Promise<void> {
    const issuers = await this.#engine.issuers();
    const keyId =
      this.#byName(issuers, role)?.keyId ??
      (await this.#engine.keys()).find(({ name }) => name === pkiIssuerName(this.#authority, role))?.id;
    if (keyId !== undefined && keyId !== '') {
      await this.#engine.destroy(
        issuers.filter((issuer) => issuer.keyId === keyId).map(({ id }) => id),
        keyId,
      );
    }
  }

  async leaf(issuer: SecretEntry, order: LeafOrder, environment: Environment): ReturnType<Signer['leaf']> {
    const { commonName, usage, key } = order;
    const ca = certificateOf(issuer);
    const hosts = parseHosts(order.hosts);
    // Refused here with a reason, before a key is made.
    nameDer({ commonName });
    const { csrPem, privateKey } = await requestCertificate(key);
    const certificatePem = await this.#engine.sign({
      role: pkiRoleName(this.#authority, usage),
      csr: csrPem,
      commonName,
      names: hosts.filter(({ type }) => type === 'dns').map(({ value }) => value),
      addresses: hosts.filter(({ type }) => type === 'ip').map(({ value }) => value),
      ttlSeconds: secondsUntil(validity(order.ttlMilliseconds, environment, ca).notAfter, environment),
    });
    const made = readCertificate(certificatePem);
    const asked = hosts.map(({ value }) => value).toSorted();
    if (!isSignedBy(made, ca) || made.hosts.toSorted().join() !== asked.join()) {
      throw new Failure({
        code: 'engine-signed-otherwise',
        message: `the PKI engine ${this.#engine.mount} did not sign ${commonName} as asked: ${made.hosts.join(', ') || 'no hosts'}, by ${made.issuer.text}`,
        object: `authority/${this.#authority}`,
        why: 'a host name that the engine does not understand is left out without a word',
        remedy: `Look at the role ${pkiRoleName(this.#authority, usage)} and at the hosts.`,
      });
    }
    return { certificatePem: made.pem, privateKey };
  }

  async list(issuer: SecretEntry, { number, revoked }: ListOrder, environment: Environment): Promise<string> {
    const ca = certificateOf(issuer);
    const { id } = await this.#issuerOf(ca);
    // Its clock may be behind ours, and the list has to last as long as the CA all the same.
    const nextUpdateSeconds = secondsUntil(ca.notAfter, environment) + clockSkewMilliseconds / 1000;
    const pem = await this.#engine.signList(id, { number, nextUpdateSeconds, revoked });
    return readCrls(pem)
      .map((list) => list.pem)
      .join('');
  }

  async revoke(issuer: SecretEntry, serials: readonly string[]): Promise<void> {
    const { id } = await this.#issuerOf(certificateOf(issuer));
    const known = new Set(readCrls(await this.#engine.ownList(id)).flatMap(({ revoked }) => revoked.map(serialOf)));
    for (const serial of serials.filter((each) => !known.has(each))) {
      // One that was signed before the CA came into this engine is unknown to it, and stands in our own list alone.
      await this.#engine.revoke(serial);
    }
  }

  async #makeNew(spec: CaSpec, issuer: SecretEntry | undefined, environment: Environment): Promise<string> {
    const { role, key, ttlMilliseconds } = spec;
    const name = pkiIssuerName(this.#authority, role);
    const generation = Buffer.from(environment.randomBytes(4)).toString('hex');
    const subject = generationOf(spec.subject, role, generation);
    nameDer(subject);
    const signs = issuer && certificateOf(issuer);
    const ttlSeconds = secondsUntil(validity(ttlMilliseconds, environment, signs).notAfter, environment);
    const order = { ...subject, key, ttlSeconds, notBeforeSeconds: clockSkewMilliseconds / 1000 };
    if (signs === undefined) {
      try {
        return (await this.#engine.makeRoot({ ...order, name })).certificatePem;
      } catch (error) {
        const winner = isTaken(error) ? this.#byName(await this.#engine.issuers(), role) : undefined;
        if (winner === undefined) {
          throw error;
        }
        // Somebody else made this very CA at the same time: theirs is as good as ours.
        return (await this.#engine.issuer(winner.id)).certificatePem;
      }
    }
    const { id } = await this.#issuerOf(signs);
    const there = (await this.#engine.keys()).find((each) => each.name === name);
    const unnamed = (await this.#engine.issuers()).find(({ keyId }) => keyId !== '' && keyId === there?.id);
    if (unnamed !== undefined) {
      return (await this.#engine.issuer(unnamed.id)).certificatePem;
    }
    const made = { ...order, issuer: id, keyName: name, keyIsThere: there !== undefined };
    return (await this.#engine.signIntermediate(made)).certificatePem;
  }

  #byName(issuers: readonly PkiIssuer[], role: CaRole): PkiIssuer | undefined {
    return issuers.find(({ name }) => name === pkiIssuerName(this.#authority, role));
  }

  async #issuerOf(certificate: Certificate): Promise<PkiIssuer> {
    const issuer = bySerial(await this.#engine.issuers(), certificate);
    if (issuer === undefined || issuer.keyId === '') {
      throw keyMissing(certificate, this.#engine.mount);
    }
    return issuer;
  }

  /** What an issuer is set to, the server's defaults spelled out. */
  #issuerFields(role: CaRole): RoleFields {
    return {
      issuer_name: pkiIssuerName(this.#authority, role),
      // A leaf never outlives its issuer; that an intermediate does not is our own care.
      leaf_not_after_behavior: role === 'root' ? 'err' : 'truncate',
      usage: ['crl-signing', 'issuing-certificates', 'ocsp-signing', 'read-only'],
      manual_chain: [],
      issuing_certificates: [],
      crl_distribution_points: [],
      ocsp_servers: [],
    };
  }
}

function bySerial(issuers: readonly PkiIssuer[], certificate: Certificate | undefined): PkiIssuer | undefined {
  return issuers.find(({ serial }) => serial === certificate?.serial);
}

function serialOf({ serial }: { readonly serial: string }): string {
  return serial;
}

function secondsUntil(end: Date, { now }: Pick<Environment, 'now'>): number {
  return Math.max(1, Math.floor((end.getTime() - now().getTime()) / 1000));
}

/** The server tells the usages of an issuer in one text. */
function spelled(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return { ...fields, usage: String(fields['usage']).split(',') };
}

function isTaken(error: unknown): boolean {
  return error instanceof VaultRefusal && error.says('already in use');
}

function keyMissing(certificate: Certificate, mount: string): Failure {
  return new Failure({
    code: 'authority-key-missing',
    message: `the key of ${certificate.subject.text} is not in the PKI engine ${mount}`,
    why: 'nothing can be signed by this CA any more',
    remedy: 'bring the engine back from a snapshot of its store',
  });
}
