/** Mounts of the store's engines that Keywright fills. */
export interface EngineMounts {
  readonly kv: readonly string[];
  readonly database: readonly string[];
  readonly pki: readonly string[];
  readonly transit: readonly string[];
}

/** Name of the policy, of the auth mount and of the role of Keywright's own identity, and of its way back in. */
export const identityMount = 'keywright';
export const identityPolicy = 'keywright';
export const breakGlassMount = 'keywright-break-glass';
export const breakGlassPolicy = 'keywright-break-glass';

interface Grant {
  readonly why: string;
  readonly paths: readonly string[];
  readonly capabilities: readonly string[];
}

const write = ['create', 'read', 'update', 'delete', 'list'];

/**
 * What Keywright may do in a store that it runs: everything that a fleet can declare, and none of sealing, stepping
 * down, removing peers, key rotation, raw storage, root tokens, or changing this identity itself.
 *
 * Whoever may write policies can in the end give itself everything; the denials keep that from happening by mistake and
 * make it visible, no more.
 */
export function renderIdentityPolicy(mounts: EngineMounts): string {
  const grants: Grant[] = [
    {
      why: 'entries: values, versions, metadata',
      paths: mounts.kv.map((mount) => `${mount}/*`),
      capabilities: [...write, 'patch', 'scan'],
    },
    {
      why: 'engines that issue',
      paths: [...mounts.database, ...mounts.pki, ...mounts.transit].map((mount) => `${mount}/*`),
      capabilities: [...write, 'patch'],
    },
    { why: 'what is mounted', paths: ['sys/mounts'], capabilities: ['read'] },
    { why: 'mounts and their tuning', paths: ['sys/mounts/*'], capabilities: write },
    {
      why: 'what the fleet derives for its consumers',
      paths: ['sys/policies/acl/*', 'sys/policies/password/*'],
      capabilities: write,
    },
    {
      why: 'one list with every text',
      paths: ['sys/policies/acl', 'sys/policies/detailed/acl'],
      capabilities: ['read', 'list'],
    },
    { why: 'ways to log in', paths: ['sys/auth'], capabilities: ['read'] },
    { why: 'the server wants sudo for these', paths: ['sys/auth/*'], capabilities: [...write, 'sudo'] },
    { why: 'roles and settings of the ways to log in', paths: ['auth/*'], capabilities: [...write, 'patch'] },
    { why: 'roles that failed logins have locked', paths: ['sys/locked-users/*'], capabilities: ['update'] },
    { why: 'groups of people', paths: ['identity/*'], capabilities: write },
    { why: 'leases that end early', paths: ['sys/leases/*'], capabilities: ['create', 'update', 'list', 'sudo'] },
    {
      why: 'proofs ask what a token may do',
      paths: ['sys/capabilities', 'sys/capabilities-accessor'],
      capabilities: ['update'],
    },
    {
      why: 'proofs look for root tokens; the server wants sudo for this list',
      paths: ['auth/token/accessors'],
      capabilities: ['list', 'sudo'],
    },
    {
      why: 'state of the cluster, snapshots, audit devices, metrics',
      paths: [
        'sys/storage/raft/autopilot/state',
        'sys/storage/raft/configuration',
        'sys/storage/raft/snapshot',
        'sys/ha-status',
        'sys/metrics',
      ],
      capabilities: ['read'],
    },
    { why: 'the server wants sudo for this', paths: ['sys/audit'], capabilities: ['read', 'sudo'] },
    {
      why: 'never itself',
      paths: [
        `auth/${identityMount}/certs/*`,
        `auth/${identityMount}/config`,
        `auth/${breakGlassMount}/*`,
        `sys/auth/${identityMount}*`,
        `sys/policies/acl/${identityPolicy}`,
        `sys/policies/acl/${breakGlassPolicy}`,
        'sys/generate-root-token/*',
      ],
      capabilities: ['deny'],
    },
  ];
  return grants
    .filter(({ paths }) => paths.length > 0)
    .map(({ why, paths, capabilities }) => `# ${why}\n${paths.map((path) => rule(path, capabilities)).join('')}`)
    .join('\n');
}

/** The way back in may begin, continue and cancel the making of a root token, for which the holders' shares are needed. */
export function renderBreakGlassPolicy(): string {
  return `# Makes a root token together with the key holders' shares, and nothing else.\n${rule('sys/generate-root-token/*', ['create', 'read', 'update', 'delete'])}`;
}

function rule(path: string, capabilities: readonly string[]): string {
  return `path "${path}" {\n  capabilities = [${capabilities.map((word) => `"${word}"`).join(', ')}]\n}\n`;
}
