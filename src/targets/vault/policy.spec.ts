/** What a policy can allow on a path; `deny` stands alone. */
export type PolicyCapability = 'create' | 'read' | 'update' | 'patch' | 'delete' | 'list' | 'scan' | 'sudo' | 'deny';

export interface PolicyRule {
  /** `+` stands for one segment, `*` at the end for any rest. */
  readonly path: string;
  readonly capabilities: readonly PolicyCapability[];
  /** Seconds: only requests for a wrapped answer that lives so long at least and at most pass. Absent: no limit. */
  readonly minWrappingTtl?: number;
  readonly maxWrappingTtl?: number;
}

/**
 * `store/<Store>/policy/<name>`: rights of whoever has it. Compared by meaning, not by text: order, spelling and comments
 * are anybody's. Removed when it leaves the fleet.
 */
export interface PolicySpec {
  /** Lower case, as servers keep it. */
  readonly name: string;
  readonly rules: readonly PolicyRule[];
}
