import type { ClientCertificate } from '../transport.ts';
import { logIn } from './login.ts';
import type { LoginMethod } from './login.ts';

export interface CertificateLogin {
  readonly store: string;
  /** Of the auth method, `cert` unless told. */
  readonly mount?: string;
  /** Name of the role; undefined lets the server try all. */
  readonly role?: string;
  /** What to do when it is refused, where more is known. */
  readonly remedy?: string;
  /** Reads certificate and key, again at each login: a renewed pair is used without a restart. */
  readonly load: () => Promise<ClientCertificate>;
}

/** Logs in by the client certificate of the TLS connection itself. */
export function certificateLogin({ store, mount = 'cert', role, remedy, load }: CertificateLogin): LoginMethod {
  const name = `client certificate (auth/${mount})`;
  return {
    name,
    clientCertificate: load,
    login: (ask) =>
      logIn(
        ask,
        { method: 'POST', path: `auth/${mount}/login`, body: role === undefined ? {} : { name: role }, repeat: 'safe' },
        {
          store,
          name,
          remedy:
            remedy ??
            'Use a certificate that is not expired, of the authority that the role names, and let TLS end at the server.',
        },
      ),
  };
}
