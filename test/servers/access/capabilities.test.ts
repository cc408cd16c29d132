import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { capabilitiesOn } from '../../../src/access/evaluate.ts';
import { parsePolicy } from '../../../src/access/policy-parse.ts';
import { renderPolicy } from '../../../src/access/render.ts';
import { RuleIndex } from '../../../src/access/rule-index.ts';
import { notOpenBao, openBaoMissing, openBaoOfSuite } from '../../support/openbao.ts';
import type { OpenBao } from '../../support/openbao.ts';
import { PolicyCases } from '../../support/policy-cases.ts';

const sets = 100;
const pathsOfSet = 200;
const seed = 20_260_101;

interface Disagreement {
  readonly path: string;
  readonly server: readonly string[];
  readonly here: readonly string[];
  readonly policies: readonly string[];
}

describe('the evaluator', { skip: openBaoMissing }, () => {
  const bao = openBaoOfSuite();

  it('answers 20,000 generated questions as sys/capabilities does, for texts by hand and for its own', async () => {
    const cases = new PolicyCases(seed, notOpenBao === false ? 'scan' : 'subscribe');
    const disagreements: Disagreement[] = [];
    const seen = new Map<string, number>();
    let asked = 0;
    for (let set = 0; set < sets; set++) {
      const written = Array.from({ length: 1 + cases.below(3) }, () => cases.policy());
      const parsed = written.map((text, index) => parsePolicy(`p${index}`, text));
      // Every other set is put on the server as we would write it.
      const texts = set % 2 === 0 ? written : parsed.map(({ rules }) => renderPolicy(rules));
      const paths = Array.from({ length: pathsOfSet }, () => cases.path());
      const answers = await capabilitiesOfServer(bao(), texts, paths);
      const index = new RuleIndex(parsed, { product: notOpenBao === false ? 'openbao' : 'vault' });
      for (const path of paths) {
        const server = [...(answers[path] ?? [])].sort();
        const here = capabilitiesOn(index, path);
        asked++;
        seen.set(server.join(), (seen.get(server.join()) ?? 0) + 1);
        if (server.join() !== here.join()) {
          disagreements.push({ path, server, here, policies: texts });
        }
      }
    }
    assert.deepEqual(disagreements.slice(0, 3), []);
    assert.equal(asked, sets * pathsOfSet);
    const refused = seen.get('deny') ?? 0;
    assert.ok(refused > asked / 10 && refused < asked * 0.9, `${refused} of ${asked} refused: the cases say little`);
    assert.ok(seen.size > 40, `only ${seen.size} different answers`);
  });
});

async function capabilitiesOfServer(
  bao: OpenBao,
  texts: readonly string[],
  paths: readonly string[],
): Promise<Record<string, string[]>> {
  await Promise.all(texts.map((policy, index) => bao.ask('PUT', `sys/policies/acl/p${index}`, { policy })));
  const made = await bao.ask('POST', 'auth/token/create', {
    policies: texts.map((_, index) => `p${index}`),
    no_default_policy: true,
    type: 'batch',
  });
  const token = made.body?.['auth']['client_token'] as string;
  const answer = await bao.ask('POST', 'sys/capabilities', { token, paths });
  return answer.body?.['data'] as Record<string, string[]>;
}
