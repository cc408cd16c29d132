import type { Diagnostic, SourcePointer } from '../model/diagnostic.ts';
import type { Authority } from './kinds/authority.ts';
import type { Backup } from './kinds/backup.ts';
import type { Consumer } from './kinds/consumer.ts';
import type { DatabaseAccess } from './kinds/database-access.ts';
import type { Fleet as FleetSpec } from './kinds/fleet.ts';
import type { Link } from './kinds/link.ts';
import type { Monitoring } from './kinds/monitoring.ts';
import type { Postgres } from './kinds/postgres.ts';
import type { Replication } from './kinds/replication.ts';
import type { Rule } from './kinds/rule.ts';
import type { SecretTree } from './kinds/secret-tree.ts';
import type { FleetSet } from './kinds/set.ts';
import type { Site } from './kinds/site.ts';
import type { Store } from './kinds/store.ts';
import type { KindName } from './schema.ts';

/** The spec of each kind, with defaults filled in and references by rule 1 resolved. */
export interface Specs {
  readonly Fleet: FleetSpec;
  readonly Set: FleetSet;
  readonly Site: Site;
  readonly Store: Store;
  readonly Authority: Authority;
  readonly Postgres: Postgres;
  readonly DatabaseAccess: DatabaseAccess;
  readonly SecretTree: SecretTree;
  readonly Consumer: Consumer;
  readonly Link: Link;
  readonly Replication: Replication;
  readonly Backup: Backup;
  readonly Rule: Rule;
  readonly Monitoring: Monitoring;
}

/**
 * One document as a fleet means it: after `forEach`, so that `name` is NAME-ITEM for a copy, with `{each}` replaced.
 * Durations stay as they were written; `milliseconds()` of durations.ts reads them. Texts with placeholders
 * (`data`, `value`, `grants`) stay as they were written too; `parseTemplate()` of model/template.ts takes them apart.
 */
export interface FleetDocument<K extends KindName = KindName> {
  readonly kind: K;
  readonly name: string;
  readonly spec: Specs[K];
  /** `Kind/name`. */
  readonly document: string;
  /** The document itself; the pointer of a field is made with `at()` of pointer.ts. */
  readonly source: SourcePointer;
  /** The document it is a copy of and for which item, with `forEach`. */
  readonly copyOf?: { readonly name: string; readonly set: string; readonly item: string };
}

export type DocumentMap<K extends KindName> = ReadonlyMap<string, FleetDocument<K>>;

/** A fleet, read and resolved: plain data. Maps are in the order of names, whatever the order of files was. */
export interface Fleet {
  readonly name: string;
  /** Name of the Store that holds inventory and lock. */
  readonly home: string;
  /** Absolute path of the folder that relative paths of the fleet start from. */
  readonly folder: string;
  /** All documents, by kind in the order of the language page, then by name. */
  readonly documents: readonly FleetDocument[];
  readonly sets: DocumentMap<'Set'>;
  readonly sites: DocumentMap<'Site'>;
  readonly stores: DocumentMap<'Store'>;
  readonly authorities: DocumentMap<'Authority'>;
  readonly postgres: DocumentMap<'Postgres'>;
  readonly accesses: DocumentMap<'DatabaseAccess'>;
  readonly secretTrees: DocumentMap<'SecretTree'>;
  readonly consumers: DocumentMap<'Consumer'>;
  readonly links: DocumentMap<'Link'>;
  readonly replications: DocumentMap<'Replication'>;
  readonly backups: DocumentMap<'Backup'>;
  readonly rules: DocumentMap<'Rule'>;
  readonly monitorings: DocumentMap<'Monitoring'>;
}

/** A file that was read. */
export interface SourceFile {
  /** As it is shown: from the folder that the command was given, or as the file was given. */
  readonly file: string;
  readonly text: string;
}

/** What reading a fleet gives. */
export interface LoadResult {
  /**
   * Absent when no document could be read at all. With errors among the diagnostics it holds only the documents that
   * are right in themselves: good for further checks, never for acting.
   */
  readonly fleet?: Fleet;
  /** In the order of files and documents. */
  readonly diagnostics: readonly Diagnostic[];
  /** The files that were read, by their shown name. */
  readonly sources: ReadonlyMap<string, SourceFile>;
  /** Documents with a mistake, as `Kind/name`, with what could be read of them; references to them hold. */
  readonly broken: ReadonlyMap<string, unknown>;
}
