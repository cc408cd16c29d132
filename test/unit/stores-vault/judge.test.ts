import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge } from '../../../src/stores/vault/judge.ts';
import { readReply } from '../../../src/stores/vault/reply.ts';

const notProcessed = { processed: false, elsewhere: true };
const cases: readonly (readonly [string, number, string, object])[] = [
  ['an answer with data', 200, '{"data":{"a":1}}', { is: 'done' }],
  ['an empty answer', 204, '', { is: 'done' }],
  ['a redirect of a standby', 307, '', { is: 'again', why: 'standby', ...notProcessed }],
  ['a sealed server', 503, '{"errors":["Vault is sealed"]}', { is: 'again', why: 'sealed', ...notProcessed }],
  [
    'a standby without a leader',
    500,
    '{"errors":["local node not active but active cluster node not found"]}',
    { is: 'again', why: 'noLeader', ...notProcessed },
  ],
  [
    'a leader that lost its place while it wrote, although the status is 400',
    400,
    '{"errors":["failed to persist policy: leadership lost while committing log"]}',
    { is: 'again', why: 'noLeader', processed: true, elsewhere: true },
  ],
  [
    'a KV mount that is being made',
    400,
    '{"errors":["Upgrading from non-versioned to versioned data. This backend will be unavailable …"]}',
    { is: 'again', why: 'engineStarting', processed: false, elsewhere: false },
  ],
  [
    'a quota',
    429,
    '{"errors":["request path \\"kv/x\\": rate limit quota exceeded"]}',
    { is: 'again', why: 'rateLimited', processed: false, elsewhere: false },
  ],
  ['a standby that is behind', 429, '{"errors":[]}', { is: 'again', why: 'behind', ...notProcessed }],
  ['the same from HashiCorp', 412, '{"errors":[]}', { is: 'again', why: 'behind', ...notProcessed }],
  [
    'audit devices that fail',
    500,
    '{"errors":["internal error"]}',
    { is: 'again', why: 'internalError', processed: true, elsewhere: true },
  ],
  [
    'an engine whose database is away',
    500,
    '{"errors":["1 error occurred:\\n\\t* failed to connect\\n\\n"]}',
    { is: 'again', why: 'serverError', processed: true, elsewhere: false },
  ],
  ['a proxy without a server', 502, '<html>', { is: 'again', why: 'serverError', processed: true, elsewhere: true }],
  ['a bad token', 403, '{"errors":["permission denied"]}', { is: 'login' }],
  [
    'a bad token of HashiCorp',
    403,
    '{"errors":["2 errors occurred:\\n\\t* permission denied\\n\\t* invalid token\\n\\n"]}',
    { is: 'login' },
  ],
  ['a policy that forbids', 403, '{"errors":["1 error occurred:\\n\\t* permission denied\\n\\n"]}', { is: 'refused' }],
  ['an absent object', 404, '{"errors":[]}', { is: 'refused' }],
  ['a conflict', 400, '{"errors":["check-and-set parameter did not match the current version"]}', { is: 'refused' }],
];

for (const [what, status, text, expected] of cases) {
  test(`${what} (${status}) is judged right`, () => {
    assert.deepEqual(judge(readReply({ status, headers: {}, text })), expected);
  });
}

test('a status that the caller accepts is done', () => {
  assert.deepEqual(judge(readReply({ status: 404, headers: {}, text: '{"errors":[]}' }), [404]), { is: 'done' });
});

test('a token that a server does not know when it asks for its own rights is replaced; one that was asked about is refused', () => {
  const reply = readReply({
    status: 400,
    headers: {},
    text: '{"errors":["1 error occurred:\\n\\t* invalid token\\n\\n"]}',
  });
  assert.deepEqual(judge(reply, [], 'sys/capabilities-self'), { is: 'login' });
  assert.deepEqual(judge(reply, [], 'sys/capabilities'), { is: 'refused' });
});
