import type { EntryInfo, Metadata } from '../backend.ts';
import { asNumber, asObject, asText } from './reply.ts';
import { versionName } from './version-name.ts';

/** What KV v2 keeps of an entry beside its values. */
export interface KvMetadata {
  /** Number of the newest version; 0: none was ever written. */
  readonly current: number;
  /** When the newest version was written, as the server spells it. */
  readonly createdTime: string;
  readonly state: 'live' | 'deleted' | 'destroyed' | 'empty';
  readonly custom: Metadata;
}

/** Reads the answer to `GET metadata/…`, or one of those in `detailed-metadata/`. */
export function readKvMetadata(data: Readonly<Record<string, unknown>>, now: Date): KvMetadata {
  const current = asNumber(data['current_version']);
  const version = asObject(asObject(data['versions'])?.[String(current)]);
  return {
    current,
    createdTime: asText(version?.['created_time']) || asText(data['updated_time']),
    state: version === undefined ? (current === 0 ? 'empty' : 'destroyed') : stateOf(version, now),
    custom: customMetadata(data['custom_metadata']),
  };
}

/** `deletion_time` may lie in the future, where a mount deletes versions by itself. */
export function stateOf(version: Readonly<Record<string, unknown>>, now: Date): 'live' | 'deleted' | 'destroyed' {
  if (version['destroyed'] === true) {
    return 'destroyed';
  }
  const deletion = asText(version['deletion_time']);
  return deletion !== '' && Date.parse(deletion) <= now.getTime() ? 'deleted' : 'live';
}

export function customMetadata(value: unknown): Metadata {
  return Object.fromEntries(Object.entries(asObject(value) ?? {}).map(([key, text]) => [key, asText(text)]));
}

export function infoOf(path: string, metadata: KvMetadata): EntryInfo {
  return {
    path,
    version: versionName(metadata.current, metadata.createdTime),
    metadata: metadata.custom,
    writtenAt: isoTime(metadata.createdTime),
    deleted: metadata.state !== 'live',
    destroyed: metadata.state === 'destroyed' || metadata.state === 'empty',
  };
}

/** The server writes nanoseconds; nobody else does. */
export function isoTime(text: string): string {
  const time = Date.parse(text);
  return Number.isNaN(time) ? text : new Date(time).toISOString();
}
