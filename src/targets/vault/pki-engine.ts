import type { VaultClient } from '../../stores/vault/client.ts';
import { VaultRefusal } from '../../stores/vault/failures.ts';
import { asObject, asText, strings } from '../../stores/vault/reply.ts';
import { pkiKeyType } from './pki-key-type.ts';
import type { PkiRoleSpec } from './pki-role.spec.ts';

/** An issuer as the engine lists it: a certificate, and the key below it when the engine holds that. */
export interface PkiIssuer {
  readonly id: string;
  /** Empty: it has none. */
  readonly name: string;
  /** Empty: its key is not in the engine. */
  readonly keyId: string;
  /** Lower-case hex, whole bytes. */
  readonly serial: string;
}

export interface PkiKey {
  readonly id: string;
  /** Empty: it has none. */
  readonly name: string;
}

interface CaOrder {
  readonly commonName: string;
  readonly organization?: string;
  readonly country?: string;
  readonly key: PkiRoleSpec['key'];
  readonly ttlSeconds: number;
  readonly notBeforeSeconds: number;
}

export interface RootOrder extends CaOrder {
  /** Of the issuer and of its key. */
  readonly name: string;
}

export interface IntermediateOrder extends CaOrder {
  /** Id of the issuer that signs. */
  readonly issuer: string;
  readonly keyName: string;
  /** A key of that name is there already, and is to be used. */
  readonly keyIsThere: boolean;
}

export interface LeafRequest {
  readonly role: string;
  /** PEM. Only its key counts: names come from here, and have to be allowed by the role. */
  readonly csr: string;
  readonly commonName: string;
  readonly names: readonly string[];
  readonly addresses: readonly string[];
  readonly ttlSeconds: number;
}

/** RSA takes the server a while. */
const timeout = 60_000;

/** The PKI engine at one mount, call by call. Keys of CAs are made inside and never come out. */
export class PkiEngine {
  readonly mount: string;
  readonly #client: VaultClient;

  constructor(client: VaultClient, mount: string) {
    this.#client = client;
    this.mount = mount;
  }

  /**
   * All issuers, in one request; none when there is no such mount yet. An issuer is never asked for by a name that may
   * not be there: the server answers that with an internal error.
   */
  async issuers(): Promise<PkiIssuer[]> {
    const found = await this.#listed('issuers');
    return Object.entries(found).map(([id, value]) => ({
      id,
      name: asText(value['issuer_name']),
      keyId: asText(value['key_id']),
      serial: plainSerial(asText(value['serial_number'])),
    }));
  }

  async keys(): Promise<PkiKey[]> {
    const found = await this.#listed('keys');
    return Object.entries(found).map(([id, value]) => ({ id, name: asText(value['key_name']) }));
  }

  /** Certificate (PEM) and settings of an issuer that is there. */
  async issuer(id: string): Promise<{ readonly certificatePem: string; readonly fields: Record<string, unknown> }> {
    const { data } = await this.#client.request({ method: 'GET', path: `${this.mount}/issuer/${id}` });
    return { certificatePem: asText(data['certificate']), fields: data };
  }

  /** Makes a root with a key that never leaves. Throws a VaultRefusal `already in use` when the name is taken. */
  async makeRoot(order: RootOrder): Promise<{ readonly certificatePem: string }> {
    const { data } = await this.#post('issuers/generate/root/internal', {
      ...caFields(order),
      ...pkiKeyType(order.key),
      issuer_name: order.name,
      key_name: order.name,
      max_path_length: 1,
    });
    return { certificatePem: asText(data['certificate']) };
  }

  /** Makes an intermediate's key, unless it is there, and its certificate; neither issuer nor name is given to it yet. */
  async signIntermediate(order: IntermediateOrder): Promise<{ readonly certificatePem: string }> {
    const request = order.keyIsThere
      ? await this.#post('issuers/generate/intermediate/existing', {
          key_ref: order.keyName,
          common_name: order.commonName,
        })
      : await this.#post('issuers/generate/intermediate/internal', {
          key_name: order.keyName,
          common_name: order.commonName,
          ...pkiKeyType(order.key),
        });
    const { data } = await this.#post(`issuer/${order.issuer}/sign-intermediate`, {
      ...caFields(order),
      csr: asText(request.data['csr']),
      use_csr_values: false,
      max_path_length: 0,
    });
    return { certificatePem: asText(data['certificate']) };
  }

  /** Takes a certificate, and its key where one is given, as an issuer; the same one again changes nothing. */
  async import(pem: string): Promise<{ readonly id: string; readonly keyId: string }> {
    const { data } = await this.#post('issuers/import/bundle', { pem_bundle: pem }, 'safe');
    const [id = ''] = [...strings(data['imported_issuers']), ...strings(data['existing_issuers'])];
    return { id, keyId: asText(asObject(data['mapping'])?.[id]) };
  }

  async changeIssuer(id: string, fields: Readonly<Record<string, unknown>>): Promise<void> {
    const call = { method: 'PATCH', path: `${this.mount}/issuer/${id}`, body: fields } as const;
    await this.#client.request({ ...call, repeat: 'safe' });
  }

  async nameKey(id: string, name: string): Promise<void> {
    await this.#post(`key/${id}`, { key_name: name }, 'safe');
  }

  /** Removes issuers, then the key that no issuer needs any more: nothing can be signed by it ever again. */
  async destroy(issuers: readonly string[], keyId: string | undefined): Promise<void> {
    for (const id of issuers) {
      await this.#client.request({ method: 'DELETE', path: `${this.mount}/issuer/${id}`, repeat: 'safe' });
    }
    if (keyId !== undefined) {
      await this.#client.request({ method: 'DELETE', path: `${this.mount}/key/${keyId}`, repeat: 'safe' });
    }
  }

  /** Signs a leaf as its role allows. Throws a VaultRefusal that says what is not allowed. */
  async sign({ role, csr, commonName, names, addresses, ttlSeconds }: LeafRequest): Promise<string> {
    const { data } = await this.#post(
      `sign/${role}`,
      {
        csr,
        common_name: commonName,
        alt_names: names.join(','),
        ip_sans: addresses.join(','),
        exclude_cn_from_sans: true,
        ttl: `${ttlSeconds}s`,
      },
      // A second one that nobody gets to see has the same key and is as good.
      'safe',
    );
    return asText(data['certificate']);
  }

  /** A revocation list with exactly these serials, beside the lists that the engine keeps itself. */
  async signList(
    issuer: string,
    list: {
      readonly number: number;
      readonly nextUpdateSeconds: number;
      readonly revoked: readonly { readonly serial: string; readonly at: Date }[];
    },
  ): Promise<string> {
    const { data } = await this.#post(
      `issuer/${issuer}/sign-revocation-list`,
      {
        crl_number: list.number,
        next_update: `${list.nextUpdateSeconds}s`,
        revoked_certs: list.revoked.map(({ serial, at }) => ({
          serial_number: engineSerial(serial),
          revocation_time: at.toISOString(),
        })),
      },
      'safe',
    );
    return asText(data['crl']);
  }

  /** The revocation list that the engine keeps itself, PEM. */
  async ownList(issuer: string): Promise<string> {
    const { data } = await this.#client.request({ method: 'GET', path: `${this.mount}/issuer/${issuer}/crl` });
    return asText(data['crl']);
  }

  /** Revokes a certificate in the engine's own lists. False: the engine does not know it. Again changes nothing. */
  async revoke(serial: string): Promise<boolean> {
    try {
      await this.#post('revoke', { serial_number: engineSerial(serial) }, 'safe');
      return true;
    } catch (error) {
      if (error instanceof VaultRefusal && error.says('not found')) {
        return false;
      }
      throw error;
    }
  }

  async #listed(what: 'issuers' | 'keys'): Promise<Record<string, Record<string, unknown>>> {
    try {
      const reply = await this.#client.readIfPresent(`${this.mount}/${what}`, { method: 'LIST' });
      return (asObject(reply?.data['key_info']) ?? {}) as Record<string, Record<string, unknown>>;
    } catch (error) {
      if (error instanceof VaultRefusal && error.code === 'vault-no-mount') {
        return {};
      }
      throw error;
    }
  }

  async #post(
    path: string,
    body: object,
    repeat: 'safe' | 'never' = 'never',
  ): Promise<{ readonly data: Readonly<Record<string, unknown>> }> {
    return this.#client.request({ method: 'POST', path: `${this.mount}/${path}`, body, repeat, timeout });
  }
}

function caFields({ commonName, organization, country, ttlSeconds, notBeforeSeconds }: CaOrder): object {
  return {
    common_name: commonName,
    // As a list, because a text is taken apart at its commas.
    organization: organization === undefined ? [] : [organization],
    country: country === undefined ? [] : [country],
    ttl: `${ttlSeconds}s`,
    not_before_duration: `${notBeforeSeconds}s`,
    exclude_cn_from_sans: true,
  };
}

/** `0a:1b` as we write serials: hex without colons and without leading zero bytes. */
function plainSerial(serial: string): string {
  return serial
    .toLowerCase()
    .replaceAll(':', '')
    .replace(/^(00)+/, '');
}

/** Our hex as the engine writes it, in pairs. */
function engineSerial(serial: string): string {
  return (serial.match(/../g) ?? []).join(':');
}
