/** Names of all commands, in the order in which they are listed. */
export const commandNames = [
  'init',
  'check',
  'plan',
  'apply',
  'verify',
  'status',
  'up',
  'down',
  'exec',
  'sweep',
  'secret',
  'access',
  'delete',
  'unlock',
  'target',
  'revoke',
  'unseal',
  'store',
  'schema',
  'explain',
  'completion',
] as const;

export type CommandName = (typeof commandNames)[number];
