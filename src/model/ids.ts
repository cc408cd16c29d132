/** `<target>/<kind>/<name…>`, each segment percent-encoded, for example `postgres/orders-a/role/orders_app_a`. */
export type ResourceId = string & { readonly brand: 'ResourceId' };

/** `<target kind>/<name>`, for example `postgres/orders-a`, `store/box`, `site/site-a`, `authority/local`. */
export type TargetId = string & { readonly brand: 'TargetId' };

export type TargetKindName = 'store' | 'authority' | 'site' | 'postgres';

export function targetId(kind: TargetKindName, name: string): TargetId {
  return `${kind}/${encodeURIComponent(name)}` as TargetId;
}

export function resourceId(target: TargetId, kind: string, ...names: readonly string[]): ResourceId {
  return [target, kind, ...names.map(encodeURIComponent)].join('/') as ResourceId;
}

export interface ParsedResourceId {
  readonly target: TargetId;
  readonly targetKind: TargetKindName;
  readonly targetName: string;
  readonly kind: string;
  readonly names: readonly string[];
}

/** Takes an id apart. Throws a RangeError when the text has fewer than four segments. */
export function parseResourceId(id: string): ParsedResourceId {
  const [targetKind, targetName, kind, ...names] = id.split('/');
  if (targetKind === undefined || targetName === undefined || kind === undefined || names.length === 0) {
    throw new RangeError(`not a resource id: ${id}`);
  }
  return {
    target: `${targetKind}/${targetName}` as TargetId,
    targetKind: targetKind as TargetKindName,
    targetName: decodeURIComponent(targetName),
    kind,
    names: names.map(decodeURIComponent),
  };
}

export function targetOf(id: ResourceId): TargetId {
  return parseResourceId(id).target;
}
