/** What a `store/<name>` target needs to be opened. Paths are relative to the fleet's folder. */
export interface StoreTargetSpec {
  readonly name: string;
  /** One of. */
  readonly file?: { readonly folder: string; readonly identityFile: string };
  readonly vault?: VaultTargetSpec;
}

/** A Vault or OpenBao that somebody else runs. */
export interface VaultTargetSpec {
  /** `https://HOST:PORT`, tried in this order. */
  readonly addresses: readonly string[];
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
    | { readonly cert: { readonly mount?: string; readonly certFile: string; readonly keyFile: string } };
  /** The exception plain-http is allowed. */
  readonly allowPlainHttp: boolean;
}
