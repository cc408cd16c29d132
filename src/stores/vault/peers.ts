import { Failure } from '../../model/failure.ts';
import type { RawAnswer } from './transport.ts';
import { readReply } from './reply.ts';

/** Asks one peer a question that needs no token; undefined when it did not answer. */
export type AskPeer = (address: URL, path: string) => Promise<RawAnswer | undefined>;

/**
 * Which of several addresses to talk to: the active peer's, because a standby answers late and hands on every write.
 * With one address only (a peer, or a load balancer) there is nothing to choose.
 */
export class Peers {
  readonly all: readonly URL[];
  readonly #ask: AskPeer;
  #active: URL | undefined;
  #looking: Promise<URL | undefined> | undefined;
  #turn = 0;

  constructor(addresses: readonly URL[], ask: AskPeer) {
    this.all = addresses;
    this.#ask = ask;
  }

  async choose(): Promise<URL> {
    if (this.#active === undefined && this.all.length > 1) {
      this.#looking ??= this.#look().finally(() => {
        this.#looking = undefined;
      });
      this.#active = await this.#looking;
    }
    // Nobody says that it is active: the next address each time, so that a silent one does not hold us.
    return this.#active ?? (this.all[this.#turn++ % this.all.length] as URL);
  }

  /** The peer did not do what was asked, and another may: look again. */
  leave(address: URL): void {
    if (this.#active?.origin === address.origin) {
      this.#active = undefined;
    }
  }

  /** A redirect named the leader: used until it fails. Where there are several addresses, they are asked instead. */
  follow(leader: URL): void {
    const known = this.all.find((address) => address.origin === leader.origin);
    if (known !== undefined || this.all.length === 1) {
      this.#active = known ?? new URL(leader.origin);
    }
  }

  async #look(): Promise<URL | undefined> {
    let standby: URL | undefined;
    const asked = this.all.map(async (address) => {
      const answer = await this.#ask(address, 'sys/leader');
      if (answer?.status !== 200) {
        throw new Error('no answer');
      }
      const { data } = readReply(answer);
      if (data['is_self'] !== true) {
        if (data['leader_address'] !== '') {
          standby ??= address;
        }
        throw new Error('a standby');
      }
      return address;
    });
    try {
      return await Promise.any(asked);
    } catch {
      return standby;
    }
  }
}

/** Reads addresses of a Store. Throws a Failure for what is no URL, and for plain HTTP unless that is allowed. */
export function parseAddresses(store: string, addresses: readonly string[], allowPlainHttp: boolean): URL[] {
  if (addresses.length === 0) {
    throw addressFailure(store, `store ${store} has no address`);
  }
  return addresses.map((text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
      throw addressFailure(store, `${JSON.stringify(text)} is no address of store ${store}`);
    }
    if (url.pathname !== '/' || url.search !== '' || url.username !== '') {
      throw addressFailure(store, `the address ${url.origin} of store ${store} has more than scheme, host and port`);
    }
    if (url.protocol === 'http:' && !allowPlainHttp) {
      throw addressFailure(
        store,
        `store ${store} would be asked over plain HTTP at ${text}`,
        'every token and secret would cross the network in clear',
      );
    }
    return url;
  });
}

function addressFailure(store: string, message: string, why?: string): Failure {
  return new Failure({
    code: 'vault-invalid-address',
    message,
    object: `store/${store}`,
    ...(why === undefined ? {} : { why }),
    remedy: 'Write addresses as https://HOST:PORT in the Store document.',
  });
}
