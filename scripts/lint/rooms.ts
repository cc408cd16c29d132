import { dirname, join, relative } from 'node:path';
import { importTable, mayImport } from '../import-table.ts';
import { isNode } from './rule.ts';
import type { Node, Rule, Visitors } from './rule.ts';

/** A room of `src/` imports only from the rooms that the import table gives it; types and late imports count too. */
export const rooms: Rule = {
  create(context): Visitors {
    const source = join(context.cwd, 'src');
    const file = relative(source, context.filename);
    if (file.startsWith('..')) return {};
    const [room = '', ...rest] = file.split('/');
    const isListed = rest.length > 0 && Object.hasOwn(importTable, room);

    function judge({ source: specifier }: Node): void {
      if (!isNode(specifier)) return;
      const path = specifier['value'];
      if (typeof path !== 'string') {
        context.report({ node: specifier, message: 'a computed import can be neither checked nor bundled' });
        return;
      }
      if (!path.startsWith('.')) return;
      const imported = relative(source, join(dirname(context.filename), path));
      if (imported.startsWith('..')) {
        context.report({ node: specifier, message: `src/ may not import ${path}, which lies outside of it` });
      } else if (!mayImport(room, imported)) {
        const allowed = importTable[room]?.join(', ') || 'nothing';
        const message = `${room}/ may not import ${imported}; it may import ${allowed} (scripts/import-table.ts)`;
        context.report({ node: specifier, message });
      }
    }

    if (!isListed) {
      return {
        Program: (node) =>
          context.report({ node, message: `src/${file} is in no room that scripts/import-table.ts has` }),
      };
    }
    return {
      ImportDeclaration: judge,
      ExportNamedDeclaration: judge,
      ExportAllDeclaration: judge,
      ImportExpression: judge,
      TSImportType: judge,
    };
  },
};
