import { Failure } from '../../../model/failure.ts';
import { Secret } from '../../../model/secret.ts';
import { CheckAndSetConflict } from '../../../stores/backend.ts';
import type { SecretBackend } from '../../../stores/backend.ts';
import type { SealedShare } from './key-holders.ts';

/** How far the making of a server has come, as its fleet's home knows. */
export interface Bootstrap {
  /** `claimed`: somebody is about to initialise, or died doing it. `initialised`: shares are kept. */
  readonly state: 'claimed' | 'initialised';
  /** Which peer is initialised; the same one for everybody. */
  readonly nodeId: string;
  readonly shares: readonly SealedShare[];
  /** Until Keywright's own identity works and the token was revoked. */
  readonly rootToken?: Secret;
  readonly version: string;
}

/**
 * The record of a server's making in the home of its fleet. Its first write is a check-and-set from absent: of two that
 * want to initialise, one gets it, whatever peers each of them sees.
 */
export class BootstrapRecords {
  readonly #home: SecretBackend;
  readonly #path: string;
  readonly #store: string;

  constructor(home: SecretBackend, options: { readonly fleet: string; readonly store: string }) {
    this.#home = home;
    this.#store = options.store;
    this.#path = `keywright/${options.fleet}/stores/${options.store}/bootstrap`;
  }

  async read(): Promise<Bootstrap | undefined> {
    const answer = await this.#home.read(this.#path);
    if (answer.state === 'absent') {
      return undefined;
    }
    if (answer.state !== 'present') {
      throw new Failure({
        code: 'store-unreadable',
        message: `how far store ${this.#store} was made cannot be read: ${answer.why}`,
        object: `store/${this.#store}`,
        exitCode: 3,
      });
    }
    const { data, version } = answer.seen;
    const text = (key: string): string | undefined => data.get(key)?.expose();
    const rootToken = data.get('root-token');
    return {
      state: text('state') === 'initialised' ? 'initialised' : 'claimed',
      nodeId: text('node-id') ?? '',
      shares: JSON.parse(text('shares') ?? '[]') as SealedShare[],
      version,
      ...(rootToken === undefined ? {} : { rootToken }),
    };
  }

  /** Notes that this peer is about to be initialised. Throws `vault-init-claimed` when somebody noted so before. */
  async claim(nodeId: string): Promise<Bootstrap> {
    try {
      return await this.#write({ state: 'claimed', nodeId, shares: [] }, 'absent');
    } catch (error) {
      if (error instanceof CheckAndSetConflict) {
        throw new Failure({
          code: 'vault-init-claimed',
          message: `somebody else is initialising store ${this.#store}, or died doing it`,
          object: `store/${this.#store}`,
          why: 'two initialisers would make two clusters that never come together again',
          remedy: 'Run the command again when no other Keywright works on this fleet: it then finishes or starts anew.',
        });
      }
      throw error;
    }
  }

  /** Keeps what the server gave out, once and for all. */
  initialised(claim: Bootstrap, shares: readonly SealedShare[], rootToken: Secret): Promise<Bootstrap> {
    return this.#write({ state: 'initialised', nodeId: claim.nodeId, shares, rootToken }, claim.version);
  }

  /** The root token is dead: forgets it, in all versions. */
  async forgetRootToken(known: Bootstrap): Promise<Bootstrap> {
    const { state, nodeId, shares } = known;
    const next = await this.#write({ state, nodeId, shares }, known.version);
    if (this.#home.features.destroyVersion) {
      await this.#home.destroyVersion(this.#path, known.version);
    }
    return next;
  }

  /** Nothing was ever initialised under this claim: the next one may begin. */
  async release(claim: Bootstrap): Promise<void> {
    const now = await this.read();
    if (now?.version === claim.version && now.state === 'claimed') {
      await this.#home.destroy(this.#path);
    }
  }

  async #write(next: Omit<Bootstrap, 'version'>, expect: string): Promise<Bootstrap> {
    const data = new Map([
      ['state', new Secret(next.state)],
      ['node-id', new Secret(next.nodeId)],
      ['shares', new Secret(JSON.stringify(next.shares))],
    ]);
    if (next.rootToken !== undefined) {
      data.set('root-token', next.rootToken);
    }
    const { version } = await this.#home.write({ path: this.#path, data, expect });
    return { ...next, version };
  }
}
