import { isNode } from './rule.ts';
import type { Node, Rule } from './rule.ts';

const forbiddenCalls = new Set(['chdir', 'exit', 'abort', 'kill', 'umask', 'setuid', 'setgid', 'loadEnvFile']);

/** Unit tests share one process: none may change what the others see of it. */
export const unitTestIsolation: Rule = {
  create(context) {
    const judgeWrite = (target: unknown): void => {
      if (!isNode(target)) return;
      const object = target['object'];
      if (!isNode(object)) return;
      const written = isProcessMember(target, 'env') || isProcessMember(target, 'exitCode') ? target : object;
      if (!isProcessMember(written, 'env') && !isProcessMember(written, 'exitCode')) return;
      context.report({ node: target, message: `unit tests share one process: hand the environment in instead` });
    };
    return {
      CallExpression(node) {
        const { callee } = node;
        if (!isNode(callee) || !isNode(callee['property'])) return;
        const name = callee['property']['name'];
        if (typeof name !== 'string' || !forbiddenCalls.has(name) || !isProcessMember(callee, name)) return;
        context.report({ node: callee, message: `unit tests share one process: process.${name} is for test/servers` });
      },
      AssignmentExpression: (node) => judgeWrite(node['left']),
      UnaryExpression(node) {
        if (node['operator'] === 'delete') judgeWrite(node['argument']);
      },
    };
  },
};

/** `process.name` or `process['name']`. */
function isProcessMember(node: Node, name: string): boolean {
  const { object, property } = node;
  if (!isNode(object) || !isNode(property)) return false;
  return object['name'] === 'process' && (property['name'] === name || property['value'] === name);
}
