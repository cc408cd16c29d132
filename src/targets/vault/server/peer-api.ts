import { Failure } from '../../../model/failure.ts';
import { Transport, NoAnswer } from '../../../stores/vault/transport.ts';
import type { RawAnswer } from '../../../stores/vault/transport.ts';
import { readReply } from '../../../stores/vault/reply.ts';
import type { Reply } from '../../../stores/vault/reply.ts';
import { requestBody } from '../../../stores/vault/body.ts';

export interface PeerAddress {
  readonly nodeId: string;
  /** `https://HOST:PORT` */
  readonly address: string;
}

/**
 * Talks to one very peer without a token: health, seal, init and unseal are matters of each peer, so nothing here looks
 * for another one or repeats a call.
 */
export class PeerApi {
  readonly peer: PeerAddress;
  readonly #transport: Transport;
  readonly #signal: AbortSignal | undefined;

  constructor(peer: PeerAddress, options: { readonly ca: string; readonly signal?: AbortSignal }) {
    this.peer = peer;
    this.#transport = new Transport({ ca: options.ca, connections: 2 });
    this.#signal = options.signal;
  }

  /** The answer as it came, or NoAnswer when there was none. */
  async ask(method: 'GET' | 'PUT', path: string, body?: unknown, timeout = 5000): Promise<Reply | NoAnswer> {
    let answer: RawAnswer;
    try {
      answer = await this.#transport.send({
        method,
        url: new URL(`${this.peer.address}/v1/${path}`),
        headers: { 'X-Vault-Request': 'true' },
        ...(body === undefined ? {} : { body: requestBody(body).text }),
        timeout,
        ...(this.#signal === undefined ? {} : { signal: this.#signal }),
      });
    } catch (error) {
      if (error instanceof NoAnswer) {
        return error;
      }
      throw error;
    }
    return readReply(answer);
  }

  close(): void {
    this.#transport.close();
  }
}

/** A peer that has to answer did not. */
export function peerSilent(peer: PeerAddress, cause: NoAnswer): Failure {
  return new Failure({
    code: 'vault-peer-unreachable',
    message: `peer ${peer.nodeId} does not answer at ${peer.address}: ${cause.message}`,
    object: peer.nodeId,
    remedy: 'Look at its log, and at the host and port of the peer.',
    exitCode: 3,
    cause,
  });
}
