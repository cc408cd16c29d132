import type { ResourceId } from '../../model/ids.ts';

/** What a `store/<name>` target needs to be opened. Paths are relative to the fleet's folder. */
export interface StoreTargetSpec {
  readonly name: string;
  /** One of. */
  readonly file?: { readonly folder: string; readonly identityFile: string };
  readonly vault?: VaultTargetSpec;
}

/** A Vault or OpenBao. */
export interface VaultTargetSpec {
  /** `https://HOST:PORT`, tried in this order; or the cluster of the fleet itself that has them. */
  readonly addresses: readonly string[] | { readonly server: ResourceId };
  /** Who signed its certificate; default: the system's roots. `entry` holds key `ca.crt`. */
  readonly ca?:
    | { readonly entry: { readonly store: string; readonly path: string } }
    | { readonly file: string }
    | { readonly pem: string };
  readonly namespace?: string;
  /** Of its key-value engine, version 2, which must be there. */
  readonly mount: string;
  readonly login:
    | { readonly tokenFile: string }
    | { readonly appRole: { readonly mount?: string; readonly roleIdFile: string; readonly secretIdFile: string } }
    /** Of a store that the fleet runs: the identity that its bootstrap made; `home` keeps the authority behind it. */
    | { readonly own: { readonly home: string } }
    | { readonly cert: { readonly mount?: string; readonly certFile: string; readonly keyFile: string } };
  /** The exception plain-http is allowed. */
  readonly allowPlainHttp: boolean;
}
