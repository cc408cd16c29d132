/**
 * The floor, as a process of its own: `bare.ts write|read PLACE`. One request per object over kept-alive connections,
 * eight at once, nothing looked at but the status.
 */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { policyName, report, secretPath } from './measured.ts';
import type { Place } from './measured.ts';

const atOnce = 8;
const [action = 'read', text = '{}'] = process.argv.slice(2);
const place = JSON.parse(text) as Place;
const token = readFileSync(place.tokenFile, 'utf8').trim();
const agent = new Agent({ ca: readFileSync(place.caFile), keepAlive: true, maxSockets: atOnce });

interface Call {
  readonly path: string;
  readonly body: unknown;
}

function calls(): Call[] {
  const { mount, method, secrets, policies, roles } = place;
  const many = (count: number, call: (at: number) => Call): Call[] =>
    Array.from({ length: count }, (_, at) => call(at));
  return [
    ...many(secrets, (at) => ({
      path: `${mount}/data/${secretPath(at)}`,
      body: { options: { cas: 0 }, data: { password: `${at}`.padEnd(32, 'x') } },
    })),
    ...many(policies, (at) => ({
      path: `sys/policies/acl/${policyName(place, at)}`,
      body: { policy: `path "${mount}/data/apps/team-${at}/*" {\n  capabilities = ["read"]\n}\n` },
    })),
    ...many(roles, (at) => ({
      path: `auth/${method}/role/service-${at}`,
      body: { token_policies: [policyName(place, at)], token_ttl: 3600, secret_id_num_uses: 1 },
    })),
  ];
}

function send({ path, body }: Call): Promise<void> {
  const payload = action === 'write' ? JSON.stringify(body) : undefined;
  const headers = {
    'X-Vault-Token': token,
    ...(payload === undefined ? {} : { 'Content-Length': Buffer.byteLength(payload) }),
  };
  return new Promise((resolve, reject) => {
    const options = { method: action === 'write' ? 'POST' : 'GET', agent, headers };
    const call = request(`${place.address}/v1/${path}`, options, (answer) => {
      answer.resume();
      answer.on('end', () => {
        const { statusCode = 0 } = answer;
        if (statusCode >= 300) {
          throw new Error(`${path} answered ${statusCode}`);
        }
        resolve();
      });
    });
    call.on('error', reject);
    call.end(payload);
  });
}

await report(async () => {
  const left = calls().values();
  const worker = async (): Promise<void> => {
    for (const call of left) {
      await send(call);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return 'done';
});
agent.destroy();
