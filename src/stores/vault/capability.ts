/** What a policy can allow on a path. */
export type Capability = 'create' | 'read' | 'update' | 'patch' | 'delete' | 'list' | 'scan' | 'sudo';

/** What a call needs: all of `capabilities`, or one of `create` and `update`, as the object is new or not. */
export interface NeededCapability {
  /** Without `/v1/`, relative to the namespace. */
  readonly path: string;
  readonly capabilities: readonly Capability[];
  /** A write may count as create or as update; only the server knows which. */
  readonly createOrUpdate: boolean;
  readonly namespace?: string;
}

/** Paths that want `sudo` beside the verb (seen on OpenBao 2.7.2; the documentation lists more). */
const sudoPaths = [
  /^sys\/audit(\/|$)/,
  /^sys\/auth\/./,
  /^sys\/rotate\/keyring/,
  /^sys\/rotate\/root$/,
  /^sys\/remount$/,
  /^sys\/seal$/,
  /^sys\/step-down$/,
  /^sys\/config\/cors$/,
  /^sys\/leases\/(lookup\/|revoke-prefix|revoke-force)/,
  /^sys\/leases$/,
  /^auth\/token\/accessors\/?$/,
];

/** The capability that a request with this method needs. A listed path is judged with its slash, as the server does. */
export function neededCapability(method: string, path: string, namespace?: string): NeededCapability {
  const isWrite = method === 'POST' || method === 'PUT';
  const plain = path.replace(/\?.*$/, '');
  const isListing = method === 'LIST' || method === 'SCAN';
  const judged = isListing && !plain.endsWith('/') ? `${plain}/` : plain;
  const sudo: Capability[] = sudoPaths.some((pattern) => pattern.test(plain)) ? ['sudo'] : [];
  const verb = verbs[method] ?? (isWrite ? 'update' : 'read');
  return {
    path: judged,
    capabilities: [verb, ...sudo],
    createOrUpdate: isWrite,
    ...(namespace === undefined ? {} : { namespace }),
  };
}

const verbs: Readonly<Record<string, Capability>> = {
  GET: 'read',
  HEAD: 'read',
  LIST: 'list',
  SCAN: 'scan',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** Which of the needed capabilities are not among those that a token has on the path. */
export function missingCapabilities(needed: NeededCapability, has: readonly string[]): Capability[] {
  if (has.includes('root')) {
    return [];
  }
  return needed.capabilities.filter((capability) => {
    if (needed.createOrUpdate && capability === 'update') {
      return !has.includes('update') && !has.includes('create');
    }
    return !has.includes(capability);
  });
}
