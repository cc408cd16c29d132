import type { Environment } from '../../model/environment.ts';
import { redact, requestBody } from './body.ts';
import { isRepeatable } from './call.ts';
import type { VaultCall } from './call.ts';
import type { CallName } from './failures.ts';
import type { Reply } from './reply.ts';

/** A peer that is not active. */
export interface Standby {
  readonly address: URL;
  /** Where it says that the leader is. */
  readonly leader?: URL;
  /** Why that one could not be asked, if it was tried. */
  readonly leaderSays?: string;
}

/** One call on its way: what is sent, and how often and how long it was tried. */
export class CallState {
  readonly call: VaultCall;
  readonly name: CallName;
  readonly repeatable: boolean;
  /** JSON text that is sent. */
  readonly body: string | undefined;
  readonly signal: AbortSignal | undefined;
  readonly #secrets: readonly string[];
  readonly #environment: Environment;
  #started: number | undefined;
  #attempts = 0;
  #loggedIn = false;
  /** The peer that answered last without being active, and whom it named as leader. */
  #standby: Standby | undefined;

  constructor(
    call: VaultCall,
    client: { store: string; environment: Environment; signal?: AbortSignal },
    callId: string,
  ) {
    this.call = call;
    this.repeatable = isRepeatable(call);
    this.#environment = client.environment;
    this.name = { store: client.store, method: call.method, path: call.path, callId };
    const body = call.body === undefined ? undefined : requestBody(call.body);
    this.body = body?.text;
    this.#secrets = [...(body?.secrets ?? []), ...(call.token ? [call.token.expose()] : [])];
    const signals = [client.signal, call.signal].filter((signal) => signal !== undefined);
    this.signal = signals.length > 1 ? AbortSignal.any(signals) : signals[0];
  }

  /** The first attempt begins: waiting for its turn before that does not count against patience. */
  begin(): void {
    this.#started ??= this.#environment.now().getTime();
  }

  /** Milliseconds since the first attempt. */
  waited(): number {
    return this.#environment.now().getTime() - (this.#started ?? this.#environment.now().getTime());
  }

  /** Number of the next repetition, from 1. */
  nextAttempt(): number {
    return ++this.#attempts;
  }

  /** True once: a second refusal after a fresh login is no matter of the token's age. */
  mayLogIn(): boolean {
    const first = !this.#loggedIn;
    this.#loggedIn = true;
    return first;
  }

  get standby(): Standby | undefined {
    return this.#standby;
  }

  metStandby({ address, leader }: Standby): void {
    const before = this.#standby;
    const same = leader !== undefined && before?.leader?.origin === leader.origin;
    const leaderSays = same ? before?.leaderSays : undefined;
    this.#standby = { address, ...(leader && { leader }), ...(leaderSays !== undefined && { leaderSays }) };
  }

  /**
   * A peer cannot be asked. When it is the leader that a standby named, that is told; when it is the standby itself,
   * nothing is known of the cluster any more.
   */
  metNobody({ origin }: URL, says: string): void {
    if (this.#standby?.address.origin === origin) {
      this.#standby = undefined;
    } else if (this.#standby?.leader?.origin === origin) {
      this.#standby = { ...this.#standby, leaderSays: says };
    }
  }

  /** A text of the server without the values that were sent. */
  clean(text: string): string {
    return redact(text, this.#secrets);
  }

  /** What the server says is wrong, in one line. */
  text(reply: Reply): string {
    return this.clean(
      reply.errors
        .join('; ')
        .replaceAll(/\d+ errors? occurred:\s*/g, '')
        .replaceAll(/\s*\n\s*\*?\s*/g, ' ')
        .trim(),
    );
  }
}
