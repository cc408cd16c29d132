import type { InventoryRecord, Move } from '../../engine/interfaces.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { Resource } from '../../model/resource.ts';
import { matchMoves } from '../store/move-matching.ts';
import type { CertificateSpec, HeirSpec } from './authority.spec.ts';

/** The same entry of the same document under another path, else an entry of the same document for the same names. */
export function certificateMoves(
  wanted: readonly Resource<CertificateSpec>[],
  leaving: readonly InventoryRecord[],
): ReadonlyMap<ResourceId, Move> {
  return matchMoves(
    wanted,
    leaving,
    [0, 1].map((index) => ({
      ofResource: ({ spec }) => likenessOf(spec)[index],
      ofRecord: ({ removal }) => decodeLikeness(removal?.likeness)[index],
    })),
  );
}

/**
 * By what a certificate of a document is known under another path: its name there, and whom it is for. Empty for those
 * that lie where Keywright puts them.
 */
export function likenessOf({ origin, commonName, hosts }: Omit<HeirSpec, 'id'>): readonly string[] {
  return origin === undefined
    ? []
    : [
        JSON.stringify([origin.document, origin.entry]),
        JSON.stringify([origin.document, commonName, hosts.toSorted()]),
      ];
}

/** What a record keeps of it, as text. */
export function encodeLikeness(spec: Omit<HeirSpec, 'id'>): { readonly likeness?: string } {
  const likeness = likenessOf(spec);
  return likeness.length === 0 ? {} : { likeness: JSON.stringify(likeness) };
}

function decodeLikeness(text: unknown): readonly string[] {
  return typeof text === 'string' ? (JSON.parse(text) as string[]) : [];
}

/** `moves from apps/old`, with the store where it is another one. */
export function movesFromText({ spec }: Resource<CertificateSpec>, { removal }: InventoryRecord): string {
  const { store, path } = removal ?? {};
  return `moves from ${store === spec.store ? path : `${path} of store ${store}`}`;
}
