import type { RulePlace } from '../access/evaluate.ts';
import { identitiesOf } from '../access/what.ts';
import type { CompiledFleet } from '../model/compiled.ts';
import { Failure } from '../model/failure.ts';
import { nearest, wrap } from './text.ts';

/** An identity of the fleet. @throws Failure `no-such-identity` with the nearest name */
export function requireIdentity(compiled: CompiledFleet, subject: string): string {
  const known = identitiesOf(compiled);
  if (!known.includes(subject)) {
    const near = nearest(subject, known);
    throw new Failure({
      code: 'no-such-identity',
      message: `the fleet has no consumer or access named ${subject}`,
      object: subject,
      remedy: near === undefined ? `there is ${known.join(', ')}` : `did you mean ${near}`,
    });
  }
  return subject;
}

/** A rule of a policy, for example `policy orders: secret/data/apps/*`. */
export function placeText({ policy, path, line }: RulePlace): string {
  return `policy ${policy}${line === undefined ? '' : `, line ${line}`}: ${path}`;
}

/** A heading and what it is about, indented below it, in 80 columns. */
export function block(heading: string, lines: readonly (string | undefined)[]): string {
  const below = lines.flatMap((line) => (line === undefined ? [] : wrap(line, 71)));
  return [heading, ...below.map((line) => `         ${line}`)].map((line) => `${line}\n`).join('');
}
