import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { capabilitiesOn } from '../../../src/access/evaluate.ts';
import { parsePolicy } from '../../../src/access/policy-parse.ts';
import { RuleIndex } from '../../../src/access/rule-index.ts';
import { parseBreakGlass } from '../../../src/targets/vault/server/break-glass.ts';
import { isComplete } from '../../../src/targets/vault/server/cluster-state.ts';
import type { ClusterMember, ClusterState } from '../../../src/targets/vault/server/cluster-state.ts';
import { renderBreakGlassPolicy, renderIdentityPolicy } from '../../../src/targets/vault/server/identity-policy.ts';
import { renderPeerConfig } from '../../../src/targets/vault/server/peer-config.ts';
import { healthSentence } from '../../../src/targets/vault/server/peer-health.ts';
import { Secret } from '../../../src/model/secret.ts';
import type { Change } from '../../../src/model/change.ts';
import { resourceId, targetId } from '../../../src/model/ids.ts';
import { peerFolder } from '../../../src/targets/vault/server/peer-folder.ts';
import type { SeenVaultServer } from '../../../src/targets/vault/server/vault-server-observe.ts';
import { vaultServerKind } from '../../../src/targets/vault/vault-server.ts';
import type { VaultServerSpec } from '../../../src/targets/vault/vault-server.spec.ts';
import { resource } from '../../support/kinds.ts';
import { isFailure } from '../../support/failure.ts';

const config = {
  nodeId: 'n1',
  api: '127.0.0.1:8210',
  cluster: '127.0.0.1:8211',
  certificateFile: '/srv/n1/tls.crt',
  keyFile: '/srv/n1/tls.key',
  caFile: '/srv/n1/ca.crt',
  dataDirectory: '/srv/n1/data',
  peers: ['127.0.0.1:8210', '127.0.0.1:8220', '127.0.0.1:8230'],
  audit: ['file'] as const,
};

describe('the configuration of a peer', () => {
  test('is the same for the same input, and differs between peers only in what is their own', () => {
    assert.equal(renderPeerConfig(config), renderPeerConfig({ ...config }));
    const lines = (text: string): string[] => text.split('\n');
    const other = { ...config, nodeId: 'n2', dataDirectory: '/srv/n2/data' };
    const mine = lines(renderPeerConfig(config));
    const differing = lines(renderPeerConfig(other)).filter((line, at) => line !== mine[at]);
    assert.deepEqual(differing, ['  path    = "/srv/n2/data"', '  node_id = "n2"']);
  });

  test('names every peer, audits to a relative file, serves TLS 1.3, and lets no standby answer', () => {
    const text = renderPeerConfig(config);
    assert.equal(text.match(/leader_api_addr {5}= "https:\/\/127\.0\.0\.1:82[123]0"/g)?.length, 3);
    assert.match(text, /file_path = "audit\.log"/);
    assert.match(text, /tls_min_version {10}= "tls13"/);
    assert.match(text, /^disable_standby_reads = true$/m);
    assert.doesNotMatch(text, /tls_disable|tls_skip_verify|unauthed/);
  });

  test('a path with quotes is escaped, one with an interpolation or a line break is refused', () => {
    assert.match(renderPeerConfig({ ...config, dataDirectory: '/a"b\\c' }), /path {4}= "\/a\\"b\\\\c"/);
    for (const dataDirectory of ['/a${x}', '/a\nb']) {
      assert.throws(() => renderPeerConfig({ ...config, dataDirectory }), RangeError);
    }
  });
});

describe("Keywright's own policy", () => {
  const policy = renderIdentityPolicy({ kv: ['secret'], database: ['database'], pki: ['pki'], transit: [] });

  test('covers the mounts that it is given and no others', () => {
    for (const mount of ['secret', 'database', 'pki']) {
      assert.match(policy, new RegExp(`path "${mount}/\\*"`));
    }
    assert.doesNotMatch(policy, /path "\*"|path "transit|path "\/\*"|path "sys\/\*"/);
  });

  test('never allows sealing, stepping down, removing peers, raw storage or key rotation', () => {
    assert.doesNotMatch(policy, /sys\/(seal|step-down|raw|rotate|rekey|remount|storage\/raft\/remove-peer)/);
  });

  test('denies to change itself and the way back in', () => {
    const denied = policy.slice(policy.indexOf('# never itself'));
    for (const path of [
      'auth/keywright/certs/*',
      'auth/keywright-break-glass/*',
      'sys/policies/acl/keywright',
      'sys/generate-root-token/*',
    ]) {
      assert.ok(denied.includes(`path "${path}" {\n  capabilities = ["deny"]`), path);
    }
  });

  test('means what it says to the evaluator that agrees with the server', () => {
    const index = new RuleIndex([parsePolicy('keywright', policy)]);
    for (const path of [
      'sys/seal',
      'sys/step-down',
      'sys/generate-root-token/attempt',
      'sys/policies/acl/keywright',
      'sys/policies/acl/keywright-break-glass',
      'auth/keywright/certs/keywright',
      'auth/keywright-break-glass/role/root/secret-id',
      'sys/auth/keywright',
      'sys/storage/raft/remove-peer',
      'other/data/x',
    ]) {
      assert.deepEqual(capabilitiesOn(index, path), ['deny'], path);
    }
    assert.ok(capabilitiesOn(index, 'sys/policies/acl/orders').includes('update'));
    assert.ok(capabilitiesOn(index, 'secret/data/apps/orders').includes('create'));
    assert.ok(capabilitiesOn(index, 'sys/auth/approle').includes('sudo'));
  });

  test('the way back in allows one thing', () => {
    assert.deepEqual(renderBreakGlassPolicy().match(/path "[^"]*"/g), ['path "sys/generate-root-token/*"']);
  });
});

describe('the state of a cluster', () => {
  const member = (nodeId: string, more: Partial<ClusterMember> = {}): ClusterMember => {
    return { nodeId, address: '', status: 'voter', voter: true, healthy: true, ...more };
  };
  const state = (...members: ClusterMember[]): ClusterState => ({
    healthy: true,
    failureTolerance: 1,
    leader: 'n1',
    members,
  });

  test('is complete when every expected peer votes and is well', () => {
    assert.ok(isComplete(state(member('n1'), member('n2')), ['n1', 'n2']));
    assert.ok(!isComplete(state(member('n1'), member('n2', { voter: false })), ['n1', 'n2']));
    assert.ok(!isComplete(state(member('n1'), member('n2', { healthy: false })), ['n1', 'n2']));
    assert.ok(!isComplete({ ...state(member('n1')), healthy: false }, ['n1']));
  });

  test('each health has a sentence of its own', () => {
    const all = [
      { state: 'active' },
      { state: 'standby', leader: 'https://l' },
      { state: 'leaderless' },
      { state: 'sealed', given: 1, threshold: 2 },
      { state: 'uninitialised' },
      { state: 'auditBlocked' },
      { state: 'unreachable', why: 'refused' },
      { state: 'unknown', why: 'status 418' },
    ] as const;
    assert.equal(new Set(all.map(healthSentence)).size, all.length);
    assert.equal(healthSentence(all[3]), 'sealed (1 of 2 shares given)');
  });
});

describe('a cluster that is there', () => {
  const id = resourceId(targetId('site', 'here'), 'vault-server', 'main');
  const spec: VaultServerSpec = {
    store: 'main',
    peers: [{ nodeId: 'n1', certificate: { store: 'box', path: 'n1', version: '1' } }],
    bundle: { store: 'box', path: 'bundle', version: '1' },
    audit: ['file'],
    home: { store: 'box' },
    mounts: { kv: 'secret', database: 'database', pki: 'pki', transit: 'transit' },
  };
  const peer = peerFolder('/srv/here/main/n1');
  const memory = { mark: `keywright fleet=f id=${id}`, port: 1, clusterPort: 2 };
  const seen: SeenVaultServer = {
    peers: [{ peer, memory, pid: 3, health: { state: 'active' }, stale: [] }],
    beyond: [],
    left: [],
    removed: [],
    bootstrap: { state: 'initialised', rootTokenAlive: false },
    version: '2.7.2',
  };
  const diff = (more: Partial<VaultServerSpec>, other: Partial<SeenVaultServer> = {}): Change =>
    vaultServerKind.diff(resource(id, { ...spec, ...more }), { ...seen, ...other }, undefined, {
      fleet: 'f',
      now: new Date(0),
    });

  test('needs nothing as it is declared, and tells what apply does not change', () => {
    assert.equal(diff({}).action, 'none');
    assert.equal(diff({ version: '2.7.2' }).action, 'none');
    const older = diff({ version: '2.6.0' });
    assert.deepEqual(
      [older.action, older.fields],
      ['operation', [{ field: 'version', before: '2.7.2', after: '2.6.0' }]],
    );
    const keys = { before: '1 of 1', after: '2 of 3' };
    assert.deepEqual(diff({}, { keys }).fields, [{ field: 'key shares', ...keys }]);
    assert.equal(diff({}, { keys, removed: ['n1'] }).action, 'update', 'what can be done is done first');
  });

  test('is never begun anew where none of it is: its data lies elsewhere, or is lost', () => {
    const change = diff({}, { peers: [{ peer, stale: [] }] });
    assert.deepEqual([change.action, change.refusal?.code], ['refused', 'vault-data-lost']);
    const fresh = diff({}, { peers: [{ peer, stale: [] }], bootstrap: { state: 'claimed', rootTokenAlive: false } });
    assert.equal(fresh.action, 'update');
  });
});

test('the way back in is parsed without repeating what was given', () => {
  const credential = parseBreakGlass(new Secret('{"roleId":"r","secretId":"s"}'));
  assert.equal(credential.roleId, 'r');
  assert.equal(credential.secretId.expose(), 's');
  for (const text of ['canary-value', '{"roleId":"canary-value"}']) {
    assert.throws(
      () => parseBreakGlass(new Secret(text)),
      (error: Error) => isFailure('vault-break-glass-invalid')(error) && !error.stack?.includes('canary'),
    );
  }
});
