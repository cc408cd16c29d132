import type { RunContext } from '../engine/interfaces.ts';
import type { Claim, Evidence, Measurement } from '../model/claim.ts';
import { causeOf, Failure } from '../model/failure.ts';
import { resolveOutputs } from '../model/resource.ts';
import { broken, type ProofTools, unknown } from './measurer.ts';
import { measurers } from './measurers.ts';
import type { PolicyEvaluator } from './policy-evaluator.ts';

export interface ProofContext {
  readonly run: RunContext;
  readonly policies: PolicyEvaluator;
}

export interface ProofOptions {
  /** How many claims are measured at once. */
  readonly concurrency: number;
  /** Milliseconds after which one measurement is given up and its claim unknown. */
  readonly timeoutMilliseconds: number;
  readonly onEvidence?: (evidence: Evidence) => void;
}

/**
 * Measures claims, several at once, each with a time of its own. Evidence comes in the order of the claims. What could
 * not be asked makes a claim unknown, never held and never broken.
 */
export async function measureClaims(
  claims: readonly Claim[],
  context: ProofContext,
  options: ProofOptions,
): Promise<Evidence[]> {
  const evidence: Evidence[] = [];
  const queue = claims.entries();
  const worker = async (): Promise<void> => {
    for (const [index, claim] of queue) {
      const result = await measure(claim, context, options);
      evidence[index] = result;
      options.onEvidence?.(result);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, options.concurrency) }, worker));
  return evidence;
}

async function measure(claim: Claim, context: ProofContext, options: ProofOptions): Promise<Evidence> {
  const { run } = context;
  const at = run.environment.now().toISOString();
  const start = performance.now();
  const measurement = await withTime(claim, context, options.timeoutMilliseconds);
  return { ...measurement, claim, at, milliseconds: Math.round(performance.now() - start) };
}

async function withTime(claim: Claim, { run, policies }: ProofContext, milliseconds: number): Promise<Measurement> {
  const measurer = measurers[claim.kind];
  if (measurer === undefined) {
    return unknown(`nothing measures claims of kind ${claim.kind}`);
  }
  const resolved = resolveOutputs(claim.spec, (ref) => run.output(ref.from, ref.output));
  const [missing] = resolved.unknown;
  if (missing !== undefined) {
    return unknown(`${missing.output} of ${missing.from} is not known yet; run keywright apply`);
  }
  const abort = new AbortController();
  const cleanUps: (() => Promise<void>)[] = [];
  const tools: ProofTools = {
    run,
    policies,
    signal: AbortSignal.any([run.signal, abort.signal]),
    after: (work) => {
      cleanUps.push(work);
    },
    entry: async (ref) => readEntry(run, ref),
  };
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise<Measurement>((resolve) => {
    timer = setTimeout(() => {
      abort.abort();
      resolve(unknown(`no answer within ${milliseconds / 1000} s`));
    }, milliseconds);
  });
  // A connection that we cut ourselves is no evidence of anything.
  const interrupted = new Promise<Measurement>((resolve) => {
    const tell = (): void => resolve(unknown('interrupted'));
    run.signal.addEventListener('abort', tell, { once: true, signal: abort.signal });
    if (run.signal.aborted) {
      tell();
    }
  });
  try {
    return await Promise.race([interrupted, judged(measurer(resolved.spec as never, tools)), timeUp]);
  } finally {
    clearTimeout(timer);
    for (const cleanUp of cleanUps.reverse()) {
      await cleanUp().catch(() => {});
    }
    // Takes the listener away, too.
    abort.abort();
  }
}

/** What is not there although the fleet says so breaks a claim; what could not be asked leaves it unknown. */
async function judged(measuring: Promise<Measurement>): Promise<Measurement> {
  try {
    return await measuring;
  } catch (error) {
    if (error instanceof Failure && (error.code === 'entry-missing' || error.code === 'key-missing')) {
      return broken(error.message, error.details.remedy ?? 'keywright apply');
    }
    return unknown(causeOf(error));
  }
}

async function readEntry(run: RunContext, ref: { readonly store: string; readonly path: string }) {
  const store = await run.store(ref.store);
  const answer = await store.read(ref.path);
  if (answer.state === 'present') {
    return answer.seen.data;
  }
  if (answer.state === 'absent') {
    throw new Failure({
      code: 'entry-missing',
      message: `${ref.store}/${ref.path} is not there`,
      object: `${ref.store}/${ref.path}`,
      remedy: 'keywright apply',
    });
  }
  throw new Failure({ code: 'could-not-ask', message: answer.why, exitCode: 3 });
}
