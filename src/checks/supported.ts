import type { Diagnostic, Severity } from '../model/diagnostic.ts';
import type { Fleet, FleetDocument } from '../fleet/model.ts';
import { loginAuthority } from '../fleet/names.ts';
import { at } from '../fleet/pointer.ts';
import { finding } from '../fleet/rule.ts';
import { notSupportedYet } from '../fleet/rules.ts';
import type { Consumer } from '../fleet/kinds/consumer.ts';
import type { DatabaseAccess } from '../fleet/kinds/database-access.ts';
import type { Store } from '../fleet/kinds/store.ts';
import type { KindName } from '../fleet/schema.ts';

/**
 * What this version reads and checks but cannot apply: for each kind the fields below `spec`, where `*` is every item.
 * `all`: the whole kind. This is the one place to change when something new is compiled. A field that is written but
 * false, or has its default, asks for nothing; `unless` names that value.
 */
interface NotYet {
  readonly field: string;
  readonly unless?: unknown;
  /** Only then; `what` says which. */
  readonly when?: (spec: FleetDocument['spec'], fleet: Fleet) => boolean;
  readonly what?: string;
}

const notYet: Readonly<Record<KindName, readonly NotYet[] | 'all'>> = {
  Fleet: [],
  Set: [],
  Site: [
    { field: 'kubernetes' },
    { field: 'delivery/externalSecrets' },
    { field: 'delivery/vaultSecretsOperator' },
    { field: 'delivery/secretsStoreCsi' },
    { field: 'storeLogin/kubernetes' },
    { field: 'storeLogin/jwt' },
  ],
  Store: [
    {
      field: 'vault/server',
      what: 'a store that Keywright runs on a Kubernetes site',
      when: (spec, fleet) => fleet.sites.get((spec as Store).vault?.server?.site ?? '')?.spec.local === undefined,
    },
    { field: 'vault/server/product', unless: 'openbao' },
    { field: 'vault/server/unseal' },
    { field: 'vault/namespace', what: 'a namespace in a store that Keywright runs', when: runs },
    { field: 'vault/addresses', what: 'addresses of a store that Keywright runs: its ports are allocated', when: runs },
    { field: 'vault/login', what: 'another login to a store that Keywright runs', when: runs },
    { field: 'vault/people' },
    { field: 'vault/login/kubernetes' },
    { field: 'vault/login/jwt' },
    {
      field: 'vault',
      what: 'a Vault without `addresses` and `login`',
      when: (spec) => {
        const { vault } = spec as Store;
        return vault?.server === undefined && (vault?.addresses === undefined || vault.login === undefined);
      },
    },
    { field: 'awsSecretsManager' },
    { field: 'replaces' },
  ],
  Authority: [{ field: 'certManager' }],
  Postgres: [
    { field: 'cloudNativePg' },
    { field: 'percona' },
    { field: 'patroni' },
    { field: 'external' },
    { field: 'citus' },
    { field: 'instances', unless: 1 },
    { field: 'encryption' },
    { field: 'provisioner' },
  ],
  DatabaseAccess: [
    {
      field: 'credential/dynamic',
      what: 'a dynamic login with the privileges superuser or replication',
      when: (spec) => ['superuser', 'replication'].includes((spec as DatabaseAccess).privileges),
    },
    {
      field: 'credential/certificate/authority',
      what: 'a client certificate of another authority than the server’s own',
      when: (spec, fleet) => {
        const { postgres, credential } = spec as DatabaseAccess;
        const trusted = fleet.postgres.get(postgres)?.spec.tls.authority;
        return trusted !== undefined && trusted !== credential.certificate?.authority;
      },
    },
  ],
  SecretTree: [{ field: 'entries/*/kubeconfig' }],
  Consumer: [
    { field: 'serviceAccounts' },
    { field: 'group' },
    { field: 'secrets/*/pkcs12', unless: false },
    {
      field: 'site',
      what: 'a login to a store by client certificate where neither `ca` of the store nor `defaults` names an Authority',
      when: (spec, fleet) => {
        const { site, reads, writes } = spec as Consumer;
        const stores = [...reads, ...writes].flatMap(({ store }) => store ?? []);
        const byCertificate = fleet.sites.get(site ?? '')?.spec.storeLogin?.cert !== undefined;
        return byCertificate && stores.some((store) => loginAuthority(fleet, store) === undefined);
      },
    },
    { field: 'delivery' },
    { field: 'onChange/restart' },
  ],
  Link: 'all',
  Replication: [{ field: 'physical' }, { field: 'link' }],
  Backup: 'all',
  Rule: [{ field: 'copies' }],
  Monitoring: 'all',
};

/** Keywright runs the store itself. */
function runs(spec: FleetDocument['spec']): boolean {
  return (spec as Store).vault?.server !== undefined;
}

/**
 * What this version cannot apply, each with its place: errors for a command that would act, because half a fleet
 * applied is a fleet pruned; `check` shows the same as notes.
 */
export function supportedForApply(fleet: Fleet, severity: Severity = 'error'): Diagnostic[] {
  return fleet.documents.flatMap((document) => unsupportedIn(document, fleet, severity));
}

function unsupportedIn(document: FleetDocument, fleet: Fleet, severity: Severity): Diagnostic[] {
  const { kind, source, document: object } = document;
  const fields = notYet[kind];
  const report = (what: string, keys: readonly (string | number)[]) =>
    finding(notSupportedYet, { severity, message: `not supported yet: ${what}`, source: at(source, ...keys), object });
  if (fields === 'all') {
    return [report(`documents of kind ${kind}`, ['kind'])];
  }
  return fields.flatMap(({ field, unless, when, what }) =>
    placesOf(document.spec, field.split('/')).flatMap(({ keys, value }) => {
      const asked = value !== undefined && value !== unless && (when === undefined || when(document.spec, fleet));
      return asked ? [report(what ?? `\`${nameOf(field)}\` of a ${kind}`, ['spec', ...keys])] : [];
    }),
  );
}

function nameOf(field: string): string {
  return field.replaceAll('/*', '').replaceAll('/', '.');
}

interface Place {
  readonly keys: readonly (string | number)[];
  readonly value: unknown;
}

/** Where a path of fields leads; `*` to every item of a list. */
function placesOf(value: unknown, path: readonly string[]): Place[] {
  const [first, ...rest] = path;
  if (first === undefined) {
    return [{ keys: [], value }];
  }
  if (typeof value !== 'object' || value === null) {
    return [];
  }
  const steps: [string | number, unknown][] =
    first === '*' && Array.isArray(value)
      ? [...value.entries()]
      : Object.hasOwn(value, first)
        ? [[first, (value as Readonly<Record<string, unknown>>)[first]]]
        : [];
  return steps.flatMap(([key, inner]) =>
    placesOf(inner, rest).map((place) => ({ keys: [key, ...place.keys], value: place.value })),
  );
}
