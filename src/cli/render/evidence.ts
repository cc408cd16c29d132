import type { Evidence, Verdict } from '../../model/claim.ts';
import type { Style, Terminal } from '../terminal.ts';
import { spread, took, wrap } from '../text.ts';

const words: Readonly<Record<Verdict, { readonly word: string; readonly style: Style }>> = {
  held: { word: 'held', style: 'green' },
  broken: { word: 'BROKEN', style: ['red', 'bold'] },
  unknown: { word: 'unknown', style: 'yellow' },
};

export interface VerdictCounts {
  readonly held: number;
  readonly broken: number;
  readonly unknown: number;
}

export function countVerdicts(evidence: readonly { readonly verdict: Verdict }[]): VerdictCounts {
  const counts = { held: 0, broken: 0, unknown: 0 };
  for (const { verdict } of evidence) {
    counts[verdict] += 1;
  }
  return counts;
}

/** Evidence for a person, under its groups. With `onlyTrouble`, held claims are left out. */
export function evidenceText(terminal: Terminal, evidence: readonly Evidence[], onlyTrouble = false): string {
  const shown = onlyTrouble ? evidence.filter(({ verdict }) => verdict !== 'held') : evidence;
  const lines: string[] = [];
  for (const [group, ofGroup] of Map.groupBy(shown, ({ claim }) => claim.group)) {
    lines.push(group, ...ofGroup.flatMap((each) => claimLines(terminal, each)));
  }
  return lines.map((line) => `${line}\n`).join('');
}

function claimLines(terminal: Terminal, { claim, verdict, seen, mend, milliseconds }: Evidence): string[] {
  const { word, style } = words[verdict];
  const [first = '', ...more] = wrap(claim.sentence, 60);
  const line = spread(first, took(milliseconds), 69);
  const lines = [`  ${terminal.style(style, word)}${' '.repeat(9 - word.length)}${line}`, ...more.map(indented)];
  if (verdict !== 'held') {
    lines.push(...wrap(seen, 68).map(indented));
    lines.push(...(mend === undefined ? [] : wrap(`Mend: ${mend}`, 68).map(indented)));
  }
  return lines;
}

function indented(line: string): string {
  return `${' '.repeat(11)}${line}`;
}

/** `46 held, 1 broken, 1 unknown`. */
export function verdictSummary({ held, broken, unknown }: VerdictCounts): string {
  return `${held} held, ${broken} broken, ${unknown} unknown`;
}

export interface EvidenceJson {
  readonly summary: VerdictCounts;
  readonly claims: readonly {
    readonly id: string;
    readonly sentence: string;
    readonly verdict: Verdict;
    readonly seen: string;
    /** When it was measured, ISO 8601. */
    readonly at: string;
    readonly milliseconds: number;
    readonly mend?: string;
  }[];
}

/** Evidence for a program, and what is left in `.keywright/evidence.json`. */
export function evidenceJson(evidence: readonly Evidence[]): EvidenceJson {
  return {
    summary: countVerdicts(evidence),
    claims: evidence.map(({ claim, verdict, seen, at, milliseconds, mend }) => ({
      id: claim.id,
      sentence: claim.sentence,
      verdict,
      seen,
      at,
      milliseconds: Math.round(milliseconds),
      mend,
    })),
  };
}
