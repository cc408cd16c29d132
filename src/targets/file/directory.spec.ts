import type { Value } from '../../model/resource.ts';

/** What a `site/<name>` target of a local site needs. */
export interface LocalSiteTargetSpec {
  readonly name: string;
  /** As in the fleet, relative to its folder. */
  readonly directory: string;
  /** Account of the site's servers, when started by root. */
  readonly user?: string;
}

export interface DeliveredSource {
  readonly store: string;
  readonly path: string;
  readonly version: Value<string>;
  /** Only these keys; default all. */
  readonly keys?: readonly string[];
}

/**
 * `site/<site>/directory/<consumer>/<secret>`: a folder laid out as a Kubernetes volume (`..<generation>/`, `..data`,
 * `<key> → ..data/<key>`), one file per key, 0600, one generation at a time; plus `env`, and for a database access the
 * libpq files `pg_service.conf` and `pgpass`, which name the generation's own paths.
 * Outputs: `directory` (absolute path), `generation`.
 */
export interface DirectorySpec {
  readonly consumer: string;
  readonly name: string;
  /** Below the site's directory: `consumers/<consumer>/<name>`. */
  readonly folder: string;
  /** Account that reads the files, when started by root. */
  readonly user?: string;
  readonly sources: Readonly<Record<string, DeliveredSource>>;
  /** File name to template of `{alias.key}` placeholders; default: every key of every source under its own name. */
  readonly data?: Readonly<Record<string, string>>;
  /** Present for database accesses: libpq service name and which source holds the connection's keys. */
  readonly libpq?: readonly { readonly service: string; readonly alias: string }[];
  /** File name to a file below the fleet's folder that is no secret, such as who signed a certificate; followed. */
  readonly files?: Readonly<Record<string, string>>;
  /** The files are a login to a Vault: `env` holds what its clients read, with paths of the generation's own files. */
  readonly vault?: true;
  /** What happens after a new generation is in place; default nothing. */
  readonly onChange?:
    | { readonly command: readonly string[] }
    | { readonly signal: { readonly pidFile: string; readonly name: string } };
}
