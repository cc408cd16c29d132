import { Secret } from '../../../model/secret.ts';
import type { Ask, VaultCall } from '../call.ts';
import { VaultRefusal, loginFailed } from '../failures.ts';
import type { ClientCertificate } from '../transport.ts';

/** A token and what is known of its life. */
export interface Login {
  readonly token: Secret;
  /** From now; 0: it never ends. */
  readonly ttlMilliseconds: number;
  readonly renewable: boolean;
  readonly policies: readonly string[];
  /** This login made it, so nobody else uses it. */
  readonly isOwn?: true;
}

/** A way to get a token. It is asked again when the token ends, so what it reads may have been replaced meanwhile. */
export interface LoginMethod {
  /** For messages, for example `AppRole (auth/approle)`. */
  readonly name: string;
  /** `ask` sends no token unless the call has one. Throws a Failure when the server or a file refuses. */
  login(ask: Ask): Promise<Login>;
  /** What the client shows in the TLS handshake, for methods that log in by it. */
  clientCertificate?(): Promise<ClientCertificate>;
}

/** Sends a login and takes the token out of its answer. Throws a Failure `vault-login-failed` with the remedy. */
export async function logIn(ask: Ask, call: VaultCall, { store, name, remedy }: LoginName): Promise<Login> {
  try {
    const { auth } = await ask(call);
    if (auth !== undefined && auth.clientToken !== '') {
      return {
        token: new Secret(auth.clientToken),
        ttlMilliseconds: auth.leaseSeconds * 1000,
        renewable: auth.renewable,
        policies: auth.policies,
        isOwn: true,
      };
    }
  } catch (error) {
    if (error instanceof VaultRefusal) {
      const says = error.errors.map((text) => text.trim()).join('; ') || `status ${error.status}`;
      throw loginFailed(store, name, says, remedy, error);
    }
    throw error;
  }
  throw loginFailed(store, name, 'the answer has no token', remedy);
}

export interface LoginName {
  readonly store: string;
  /** Of the method, for messages. */
  readonly name: string;
  readonly remedy: string;
}
