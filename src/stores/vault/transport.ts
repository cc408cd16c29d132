import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Agent as HttpAgent, ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { Secret } from '../../model/secret.ts';

/** What a client shows of itself in the TLS handshake. */
export interface ClientCertificate {
  readonly certificatePem: string;
  readonly privateKey: Secret;
}

export interface TransportOptions {
  /** PEM of who may have signed the server's certificate; undefined: the system's roots. */
  readonly ca?: string;
  readonly clientCertificate?: ClientCertificate;
  /** Most connections to one address. */
  readonly connections: number;
}

export interface Exchange {
  readonly method: string;
  /** Address, path and query, encoded. */
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Milliseconds until an answer must be complete. */
  readonly timeout: number;
  readonly signal?: AbortSignal;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** No whole answer came. `sent` is false when the request certainly never reached the server. */
export class NoAnswer extends Error {
  readonly sent: boolean;

  constructor(cause: Error, sent: boolean) {
    super(cause.message, { cause });
    this.name = 'NoAnswer';
    this.sent = sent;
  }

  /** Code of the system or of TLS, for example ECONNREFUSED. */
  get code(): string | undefined {
    const { cause } = this;
    return cause instanceof Error && 'code' in cause ? String(cause.code) : undefined;
  }
}

/** An answer beyond this is not read to its end: no call needs so much, and it would fill the memory. */
const largestAnswer = 64 * 1024 * 1024;

/** Idle connections are given up before a server closes them (Go's default is 5 minutes), so that no write meets one that is just closing. */
const idleMilliseconds = 30_000;

/** Not imported: that alone has Node load its whole fetch, a tenth of a second and ten megabytes. */
const http = process.getBuiltinModule('node:http');

/** Sends requests over kept-alive connections, TLS always verified; translates and repeats nothing. */
export class Transport {
  readonly #https: HttpsAgent;
  readonly #http: HttpAgent;

  constructor({ ca, clientCertificate, connections }: TransportOptions) {
    const common = { keepAlive: true, maxSockets: connections, maxFreeSockets: connections, timeout: idleMilliseconds };
    this.#http = new http.Agent(common);
    this.#https = new HttpsAgent({
      ...common,
      ca,
      cert: clientCertificate?.certificatePem,
      key: clientCertificate?.privateKey.expose(),
      minVersion: 'TLSv1.2',
    });
  }

  /** Rejects with NoAnswer, or with the reason of the signal. */
  send(exchange: Exchange): Promise<RawAnswer> {
    return new Promise((resolve, reject) => {
      const { method, url, headers, body, timeout, signal } = exchange;
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      const sized = body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) };
      const options = {
        // Taken out of the URL here: Node would take out all of its parts for each request.
        host: url.hostname.replace(/^\[|\]$/g, ''),
        port: url.port,
        path: url.pathname + url.search,
        method,
        headers: { ...headers, ...sized },
        // A timeout of the agent is for idle connections only, so a request of its own has none: the clock below is it.
        timeout: 0,
      };
      const call =
        url.protocol === 'https:'
          ? httpsRequest({ ...options, agent: this.#https })
          : http.request({ ...options, agent: this.#http });
      const sent = watchSending(call);
      const clock = setTimeout(() => call.destroy(new Error(`no answer within ${timeout} ms`)), timeout);
      const interrupt = (): void => {
        call.destroy(signal?.reason as Error);
      };
      signal?.addEventListener('abort', interrupt, { once: true });
      const settle = (): void => {
        clearTimeout(clock);
        signal?.removeEventListener('abort', interrupt);
      };
      const fail = (error: Error): void => {
        settle();
        reject(signal?.aborted === true ? (signal.reason as Error) : new NoAnswer(error, sent()));
      };
      call.on('error', fail);
      call.once('response', (answer) => {
        collectText(answer, {
          onText: (text) => {
            settle();
            resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text });
          },
          onError: (error) => {
            fail(error);
            call.destroy();
          },
        });
      });
      call.end(body);
    });
  }

  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }
}

/** Answers whether the request may have reached the server: it has from the moment that a connection is up. */
function watchSending(call: ClientRequest): () => boolean {
  let sent = false;
  call.once('socket', (socket) => {
    if (call.reusedSocket || !socket.connecting) {
      sent = true;
      return;
    }
    const ready = 'encrypted' in (socket as TLSSocket) ? 'secureConnect' : 'connect';
    socket.once(ready, () => {
      sent = true;
    });
  });
  return () => sent;
}

/** By events: an iterator over the answer costs as much as the rest of a small request. */
function collectText(
  answer: IncomingMessage,
  { onText, onError }: { onText: (text: string) => void; onError: (error: Error) => void },
): void {
  const chunks: Buffer[] = [];
  let size = 0;
  answer.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > largestAnswer) {
      onError(new Error(`the answer has more than ${largestAnswer / 1024 / 1024} MiB`));
    } else {
      chunks.push(chunk);
    }
  });
  answer.once('end', () => onText(Buffer.concat(chunks).toString('utf8')));
  answer.on('error', onError);
}
