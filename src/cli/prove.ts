import type { ApplyResult } from '../engine/apply-events.ts';
import type { Run } from '../engine/run.ts';
import type { Claim, Evidence } from '../model/claim.ts';
import type { ResourceId } from '../model/ids.ts';
import { exitCode, worstOf } from './exit-codes.ts';
import type { Terminal } from './terminal.ts';

/** Claims measured at once, and how long one may take. */
const concurrency = 8;
const timeoutMilliseconds = 30_000;

/** Measures claims with a progress line. Evidence comes in the order of the claims. */
export async function prove(run: Run, claims: readonly Claim[], terminal: Terminal): Promise<readonly Evidence[]> {
  if (claims.length === 0) {
    return [];
  }
  await run.sessions.closeTargets();
  const [{ measureClaims }, { policyEvaluator }] = await Promise.all([
    import('../proofs/measure-claims.ts'),
    import('./policy-language.ts'),
  ]);
  let measured = 0;
  terminal.progress(`proving ${claims.length} claims`);
  const evidence = await measureClaims(
    claims,
    { run: run.context, policies: policyEvaluator },
    {
      concurrency,
      timeoutMilliseconds,
      onEvidence: () => {
        measured += 1;
        terminal.progress(`proven ${measured} of ${claims.length} claims`);
      },
    },
  );
  terminal.progress(undefined);
  return evidence;
}

/**
 * The claims that rest on something that was changed, and on nothing that failed or was left out. When that is all that
 * rests on anything, as of a fleet that was made, the others are of it too: everything is proven once.
 */
export function claimsTouched(claims: readonly Claim[], result: ApplyResult): readonly Claim[] {
  const changed = new Set(result.done.map(({ id }) => id));
  const missing = new Set<ResourceId>([...result.failed, ...result.skipped].map(({ id }) => id));
  const isTouched = ({ restsOn }: Claim): boolean =>
    restsOn.some((id) => changed.has(id)) && !restsOn.some((id) => missing.has(id));
  const touched = claims.filter(isTouched);
  return touched.length > 0 && claims.every((claim) => claim.restsOn.length === 0 || isTouched(claim))
    ? claims
    : touched;
}

/** 1 with a broken claim, 3 with an unknown one. */
export function evidenceExitCode(evidence: readonly Evidence[]): number {
  const codes = { held: exitCode.done, broken: exitCode.failed, unknown: exitCode.couldNotAsk };
  return worstOf(exitCode.done, ...evidence.map(({ verdict }) => codes[verdict]));
}
