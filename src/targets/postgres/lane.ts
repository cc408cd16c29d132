import type { Client } from 'pg';
import { connectSuperuser, type ClientOptions } from '../process/superuser-client.ts';

/** One connection to one database, opened at first use and again when it was lost; one user at a time. */
export class Lane {
  readonly #options: ClientOptions;
  #client: Client | undefined;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** Waits for its turn, then has the connection for itself until `work` ends. */
  async use<T>(work: (client: Client) => Promise<T>): Promise<T> {
    const turn = this.#tail.then(async () => {
      this.#client ??= await this.#open();
      return work(this.#client);
    });
    this.#tail = turn.catch(() => {});
    return turn;
  }

  /** Waits for its user, then disconnects. The next use connects anew. */
  async close(): Promise<void> {
    const turn = this.#tail.then(async () => {
      const client = this.#client;
      this.#client = undefined;
      await client?.end().catch(() => {});
    });
    this.#tail = turn;
    await turn;
  }

  async #open(): Promise<Client> {
    const client = await connectSuperuser(this.#options);
    client.once('end', () => {
      if (this.#client === client) {
        this.#client = undefined;
      }
    });
    return client;
  }
}
