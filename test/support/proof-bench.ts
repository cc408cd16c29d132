import { policyEvaluator } from '../../src/cli/policy-language.ts';
import type { RunContext } from '../../src/engine/interfaces.ts';
import { claimId, type Evidence } from '../../src/model/claim.ts';
import { measureClaims } from '../../src/proofs/measure-claims.ts';
import type { Endpoint } from '../../src/proofs/proofs.spec.ts';
import type { PostgresServer } from './postgres.ts';

/** Measures one claim as `verify` does. */
export async function prove(run: RunContext, kind: string, spec: unknown): Promise<Evidence> {
  const claim = {
    id: claimId('Test/test', kind),
    kind,
    sentence: kind,
    group: 'test',
    restsOn: [],
    spec,
    document: 'Test/test',
  };
  const [evidence] = await measureClaims(
    [claim],
    { run, policies: policyEvaluator },
    { concurrency: 1, timeoutMilliseconds: 30_000 },
  );
  return evidence as Evidence;
}

export function endpointOf(server: PostgresServer, postgres: string, host: string): Endpoint {
  const { port, socketDirectory, dataDirectory } = server;
  return { postgres, host, hostaddr: '127.0.0.1', port, socketDirectory, dataDirectory };
}
