import type { Value } from '../../model/resource.ts';

/** An entry that holds a certificate, and its version. */
interface VersionedEntry {
  readonly store: string;
  readonly path: string;
  readonly version: Value<string>;
}

/**
 * `site/<site>/vault-server/<store>`: an OpenBao cluster on this machine: raft peers over TLS, made, initialised exactly
 * once, unsealed where its key shares are Keywright's to give, started and adopted; stopped on removal (the data stays).
 *
 * It is done when Keywright's own identity works there, its root token is dead, its key-value engine is mounted and every
 * peer votes. Outputs: `addresses` (`https://127.0.0.1:PORT`, one per peer, parted by blanks) and `folder` (absolute, the
 * parent of the peers' folders).
 */
export interface VaultServerSpec {
  readonly store: string;
  /** Default: the one on PATH. */
  readonly version?: string;
  /** In the order of their node ids, `n1` first. */
  readonly peers: readonly { readonly nodeId: string; readonly certificate: VersionedEntry }[];
  /** Who signed the peers' certificates; key `ca.crt`. */
  readonly bundle: VersionedEntry;
  readonly audit: readonly ('file' | 'stdout')[];
  /** Default: one share, for the fleet's home itself. */
  readonly keyShares?: { readonly threshold: number; readonly holders: readonly string[] };
  /** The fleet's home: the Store that keeps the shares, each sealed to its holder, and Keywright's way in. */
  readonly home: {
    readonly store: string;
    /** Of a home in files: shares that are sealed to it are given without asking. From the fleet's folder. */
    readonly identityFile?: string;
  };
  /** Where its engines are, or will be, mounted. */
  readonly mounts: { readonly kv: string; readonly database: string; readonly pki: string; readonly transit: string };
}

/** Claims about a cluster that the fleet runs; see `src/proofs/vault-server.ts`. */
export interface VaultServerClaimSpec {
  readonly store: string;
  readonly addresses: Value<string>;
  readonly nodeIds: readonly string[];
  readonly bundle: { readonly store: string; readonly path: string };
  readonly certificates: readonly { readonly store: string; readonly path: string }[];
  readonly home: VaultServerSpec['home'];
  readonly keyShares?: VaultServerSpec['keyShares'];
  readonly audit: readonly ('file' | 'stdout')[];
  /** Absolute; parent of the peers' folders. */
  readonly folder: Value<string>;
}
