import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { RuleDescription } from '../fleet/rule.ts';
import type { Diagnostic, Position } from '../model/diagnostic.ts';
import { allRules, explainRule } from './explain.ts';

/**
 * Findings as one SARIF log, which code scanning and editors read (OASIS SARIF 2.1.0; numbers below are its sections).
 * No excerpt of a file is in it: a finding may be about a secret that stands in the text.
 *
 * @param diagnostics with positions
 * @param context version of this Keywright, and the absolute folder that shown file names start from
 */
export function sarifOf(
  diagnostics: readonly Diagnostic[],
  context: { readonly version: string; readonly folder: string },
): unknown {
  return {
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'Keywright', version: context.version, rules: allRules.map(ruleOf) } },
        // 3.14.14: the base ends with a slash, and what is below it is relative, so that a repository can lie anywhere.
        originalUriBaseIds: { [base]: { uri: `${pathToFileURL(context.folder).href.replace(/\/$/, '')}/` } },
        columnKind: 'utf16CodeUnits',
        results: diagnostics.map(resultOf),
      },
    ],
  };
}

const base = 'SRCROOT';

/** 3.49 */
function ruleOf({ id, name, severity, what, why }: RuleDescription): unknown {
  return {
    id,
    name,
    shortDescription: { text: what },
    fullDescription: { text: `${what} ${why}` },
    help: { text: explainRule(id) },
    defaultConfiguration: { level: severity },
  };
}

/** 3.27 */
function resultOf(diagnostic: Diagnostic): unknown {
  const { severity, rule, message, why, remedy, object, source, position, related } = diagnostic;
  const ruleId = rule.split(' ')[0];
  const file = position?.file ?? source?.file;
  const location = {
    ...(file === undefined ? {} : { physicalLocation: physicalLocation(file, position) }),
    ...(object === undefined ? {} : { logicalLocations: [{ fullyQualifiedName: object, kind: 'resource' }] }),
  };
  return {
    ruleId,
    ruleIndex: allRules.findIndex(({ id }) => id === ruleId),
    level: severity,
    message: { text: [message, why, remedy].filter((part) => part !== undefined && part !== '').join('\n') },
    ...(Object.keys(location).length === 0 ? {} : { locations: [location] }),
    ...(related?.position === undefined
      ? {}
      : {
          relatedLocations: [
            {
              id: 1,
              message: { text: related.message },
              physicalLocation: physicalLocation(related.position.file, related.position),
            },
          ],
        }),
  };
}

/** 3.29 and 3.30: lines and columns from 1, the end behind the last character. */
function physicalLocation(file: string, position: Position | undefined): unknown {
  return {
    artifactLocation: isAbsolute(file)
      ? { uri: pathToFileURL(file).href }
      : { uri: file.split('/').map(encodeURIComponent).join('/'), uriBaseId: base },
    ...(position === undefined
      ? {}
      : {
          region: {
            startLine: position.line,
            startColumn: position.column,
            endLine: position.line,
            endColumn: position.column + position.length,
          },
        }),
  };
}
