import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import type { IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { openBaoTool } from '../../scripts/tools.ts';
import { issueLeaf, issueRoot } from '../../src/authority/issue.ts';
import type { IssuedCertificate, Issuer } from '../../src/authority/issue.ts';
import { freePort } from './postgres.ts';
import type { CleanUp } from './postgres.ts';

const environment = { now: () => new Date(), randomBytes: (length: number) => randomBytes(length) };

export interface OpenBaoOptions {
  /** 1 unless told. */
  readonly peers?: 1 | 3;
  /** Shamir shares and how many of them unseal; one of one unless told. */
  readonly shares?: { readonly count: number; readonly threshold: number };
  /** More top-level lines of the configuration. */
  readonly settings?: string;
  /** More lines of the listener. */
  readonly listener?: string;
  /** A standby answers reads itself, and late, unless told otherwise: what the server does by default. */
  readonly standbyReads?: boolean;
}

export interface AskOptions {
  /** The root token unless told; null sends none. */
  readonly token?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly namespace?: string;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** Parsed body; undefined when there is none, or no JSON. */
  readonly body: JsonObject | undefined;
}

// Answers of the server, looked into by tests that know their shape.
// oxlint-disable-next-line typescript/no-explicit-any
export type JsonObject = Record<string, any>;

export interface OpenBaoPeer {
  readonly nodeId: string;
  readonly address: string;
  readonly port: number;
  /** Holds tls.crt, tls.key, server.hcl, data/, server.log and audit.log. */
  readonly folder: string;
  readonly pid: number;
  /** One request to this very peer, with the root token unless told; nothing is retried or translated. */
  ask(method: string, path: string, body?: unknown, options?: AskOptions): Promise<RawAnswer>;
  /** SIGTERM unless told; returns when the process is gone. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** Starts the stopped peer again; it answers when this returns, sealed. */
  start(): Promise<void>;
  unseal(): Promise<void>;
  /** Everything that it wrote to its log so far. */
  log(): string;
  audit(): string;
}

export interface OpenBao {
  readonly folder: string;
  /** Signs for servers and clients of this test. */
  readonly authority: Issuer;
  readonly ca: string;
  readonly caFile: string;
  readonly rootToken: string;
  readonly shares: readonly string[];
  readonly peers: readonly OpenBaoPeer[];
  /** Of the first peer. */
  readonly address: string;
  readonly addresses: readonly string[];
  /** The peer that is active now; waits until there is one. */
  active(): Promise<OpenBaoPeer>;
  /** One request to the active peer with the root token; throws when the answer is no 2xx or 404. */
  ask(method: string, path: string, body?: unknown, options?: AskOptions): Promise<RawAnswer>;
}

/** A HashiCorp Vault that the tests shall run against instead, for whoever has one: path of its binary. */
const hashicorpVault = process.env['KEYWRIGHT_TEST_VAULT'];

/** Why a test of what OpenBao alone has is left out; false on OpenBao. */
export const notOpenBao: string | false = hashicorpVault === undefined ? false : 'HashiCorp Vault has no such thing';

/** A request as the server takes it: in the policies of HashiCorp Vault there is no `scan`. */
function spoken(body: unknown): unknown {
  const policy = (body as { readonly policy?: unknown } | undefined)?.policy;
  return notOpenBao !== false && typeof policy === 'string'
    ? { policy: policy.replaceAll(/, "scan"|"scan", /g, '') }
    : body;
}

const tool = hashicorpVault === undefined ? await openBaoTool() : { path: hashicorpVault };

/** Path of the `bao` binary. Throws when there is none. */
export function baoBinary(): string {
  if ('missing' in tool) {
    throw new Error(tool.missing);
  }
  return tool.path;
}

/** Why no OpenBao can be started here, for `test(name, { skip: openBaoMissing }, …)`; false when one can. */
export const openBaoMissing: string | false = 'missing' in tool ? tool.missing : false;

/**
 * Starts an OpenBao of its own for one test: raft, TLS, file audit, initialised, unsealed, with an active peer and (of
 * three) all peers voters. It ends with the test, also when the test's process is killed.
 */
export async function startOpenBao(t: CleanUp, options: OpenBaoOptions = {}): Promise<OpenBao> {
  const cluster = await freshPeers(t, options);
  const [first] = cluster.peers;
  if (first === undefined) {
    throw new Error('a cluster has at least one peer');
  }
  const { count, threshold } = options.shares ?? { count: 1, threshold: 1 };
  const init = await first.ask(
    'PUT',
    'sys/init',
    { secret_shares: count, secret_threshold: threshold },
    { token: null },
  );
  if (init.body === undefined || init.status !== 200) {
    throw new Error(`init answered ${init.status}: ${init.text}`);
  }
  cluster.keys.shares = (init.body['keys_base64'] as string[]).slice();
  cluster.keys.threshold = threshold;
  cluster.keys.rootToken = init.body['root_token'] as string;
  await first.unseal();
  await waitFor('an active peer', async () => (await first.ask('GET', 'sys/health')).status === 200);
  if (notOpenBao !== false) {
    // Declared in the configuration for OpenBao.
    const log = await first.ask('PUT', 'sys/audit/log', { type: 'file', options: { file_path: 'audit.log' } });
    if (log.status !== 204) {
      throw new Error(`audit answered ${log.status}: ${log.text}`);
    }
  }
  if (cluster.peers.length > 1) {
    // Voters at once instead of after ten seconds each: a test needs a cluster that can lose its leader now.
    await first.ask('POST', 'sys/storage/raft/autopilot/configuration', { server_stabilization_time: '500ms' });
    await Promise.all(
      cluster.peers.slice(1).map(async (peer) => {
        await waitFor(`${peer.nodeId} to join`, async () => {
          const status = await peer.ask('GET', 'sys/seal-status', undefined, { token: null });
          return status.body?.['initialized'] === true;
        });
        await peer.unseal();
      }),
    );
    await waitFor('all peers to vote', async () => {
      const state = await first.ask('GET', 'sys/storage/raft/autopilot/state');
      return (
        state.body?.['data']?.['healthy'] === true && state.body['data']['voters']?.length === cluster.peers.length
      );
    });
  }
  const active = async (): Promise<OpenBaoPeer> => {
    let found: OpenBaoPeer | undefined;
    await waitFor('an active peer', async () => {
      for (const peer of cluster.peers) {
        const health = await peer.ask('GET', 'sys/health').catch(() => undefined);
        if (health?.status === 200) {
          found = peer;
          return true;
        }
      }
      return false;
    });
    return found as OpenBaoPeer;
  };
  return {
    folder: cluster.folder,
    authority: cluster.authority,
    ca: cluster.authority.certificatePem,
    caFile: join(cluster.folder, 'ca.crt'),
    rootToken: cluster.keys.rootToken,
    shares: cluster.keys.shares,
    peers: cluster.peers,
    address: first.address,
    addresses: cluster.peers.map((peer) => peer.address),
    active,
    async ask(method, path, body, askOptions) {
      const answer = await (await active()).ask(method, path, spoken(body), askOptions);
      if (answer.status >= 300 && answer.status !== 404) {
        throw new Error(`${method} ${path} answered ${answer.status}: ${answer.text}`);
      }
      return answer;
    },
  };
}

/** One server for all tests of a suite: call it in `describe`, and the function that it returns in the tests. */
export function openBaoOfSuite(options?: OpenBaoOptions): () => OpenBao {
  let bao: OpenBao | undefined;
  const cleanUps: (() => Promise<void>)[] = [];
  // A clean-up that is registered inside `before` would run when `before` ends.
  before(async () => {
    bao = await startOpenBao({ after: (cleanUp) => cleanUps.push(cleanUp) }, options);
  });
  after(async () => {
    for (const cleanUp of cleanUps) {
      await cleanUp();
    }
  });
  return () => {
    if (bao === undefined) {
      throw new Error('the server of this suite did not start');
    }
    return bao;
  };
}

/** A certificate authority for one test, valid for a day. */
export function testAuthority(commonName: string): Promise<IssuedCertificate> {
  return issueRoot({ subject: { commonName }, ttlMilliseconds: 86_400_000, key: 'ecdsaP256' }, environment);
}

/** A leaf for an hour: a server's when it has hosts, else a client's. */
export function testCertificate(issuer: Issuer, commonName: string, hosts: string[] = []): Promise<IssuedCertificate> {
  const usage = hosts.length > 0 ? 'both' : 'client';
  const subject = { commonName };
  return issueLeaf({ issuer, subject, hosts, usage, ttlMilliseconds: 3_600_000, key: 'ecdsaP256' }, environment);
}

/** Waits until a condition holds, asking every 20 ms; throws after `seconds` with what was waited for. */
export async function waitFor(what: string, holds: () => Promise<boolean>, seconds = 60): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!(await holds())) {
    if (Date.now() > deadline) {
      throw new Error(`waited ${seconds} s in vain for ${what}`);
    }
    await delay(20);
  }
}

interface Keys {
  shares: string[];
  threshold: number;
  rootToken: string;
}

interface FreshPeers {
  readonly folder: string;
  readonly authority: Issuer;
  readonly peers: readonly OpenBaoPeer[];
  /** Filled in by init. */
  readonly keys: Keys;
}

/** Peers that run and answer, neither initialised nor unsealed. */
async function freshPeers(t: CleanUp, options: OpenBaoOptions): Promise<FreshPeers> {
  const binary = baoBinary();
  const folder = await mkdtemp('/tmp/kwt-bao-');
  const authority = await testAuthority('OpenBao of a test');
  await writeFile(join(folder, 'ca.crt'), authority.certificatePem);
  const keys: Keys = { shares: [], threshold: 1, rootToken: '' };
  const agent = new Agent({ ca: authority.certificatePem, keepAlive: true, maxSockets: 16 });
  const ports: number[] = [];
  for (let i = 0; i < (options.peers ?? 1); i++) {
    ports.push(await freePort(), await freePort());
  }
  const leaders = ports.filter((_, i) => i % 2 === 0);
  const peers: (OpenBaoPeer & { readonly passed?: never })[] = [];
  const stops: (() => Promise<void>)[] = [];
  t.after(async () => {
    await Promise.all(stops.map((stop) => stop()));
    agent.destroy();
    if (t.passed === false) {
      for (const peer of peers) {
        t.diagnostic?.(`end of the log of ${peer.nodeId}:\n${peer.log().split('\n').slice(-25).join('\n')}`);
      }
    }
    await rm(folder, { recursive: true, force: true });
  });
  for (const [i, port] of leaders.entries()) {
    const nodeId = `n${i + 1}`;
    const home = join(folder, nodeId);
    const address = `https://127.0.0.1:${port}`;
    await mkdir(join(home, 'data'), { recursive: true });
    const certificate = await testCertificate(authority, nodeId, ['127.0.0.1', 'localhost']);
    await writeFile(join(home, 'tls.crt'), certificate.certificatePem);
    await writeFile(join(home, 'tls.key'), certificate.privateKey.expose(), { mode: 0o600 });
    const config = configuration(nodeId, port, ports[2 * i + 1] as number, leaders, folder, options);
    await writeFile(join(home, 'server.hcl'), config);
    const ask = (method: string, path: string, body?: unknown, asked: AskOptions = {}): Promise<RawAnswer> =>
      send(agent, `${address}/v1/${path}`, method, body, {
        ...asked,
        token: asked.token === undefined ? keys.rootToken : asked.token,
      });
    let running: Running | undefined;
    const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<void> => {
      await running?.stop(signal);
      running = undefined;
    };
    stops.push(() => stop('SIGKILL'));
    const start = async (): Promise<void> => {
      running ??= await launch(binary, home, folder);
      await waitFor(`${nodeId} to answer`, async () => {
        if (running?.ended() === true) {
          throw new Error(`${nodeId} ended at once:\n${readFileSync(join(home, 'server.log'), 'utf8')}`);
        }
        return (await ask('GET', 'sys/seal-status', undefined, { token: null }).catch(() => undefined)) !== undefined;
      });
    };
    peers.push({
      nodeId,
      address,
      port,
      folder: home,
      get pid() {
        if (running === undefined) {
          throw new Error(`${nodeId} is stopped`);
        }
        return running.pid;
      },
      ask,
      stop,
      start,
      async unseal() {
        const shares = keys.shares.slice(0, keys.threshold);
        for (const share of shares) {
          // A raft peer that just joined answers 500 until it has the seal configuration.
          await waitFor(`${nodeId} to take a share`, async () => {
            const answer = await ask('PUT', 'sys/unseal', { key: share }, { token: null });
            return answer.status === 200;
          });
        }
        let given = Date.now();
        await waitFor(`${nodeId} to be unsealed`, async () => {
          const answer = await ask('GET', 'sys/health', undefined, { token: null });
          if (answer.status === 503 && Date.now() > given + 2000) {
            // One that lacked something of the leader's when it joined has given up.
            await Promise.all(shares.map((share) => ask('PUT', 'sys/unseal', { key: share }, { token: null })));
            given = Date.now();
          }
          return answer.status === 200 || answer.status === 429;
        });
      },
      log: () => (existsSync(join(home, 'server.log')) ? readFileSync(join(home, 'server.log'), 'utf8') : '(no log)'),
      audit: () => (existsSync(join(home, 'audit.log')) ? readFileSync(join(home, 'audit.log'), 'utf8') : ''),
    });
    await start();
  }
  return { folder, authority, peers, keys };
}

function configuration(
  nodeId: string,
  port: number,
  clusterPort: number,
  leaders: readonly number[],
  folder: string,
  options: OpenBaoOptions,
): string {
  const joins = leaders.length === 1 ? [] : leaders;
  return `
api_addr     = "https://127.0.0.1:${port}"
cluster_addr = "https://127.0.0.1:${clusterPort}"
${notOpenBao === false ? '' : 'disable_mlock = true'}
${options.standbyReads === false ? 'disable_standby_reads = true' : ''}
${options.settings ?? ''}
listener "tcp" {
  address         = "127.0.0.1:${port}"
  cluster_address = "127.0.0.1:${clusterPort}"
  tls_cert_file   = "${join(folder, nodeId, 'tls.crt')}"
  tls_key_file    = "${join(folder, nodeId, 'tls.key')}"
  ${options.listener ?? ''}
}
storage "raft" {
  path    = "${join(folder, nodeId, 'data')}"
  node_id = "${nodeId}"
  performance_multiplier = "1"
  autopilot_update_interval = "500ms"
  autopilot_reconcile_interval = "1s"
${joins
  .map(
    (leader) => `  retry_join {
    leader_api_addr     = "https://127.0.0.1:${leader}"
    leader_ca_cert_file = "${join(folder, 'ca.crt')}"
  }`,
  )
  .join('\n')}
}
audit "file" "log" {
  options {
    file_path = "audit.log"
  }
}
telemetry {
  prometheus_retention_time = "10m"
  disable_hostname = true
}
`;
}

interface Running {
  readonly pid: number;
  ended(): boolean;
  stop(signal: NodeJS.Signals): Promise<void>;
}

async function launch(binary: string, home: string, folder: string): Promise<Running> {
  const log = await open(join(home, 'server.log'), 'a');
  const server = spawn(binary, ['server', `-config=${join(home, 'server.hcl')}`], {
    cwd: home,
    env: { PATH: process.env['PATH'], HOME: home },
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
  });
  await log.close();
  const gone = new Promise<void>((resolve) => {
    server.once('exit', () => resolve());
    server.once('error', () => resolve());
  });
  const ended = (): boolean => server.exitCode !== null || server.signalCode !== null || server.pid === undefined;
  const pid = server.pid ?? -1;
  const watchdog = watchServer(pid, folder);
  return {
    pid,
    ended,
    async stop(signal) {
      if (!ended()) {
        server.kill(signal);
      }
      const impatient = setTimeout(() => server.kill('SIGKILL'), 20_000);
      await gone;
      clearTimeout(impatient);
      watchdog.kill('SIGKILL');
    },
  };
}

/** A server outlives a killed test process; this shell notices the end of our side of its pipe, and cleans up for us. */
export function watchServer(pid: number, folder: string): ChildProcess {
  const script = 'read line; kill -KILL "$0"; while kill -0 "$0" 2>/dev/null; do sleep 0.1; done; rm -rf "$1"';
  const watchdog = spawn('/bin/sh', ['-c', script, String(pid), folder], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  watchdog.unref();
  const pipe = watchdog.stdin as unknown as { unref?(): void } | null;
  pipe?.unref?.();
  return watchdog;
}

/** One HTTPS request, its answer as it came. */
function send(agent: Agent, url: string, method: string, body: unknown, options: AskOptions): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
    const call = request(
      url,
      {
        method,
        agent,
        headers: {
          ...(options.token === null || options.token === undefined ? {} : { 'X-Vault-Token': options.token }),
          ...(options.namespace === undefined ? {} : { 'X-Vault-Namespace': options.namespace }),
          ...(text === undefined ? {} : { 'Content-Length': Buffer.byteLength(text) }),
          ...options.headers,
        },
        timeout: 60_000,
      },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () => {
          const received = Buffer.concat(chunks).toString();
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text: received, body: parse(received) });
        });
      },
    );
    call.on('timeout', () => call.destroy(new Error(`no answer from ${url} within 60 s`)));
    call.on('error', reject);
    call.end(text);
  });
}

function parse(text: string): JsonObject | undefined {
  try {
    return JSON.parse(text) as JsonObject;
  } catch {
    return undefined;
  }
}
