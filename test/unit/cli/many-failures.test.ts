import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApplyResult } from '../../../src/engine/apply-events.ts';
import { ApplyReporter } from '../../../src/cli/render/apply.ts';
import { processStreams } from '../../../src/cli/streams.ts';
import { Terminal } from '../../../src/cli/terminal.ts';
import { Failure } from '../../../src/model/failure.ts';
import type { ResourceId } from '../../../src/model/ids.ts';

const entry = (at: number): ResourceId => `store/main/secret/e${at}` as ResourceId;

test('hundreds of failures are told by the first of them and a count', () => {
  const reporter = new ApplyReporter(new Terminal(processStreams(), { json: false, debug: false }), { verbose: false });
  const all = Array.from({ length: 300 }, (_, at) => at);
  const result: ApplyResult = {
    total: 600,
    done: [],
    unchanged: [],
    failed: all.map((at) => ({
      id: entry(at),
      error: new Failure({ code: 'x', message: `entry ${at} is away` }),
    })),
    skipped: all.map((at) => ({ id: `store/main/secret/f${at}` as ResourceId, because: entry(at) })),
    operations: [],
    remaining: [],
    interrupted: false,
  };
  const text = reporter.failures(result);
  assert.equal(text.match(/^error: /gm)?.length, 10);
  assert.match(text, /^and 290 more failed; all of them: keywright apply --output json$/m);
  assert.equal(text.match(/^skipped, waiting for /gm)?.length, 10);
  assert.match(text, /^and 290 more skipped$/m);
  const few = reporter.failures({ ...result, failed: result.failed.slice(0, 3), skipped: [] });
  assert.doesNotMatch(few, /more/);
});
