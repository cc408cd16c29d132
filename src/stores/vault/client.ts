// Why an own client and why node:https: the maintained npm clients are untyped or abandoned, and the npm package undici
// alone triples the start of the program.
import type { IncomingHttpHeaders } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Environment } from '../../model/environment.ts';
import type { Secret } from '../../model/secret.ts';
import { encodeApiPath } from './api-path.ts';
import { backoffMilliseconds, retryAfterMilliseconds } from './backoff.ts';
import { CallState } from './call-state.ts';
import type { VaultCall } from './call.ts';
import { neededCapability } from './capability.ts';
import type { NeededCapability } from './capability.ts';
import { Consistency } from './consistency.ts';
import * as failures from './failures.ts';
import { judge } from './judge.ts';
import type { Judgement } from './judge.ts';
import { Limit } from './limit.ts';
import type { LoginMethod } from './login/login.ts';
import { failureOf, failureOfHalfDone, isOutage, isSealed, patienceFor } from './obstacle.ts';
import type { Obstacle, Patience } from './obstacle.ts';
import { Peers, parseAddresses } from './peers.ts';
import { readReply, strings } from './reply.ts';
import type { Reply } from './reply.ts';
import { TokenKeeper } from './token-keeper.ts';
import { NoAnswer, Transport } from './transport.ts';
import type { ClientCertificate, RawAnswer } from './transport.ts';

export interface VaultClientOptions {
  /** Name of the Store, for messages. */
  readonly store: string;
  /** `https://HOST:PORT`, tried in this order until one is active. */
  readonly addresses: readonly string[];
  /** PEM of who may have signed their certificates; undefined: the system's roots. */
  readonly ca?: string;
  readonly namespace?: string;
  /** How to get a token; undefined: only calls that need none. */
  readonly login?: LoginMethod;
  readonly environment: Environment;
  /** Waits between attempts; the real clock unless told. */
  readonly sleep?: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
  readonly signal?: AbortSignal;
  /** Requests in flight; more than 8 bring nothing on small machines. */
  readonly concurrency?: number;
  /** Milliseconds: one attempt, how long a failing call is repeated, and how long a sealed or absent server is waited for. */
  readonly timeout?: number;
  readonly patience?: number;
  readonly sealedPatience?: number;
  readonly allowPlainHttp?: boolean;
  /** Warnings of successful answers: ignored fields, capped TTLs, policies that do not exist. */
  readonly onWarning?: (warning: string, call: VaultCall) => void;
  /** Names the policy of the fleet that would allow what was denied. */
  readonly grantedBy?: (needed: NeededCapability) => string | undefined;
}

const defaults = { concurrency: 8, timeout: 15_000, patience: 30_000, sealedPatience: 5_000 };

/**
 * Talks to a Vault or OpenBao: several addresses, one login, repeated where that is safe, errors translated.
 *
 * Every method throws Failures (`vault-sealed`, `vault-permission-denied`, `vault-no-mount` …; `failures.ts` has all),
 * refusals of the server as VaultRefusal; no message holds a token or a value that was sent.
 */
export class VaultClient {
  readonly store: string;
  readonly #options: VaultClientOptions;
  readonly #limit: Limit;
  readonly #peers: Peers;
  readonly #consistency = new Consistency();
  readonly #keeper: TokenKeeper | undefined;
  /** At random once, so that the ids of calls are nobody else's. */
  readonly #session: string;
  #calls = 0;
  #transport: Transport;
  #shownCertificate = '';
  /** A server answered at least once: after that its absence is an outage that may pass, not a wrong address. */
  #reached = false;
  /** A call gave up, and none was answered since: the others need not wait as long to learn the same. */
  #gaveUp = false;
  /** When a peer was last found not to serve. */
  #troubledAt: number | undefined;
  #keeping: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: VaultClientOptions) {
    this.store = options.store;
    this.#options = options;
    this.#session = Buffer.from(options.environment.randomBytes(8)).toString('hex');
    this.#limit = new Limit(options.concurrency ?? defaults.concurrency);
    this.#transport = this.#newTransport();
    const addresses = parseAddresses(options.store, options.addresses, options.allowPlainHttp ?? false);
    this.#peers = new Peers(addresses, (address, path) => this.#askPeer(address, path));
    this.#keeper =
      options.login &&
      new TokenKeeper({
        method: this.#showing(options.login),
        store: options.store,
        environment: options.environment,
        ask: (call) => this.request({ token: null, ...call }),
      });
  }

  /** Sends one call, as often as it may and must be. */
  async request(call: VaultCall): Promise<Reply> {
    const state = new CallState(call, this.#options, `${this.#session}-${++this.#calls}`);
    for (;;) {
      this.#checkOpen(state.signal);
      const token = await this.#tokenFor(call);
      const { address, answer } = await this.#limit.run(() => this.#attempt(state, token));
      if (answer instanceof NoAnswer) {
        this.#peers.leave(address);
        state.metNobody(address, answer.message);
        if (answer.sent && !state.repeatable) {
          throw failures.outcomeUnknown(state.name, answer);
        }
        await this.#again(state, answer, address);
        continue;
      }
      this.#reached = true;
      this.#consistency.saw(headerText(answer.headers, 'x-vault-index'));
      const reply = readReply(answer);
      if (!reply.understood && answer.status < 300) {
        throw failures.notAVault(state.name, address.origin, answer.status);
      }
      const judgement = judge(reply, call.accept, call.path);
      this.#gaveUp &&= judgement.is === 'again';
      switch (judgement.is) {
        case 'done':
          reply.warnings.forEach((warning) => this.#options.onWarning?.(state.clean(warning), call));
          return reply;
        case 'login':
          if (token !== undefined && this.#isUnsettled(state)) {
            await this.#sleep(backoffMilliseconds(state.nextAttempt(), this.#options.environment), state.signal);
            continue;
          }
          if (token !== undefined && this.#keeper !== undefined && call.token === undefined && state.mayLogIn()) {
            await this.#keeper.replace(token);
            continue;
          }
          throw this.#tokenRefused(state, reply, call);
        case 'refused':
          throw await this.#refusal(state, reply, token);
        case 'again': {
          this.#follow(state, answer, address, judgement);
          if (judgement.processed && !state.repeatable) {
            throw failureOfHalfDone(judgement.why, state, reply);
          }
          const wait = retryAfterMilliseconds(
            headerText(answer.headers, 'retry-after'),
            this.#options.environment.now(),
          );
          await this.#again(state, { why: judgement.why, reply }, address, wait);
        }
      }
    }
  }

  /** Reads an object; undefined when the server says that it is not there. A missing mount is a Failure, not an absence. */
  async readIfPresent(path: string, call: Partial<VaultCall> = {}): Promise<Reply | undefined> {
    const reply = await this.request({ method: 'GET', path, ...call, accept: [404] });
    if (reply.status === 404) {
      if (reply.errors.length > 0) {
        throw failures.refused({ store: this.store, method: 'GET', path, callId: '' }, reply, reply.errors.join('; '));
      }
      return undefined;
    }
    return reply;
  }

  /** Names below a path; none when there are none. */
  async list(path: string, call: Partial<VaultCall> = {}): Promise<string[]> {
    return strings((await this.readIfPresent(path, { method: 'LIST', ...call }))?.data['keys']);
  }

  /** What the token may do on each path, as the server says. A listed path ends in a slash. */
  async capabilities(paths: readonly string[], token?: Secret): Promise<ReadonlyMap<string, readonly string[]>> {
    const found = new Map<string, readonly string[]>();
    // The server refuses a body of more than 1,000 strings.
    for (let at = 0; at < paths.length; at += 900) {
      const some = paths.slice(at, at + 900);
      const reply = await this.request({
        method: 'POST',
        path: 'sys/capabilities-self',
        body: { paths: some },
        repeat: 'safe',
        ...(token === undefined ? {} : { token }),
      });
      for (const path of some) {
        found.set(path, strings(reply.data[path]));
      }
    }
    return found;
  }

  /** Policies of the present token; none before the first call. */
  get policies(): readonly string[] {
    return this.#keeper?.policies ?? [];
  }

  /** Looks after the token also while no call is made, until `close`. Does not keep the program running. */
  keepToken(): void {
    const tend = async (): Promise<void> => {
      if (!this.#closed) {
        await this.#keeper?.tend().catch(() => {});
        schedule();
      }
    };
    const schedule = (): void => {
      const due = Math.min(this.#keeper?.dueIn ?? 60_000, 2 ** 31 - 1);
      this.#keeping = setTimeout(() => void tend(), Math.max(500, due)).unref();
    };
    schedule();
  }

  /** Ends the token, too, where the login made it: left alone it would live on for its time. Never throws. */
  async end(): Promise<void> {
    const token = this.#closed ? undefined : this.#keeper?.ownToken;
    if (token !== undefined) {
      const call = { method: 'POST', path: 'auth/token/revoke-self', body: {}, token, repeat: 'safe' } as const;
      await this.request({ ...call, patience: 0, timeout: 3000 }).catch(() => {});
    }
    this.close();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#keeping);
    this.#transport.close();
  }

  async #attempt(state: CallState, token: Secret | undefined): Promise<Attempt> {
    state.begin();
    const address = await this.#peers.choose();
    const { call } = state;
    const namespace = call.namespace ?? this.#options.namespace ?? '';
    const url = new URL(`${address.origin}/v1/${encodeApiPath(call.path)}`);
    for (const [key, value] of Object.entries(call.query ?? {})) {
      url.searchParams.set(key, value);
    }
    try {
      const answer = await this.#transport.send({
        method: call.method,
        url,
        headers: {
          Accept: 'application/json',
          'X-Vault-Request': 'true',
          'X-Correlation-Id': state.name.callId,
          ...this.#consistency.headers(),
          ...(token === undefined ? {} : { 'X-Vault-Token': token.expose() }),
          ...(namespace === '' ? {} : { 'X-Vault-Namespace': namespace }),
          ...(call.wrapTtl === undefined ? {} : { 'X-Vault-Wrap-TTL': call.wrapTtl }),
          ...(state.body === undefined ? {} : { 'Content-Type': contentType(call.method) }),
        },
        ...(state.body === undefined ? {} : { body: state.body }),
        timeout: call.timeout ?? this.#options.timeout ?? defaults.timeout,
        ...(state.signal === undefined ? {} : { signal: state.signal }),
      });
      return { address, answer };
    } catch (error) {
      if (error instanceof NoAnswer) {
        return { address, answer: error };
      }
      throw error;
    }
  }

  /** Waits before the next attempt, or throws what stands in the way when patience is over. */
  async #again(state: CallState, met: Obstacle, address: URL, wait?: number): Promise<void> {
    let obstacle = met;
    if (isOutage(met)) {
      this.#troubledAt = this.#now();
    }
    const pause = wait ?? backoffMilliseconds(state.nextAttempt(), this.#options.environment);
    const isOver = (): boolean => state.waited() + pause > patienceFor(obstacle, this.#patience(state.call));
    // A sealed peer beside others is no sealed store: they are choosing the next leader.
    if (isOver() && !this.#gaveUp && isSealed(obstacle) && (await this.#isUnsealedSomewhere(state))) {
      obstacle = { ...obstacle, why: 'noLeader' };
    }
    if (isOver()) {
      this.#gaveUp = isOutage(obstacle);
      const status = isSealed(obstacle) ? await this.#askPeer(address, 'sys/seal-status') : undefined;
      throw failureOf(obstacle, {
        state,
        address,
        addresses: this.#peers.all.map((peer) => peer.origin),
        sealStatus: status === undefined ? {} : readReply(status).data,
      });
    }
    await this.#sleep(pause, state.signal);
  }

  #patience(call: VaultCall): Patience {
    return {
      reached: this.#reached,
      patience: this.#gaveUp ? 0 : (call.patience ?? this.#options.patience ?? defaults.patience),
      sealedPatience: this.#options.sealedPatience ?? defaults.sealedPatience,
    };
  }

  /** A peer that has just become the leader may not know every token yet: a refusal is believed a little later. */
  #isUnsettled(state: CallState): boolean {
    const { sealedPatience: short } = this.#patience(state.call);
    return this.#troubledAt !== undefined && this.#now() - this.#troubledAt < 2 * short && state.waited() < short;
  }

  async #isUnsealedSomewhere(state: CallState): Promise<boolean> {
    if (state.standby !== undefined) {
      return true;
    }
    const answers = await Promise.all(this.#peers.all.map((peer) => this.#askPeer(peer, 'sys/seal-status')));
    return answers.some((answer) => answer !== undefined && readReply(answer).data['sealed'] === false);
  }

  #now(): number {
    return this.#options.environment.now().getTime();
  }

  #tokenRefused(state: CallState, reply: Reply, call: VaultCall): Error {
    return call.token === undefined && this.#keeper !== undefined
      ? failures.tokenRefused(this.store, this.#keeper.method.name)
      : failures.refused(state.name, reply, state.text(reply));
  }

  async #refusal(state: CallState, reply: Reply, token: Secret | undefined): Promise<Error> {
    if (reply.status !== 403 || token === undefined || state.call.path.startsWith('sys/capabilities')) {
      return failures.refused(state.name, reply, state.text(reply));
    }
    const needed = neededCapability(
      state.call.method,
      state.call.path,
      state.call.namespace ?? this.#options.namespace,
    );
    const has = await this.capabilities([needed.path], token).then(
      (found) => found.get(needed.path)?.filter((word) => word !== 'deny'),
      () => undefined,
    );
    const grantedBy = this.#options.grantedBy?.(needed);
    return failures.permissionDenied(state.name, reply, {
      needed,
      policies: state.call.token === undefined ? this.policies : [],
      ...(has === undefined ? {} : { has }),
      ...(grantedBy === undefined ? {} : { grantedBy }),
    });
  }

  #follow(state: CallState, answer: RawAnswer, address: URL, { why, elsewhere }: Again): void {
    if (elsewhere) {
      this.#peers.leave(address);
    }
    if (why === 'sealed') {
      state.metNobody(address, 'Vault is sealed');
    } else if (why === 'standby' || why === 'noLeader') {
      const leader = leaderNamedBy(answer);
      state.metStandby({ address, ...(leader && { leader }) });
      // The token goes along, so only to where TLS proves the same authority, and only for the very same path.
      if (leader?.pathname === `/v1/${encodeApiPath(state.call.path)}` && leader.protocol === address.protocol) {
        this.#peers.follow(leader);
      }
    }
  }

  async #tokenFor(call: VaultCall): Promise<Secret | undefined> {
    return call.token === undefined ? this.#keeper?.token() : (call.token ?? undefined);
  }

  async #askPeer(address: URL, path: string): Promise<RawAnswer | undefined> {
    const { signal } = this.#options;
    const url = new URL(`${address.origin}/v1/${path}`);
    try {
      return await this.#transport.send({ method: 'GET', url, headers: {}, timeout: 3000, ...(signal && { signal }) });
    } catch (error) {
      if (error instanceof NoAnswer) {
        return undefined;
      }
      throw error;
    }
  }

  /** A method that logs in by certificate has it read again before each login, and shown from then on. */
  #showing(method: LoginMethod): LoginMethod {
    return {
      name: method.name,
      login: async (ask) => {
        const certificate = await method.clientCertificate?.();
        if (certificate !== undefined && certificate.certificatePem !== this.#shownCertificate) {
          // What is under way finishes on the old connections; they end when they have been idle for a while.
          this.#transport = this.#newTransport(certificate);
          this.#shownCertificate = certificate.certificatePem;
        }
        return method.login(ask);
      },
    };
  }

  #newTransport(clientCertificate?: ClientCertificate): Transport {
    const { ca, concurrency } = this.#options;
    return new Transport({
      connections: concurrency ?? defaults.concurrency,
      ...(ca === undefined ? {} : { ca }),
      ...(clientCertificate === undefined ? {} : { clientCertificate }),
    });
  }

  async #sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    if (this.#options.sleep !== undefined) {
      await this.#options.sleep(milliseconds, signal);
    } else {
      await delay(milliseconds, undefined, signal && { signal }).catch(() => {
        // Its AbortError only wraps the reason, which the next line throws itself.
      });
    }
    signal?.throwIfAborted();
  }

  #checkOpen(signal?: AbortSignal): void {
    signal?.throwIfAborted();
    if (this.#closed) {
      throw new Error(`the session with store ${this.store} is closed`);
    }
  }
}

type Again = Extract<Judgement, { readonly is: 'again' }>;

interface Attempt {
  readonly address: URL;
  readonly answer: RawAnswer | NoAnswer;
}

function leaderNamedBy({ status, headers }: RawAnswer): URL | undefined {
  const location = headerText(headers, 'location');
  return status >= 300 && status < 400 && location !== undefined && URL.canParse(location)
    ? new URL(location)
    : undefined;
}

function contentType(method: string): string {
  return method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
}

function headerText(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}
