/**
 * The evaluator of policies: 10,000 paths over one set of 1,000 policies, read from their text, and 10 paths over each of
 * them alone: `npm run bench -- access [POLICIES] [PATHS]`. Prints seconds; the aim for both together is 2.
 */
import { capabilitiesOn } from '../src/access/evaluate.ts';
import { parsePolicy } from '../src/access/policy-parse.ts';
import { RuleIndex } from '../src/access/rule-index.ts';

const [policies = 1000, paths = 10_000] = process.argv.slice(2).map(Number);

const texts = Array.from(
  { length: policies },
  (_, at) => `path "secret/data/apps/team-${at}/*" { capabilities = ["read"] }
path "secret/data/apps/+/shared-${at}" { capabilities = ["read", "list"] }
path "secret/metadata/apps/team-${at}/*" { capabilities = ["list"] }
path "database/creds/service-${at}" { capabilities = ["read"] }
`,
);
const asked = Array.from({ length: paths }, (_, at) => `secret/data/apps/team-${at % (policies * 2)}/service-${at}`);

const read = timed(() => texts.map((text, at) => parsePolicy(`service-${at}`, text)));
const together = timed(() => {
  const index = new RuleIndex(read.result);
  return asked.filter((path) => capabilitiesOn(index, path).includes('read')).length;
});
const alone = timed(() => {
  const answers = read.result.map((policy) => {
    const index = new RuleIndex([policy]);
    return asked.slice(0, 10).filter((path) => capabilitiesOn(index, path).includes('read')).length;
  });
  return answers.reduce((sum, each) => sum + each, 0);
});
const total = read.seconds + together.seconds;
console.log(`${policies} policies are read in ${read.seconds.toFixed(3)} s
${paths} paths over all of them: ${together.seconds.toFixed(3)} s, ${together.result} may be read
10 paths over each alone: ${alone.seconds.toFixed(3)} s, ${alone.result} may be read
reading and all paths: ${total.toFixed(3)} s (aim < 2)`);

function timed<T>(work: () => T): { readonly result: T; readonly seconds: number } {
  const begun = performance.now();
  const result = work();
  return { result, seconds: (performance.now() - begun) / 1000 };
}
