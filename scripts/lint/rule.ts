/** The part of oxlint's plugin interface that our rules use; it follows ESLint's. */
export interface Rule {
  create(context: RuleContext): Visitors;
}

/** What to call for each node of a type. */
export type Visitors = Readonly<Record<string, (node: Node) => void>>;

export interface RuleContext {
  readonly cwd: string;
  readonly filename: string;
  report(finding: { readonly node: Node; readonly message: string }): void;
}

/** A node of the ESTree syntax tree; which other fields it has depends on its type. */
export interface Node {
  readonly type: string;
  readonly [field: string]: unknown;
}

export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value;
}
