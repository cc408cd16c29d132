import type { Environment } from '../../model/environment.ts';
import type { Secret } from '../../model/secret.ts';
import type { Ask } from './call.ts';
import { tokenRefused } from './failures.ts';
import type { Login, LoginMethod } from './login/login.ts';
import type { Reply } from './reply.ts';

interface Held extends Login {
  /** When it was got or renewed, milliseconds. */
  readonly since: number;
  /** Its length when it was new: a renewal that brings much less is near the end that no renewal can move. */
  readonly fullTtl: number;
}

/** Keeps one token alive for a client: logs in at first use, renews it from two thirds of its life on, logs in again when it is gone. */
export class TokenKeeper {
  readonly #method: LoginMethod;
  readonly #store: string;
  readonly #environment: Environment;
  readonly #ask: Ask;
  #held: Held | undefined;
  #login: Promise<Held> | undefined;
  #renewal: Promise<void> | undefined;

  constructor(options: {
    readonly method: LoginMethod;
    readonly store: string;
    readonly environment: Environment;
    readonly ask: Ask;
  }) {
    this.#method = options.method;
    this.#store = options.store;
    this.#environment = options.environment;
    this.#ask = options.ask;
  }

  get method(): LoginMethod {
    return this.#method;
  }

  /** Policies of the present token; none before the first login. */
  get policies(): readonly string[] {
    return this.#held?.policies ?? [];
  }

  /** The present token, where the login made it. */
  get ownToken(): Secret | undefined {
    return this.#held?.isOwn === true && !this.#isOver(this.#held) ? this.#held.token : undefined;
  }

  /** Milliseconds until the token should be looked after again, or undefined when it never ends or there is none. */
  get dueIn(): number | undefined {
    const held = this.#held;
    return held === undefined || held.ttlMilliseconds === 0
      ? undefined
      : Math.max(0, held.since + (held.ttlMilliseconds * 2) / 3 - this.#now());
  }

  /** A token that should work. Throws a Failure when no login succeeds. */
  async token(): Promise<Secret> {
    const held = this.#held;
    if (held === undefined || this.#isOver(held)) {
      return (await this.#logIn()).token;
    }
    if (this.dueIn === 0) {
      // Not waited for: the token is still good, and a failed renewal only means a login later.
      void this.#renew(held);
    }
    return held.token;
  }

  /** Renews or replaces the token if it is due, and waits for that. */
  async tend(): Promise<void> {
    if (this.#held !== undefined && this.dueIn === 0) {
      await this.#renew(this.#held);
    }
  }

  /** The server refused this token: gets another, or throws when there is no other. */
  async replace(refused: Secret): Promise<Secret> {
    if (this.#held !== undefined && !this.#held.token.equals(refused)) {
      return this.#held.token;
    }
    const { token } = await this.#logIn();
    if (token.equals(refused)) {
      this.#held = undefined;
      throw tokenRefused(this.#store, this.#method.name);
    }
    return token;
  }

  #logIn(): Promise<Held> {
    this.#login ??= (async () => {
      try {
        const since = this.#now();
        const login = await this.#method.login(this.#ask);
        this.#held = { ...login, since, fullTtl: login.ttlMilliseconds };
        return this.#held;
      } finally {
        this.#login = undefined;
      }
    })();
    return this.#login;
  }

  #renew(held: Held): Promise<void> {
    this.#renewal ??= (async () => {
      try {
        if (!held.renewable) {
          await this.#logIn();
          return;
        }
        const since = this.#now();
        const reply = await this.#ask({
          method: 'POST',
          path: 'auth/token/renew-self',
          body: {},
          token: held.token,
          repeat: 'safe',
        });
        const ttlMilliseconds = leaseOf(reply) * 1000;
        this.#held = { ...held, since, ttlMilliseconds, renewable: reply.auth?.renewable ?? false };
        if (ttlMilliseconds < held.fullTtl / 3) {
          await this.#logIn();
        }
      } catch {
        // The token works until its end, and after that a login says what is wrong.
      } finally {
        this.#renewal = undefined;
      }
    })();
    return this.#renewal;
  }

  #isOver(held: Held): boolean {
    return held.ttlMilliseconds > 0 && this.#now() >= held.since + held.ttlMilliseconds;
  }

  #now(): number {
    return this.#environment.now().getTime();
  }
}

function leaseOf(reply: Reply): number {
  return reply.auth?.leaseSeconds ?? 0;
}
