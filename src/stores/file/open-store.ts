import type { Environment } from '../../model/environment.ts';
import type { Secret } from '../../model/secret.ts';
import type { StoreName } from './failures.ts';
import type { ShardFiles } from './shard-files.ts';

/** A file store that was opened: what reading and writing it take. */
export interface OpenStore {
  readonly store: StoreName;
  readonly id: string;
  readonly identity: Secret;
  readonly files: ShardFiles;
  readonly environment: Environment;
  readonly signal: AbortSignal | undefined;
  /** How long a write waits for other writers, in milliseconds. */
  readonly lockTimeout: number;
}

/** Path of the lock file of a store. */
export function lockPath({ folder }: StoreName): string {
  return `${folder}/lock`;
}
