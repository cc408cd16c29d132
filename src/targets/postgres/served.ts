import { once } from 'node:events';
import { connect as connectPlain } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** Code of an SSLRequest, PostgreSQL's frontend/backend protocol 55.7. */
const sslRequest = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

export interface ServedEndpoint {
  readonly hostaddr: string;
  readonly port: number;
  /** Sent as SNI. */
  readonly host: string;
}

/**
 * Which certificate an endpoint serves, by a handshake of its own: SHA-256 of its DER, hex. Nothing is verified and
 * nobody logs in. Throws when there is no TLS there.
 */
export async function servedFingerprint(endpoint: ServedEndpoint, timeout = 5000): Promise<string> {
  const signal = AbortSignal.timeout(timeout);
  const socket = connectPlain({ host: endpoint.hostaddr, port: endpoint.port });
  try {
    await once(socket, 'connect', { signal });
    socket.write(sslRequest);
    const [answer] = (await once(socket, 'data', { signal })) as [Buffer];
    if (answer.toString('latin1') !== 'S') {
      throw new Error('the server does not speak TLS');
    }
    // Only what is served is asked; who may trust it is another question.
    const secure = connectTls({ socket, servername: endpoint.host, rejectUnauthorized: false });
    await once(secure, 'secureConnect', { signal });
    const fingerprint = secure.getPeerX509Certificate()?.fingerprint256;
    if (fingerprint === undefined) {
      throw new Error('the server shows no certificate');
    }
    secure.destroy();
    return fingerprint.replaceAll(':', '').toLowerCase();
  } finally {
    socket.destroy();
  }
}
