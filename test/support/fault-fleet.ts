import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { keywright, startKeywright } from './keywright.ts';
import type { Ended, Running } from './keywright.ts';
import { waitFor } from './openbao.ts';
import type { OpenBao } from './openbao.ts';

/** So many that a fault hits the apply in its midst. */
const entries = 500;

const rules = `
path "secret/*" { capabilities = ["create", "read", "update", "patch", "delete", "list", "scan"] }
path "sys/mounts/secret" { capabilities = ["read"] }
`;

export interface FaultFleet {
  readonly folder: string;
  readonly bao: OpenBao;
  apply(): Running;
  /** Waits until an apply has made some of the entries, and not all. */
  isInItsMidst(apply: Running): Promise<void>;
  /** Versions and metadata of all entries, by path. */
  entries(): Promise<Record<string, { readonly current_version: number; readonly custom_metadata: unknown }>>;
  values(): Promise<Map<string, string>>;
  /** Another token, as a person puts it there. */
  newToken(): Promise<void>;
}

interface FleetOptions {
  readonly home?: 'box' | 'main';
  readonly addresses?: readonly string[];
  readonly count?: number;
}

/** A fleet of many secrets in a cluster, as the command line sees it. */
export async function fleetIn(t: TestContext, bao: OpenBao, options: FleetOptions = {}): Promise<FaultFleet> {
  const { home = 'box', addresses = bao.addresses, count = entries } = options;
  const folder = await mkdtemp(join(tmpdir(), 'kw-faults-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await bao.ask('POST', 'sys/mounts/secret', { type: 'kv', options: { version: '2' } });
  await bao.ask('PUT', 'sys/policies/acl/keywright', { policy: rules });
  const newToken = async (): Promise<void> => {
    const made = await bao.ask('POST', 'auth/token/create-orphan', { policies: ['keywright'], period: '1h' });
    const token = (made.body?.['auth'] as { client_token: string } | undefined)?.client_token;
    await writeFile(join(folder, 'bao.token'), `${token}\n`, { mode: 0o600 });
  };
  await newToken();
  await writeFile(join(folder, 'ca.pem'), bao.ca);
  const paths = Array.from({ length: count }, (_, at) => `apps/team-${at % 30}/service-${at}`);
  const documents = [
    `kind: Fleet\nmetadata: { name: faults }\nspec: { home: ${home}, defaults: { store: main } }\n`,
    'kind: Store\nmetadata: { name: box }\nspec: { file: { path: box, identityFile: .keywright/key.txt } }\n',
    `kind: Store\nmetadata: { name: main }\nspec:\n  vault: { addresses: ${JSON.stringify(addresses)}, ca: { file: ca.pem }, login: { tokenFile: bao.token } }\n`,
    `kind: SecretTree\nmetadata: { name: apps }\nspec:\n  entries:\n${paths
      .map(
        (path) =>
          `  - path: ${path}\n    keys: { password: { generate: { hex: 16 } }, url: { value: "x:{password}" } }\n`,
      )
      .join('')}`,
  ];
  const text = documents.map((document) => `apiVersion: keywright.dev/v1alpha1\n${document}`).join('---\n');
  await writeFile(join(folder, 'fleet.yaml'), text);
  const written = (): number =>
    bao.peers.reduce((sum, peer) => sum + peer.audit().split('"path":"secret/data/apps/').length - 1, 0);
  return {
    folder,
    bao,
    newToken,
    apply: () => startKeywright(['apply'], { cwd: folder }),
    async isInItsMidst(apply) {
      let ended: Ended | undefined;
      void apply.ended.then((result) => (ended = result));
      // Each write is recorded twice, as request and as response.
      await waitFor('the apply to write', async () => {
        assert.equal(ended, undefined, `the apply ended: ${ended?.stderr}`);
        return written() > count / 4;
      });
    },
    async entries() {
      const found = await Promise.all(
        paths.map(async (path) => [path, (await bao.ask('GET', `secret/metadata/${path}`)).body?.['data']] as const),
      );
      return Object.fromEntries(found.filter(([, data]) => data !== undefined));
    },
    async values() {
      const values = new Map<string, string>();
      for (const path of paths) {
        const found = await bao.ask('GET', `secret/data/${path}`);
        const password = found.body?.['data']?.['data']?.['password'] as string | undefined;
        if (password !== undefined) {
          values.set(path, password);
        }
      }
      return values;
    },
  };
}

/** Everything is made exactly once, marked, and a plan finds nothing to do. */
export async function isWhole({ folder, entries: found }: FaultFleet, count = entries): Promise<void> {
  const all = Object.entries(await found());
  assert.equal(all.length, count);
  const notOnce = all.filter(([, { current_version: version }]) => version !== 1);
  assert.deepEqual(notOnce, [], 'written more than once');
  const unmarked = all.filter(([, { custom_metadata: metadata }]) => metadata === null);
  assert.deepEqual(unmarked, [], 'without a mark');
  const plan = await keywright(['plan'], { cwd: folder });
  assert.equal(plan.code, 0, `${plan.stdout}\n${plan.stderr}`);
}

/** An apply that may have stopped is run again and then is done; what it had made keeps its values. */
export async function resumes(fleet: FaultFleet, first: Ended, reason: RegExp): Promise<void> {
  const before = await fleet.values();
  if (first.code !== 0) {
    assert.ok(first.code === 1 || first.code === 3, `${first.code}\n${first.stderr}`);
    assert.match(first.stderr, reason);
    endedWell(await fleet.apply().ended);
  }
  await isWhole(fleet);
  const after = await fleet.values();
  assert.ok([...before].every(([path, value]) => after.get(path) === value));
}

/** It must have ended well; else what it said. */
export function endedWell({ code, stdout, stderr }: Ended): void {
  assert.equal(code, 0, `exit ${code}\n${stdout}\n${stderr}`);
}
