import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type PeerCertificate, type SecureVersion } from 'node:tls';
import { causeOf } from '../model/failure.ts';

export interface HandshakeRequest {
  readonly address: string;
  readonly port: number;
  /** Name that the certificate is verified for. */
  readonly host: string;
  /** Roots that are trusted, PEM. */
  readonly trust: string;
  readonly minVersion?: SecureVersion;
  readonly maxVersion?: SecureVersion;
  readonly signal: AbortSignal;
}

export type HandshakeAnswer =
  | { readonly outcome: 'secured'; readonly certificate: PeerCertificate; readonly version: string }
  | { readonly outcome: 'failed'; readonly code: string; readonly message: string }
  | { readonly outcome: 'plain' }
  | { readonly outcome: 'couldNotAsk'; readonly why: string };

/** The request for TLS of the PostgreSQL protocol: length 8, code 80877103 (documentation, chapter Message Formats). */
const sslRequest = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

/** A TLS handshake with a PostgreSQL server, without logging in. */
export async function handshake(request: HandshakeRequest): Promise<HandshakeAnswer> {
  let socket: Socket;
  try {
    socket = await dial(request);
  } catch (error) {
    return { outcome: 'couldNotAsk', why: `${causeOf(error)} (${request.host}:${request.port})` };
  }
  try {
    const answer = await firstByte(socket);
    if (answer !== 'S') {
      return { outcome: 'plain' };
    }
    return await secure(socket, request);
  } catch (error) {
    return { outcome: 'couldNotAsk', why: causeOf(error) };
  } finally {
    socket.destroy();
  }
}

function dial({ address, port, signal }: HandshakeRequest): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ host: address, port, signal });
    socket.once('connect', () => {
      socket.write(sslRequest);
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

function firstByte(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the server closed the connection')));
    socket.once('readable', () => {
      const byte = socket.read(1) as Buffer | null;
      if (byte !== null) {
        resolve(byte.toString('latin1'));
      }
    });
  });
}

function secure(socket: Socket, request: HandshakeRequest): Promise<HandshakeAnswer> {
  const { host, trust, minVersion, maxVersion } = request;
  return new Promise((resolve) => {
    const secured = connectTls({
      socket,
      servername: host,
      ca: trust,
      minVersion,
      maxVersion,
      rejectUnauthorized: true,
    });
    secured.once('secureConnect', () => {
      resolve({
        outcome: 'secured',
        certificate: secured.getPeerCertificate(),
        version: secured.getProtocol() ?? 'unknown',
      });
      secured.destroy();
    });
    secured.once('error', (error: NodeJS.ErrnoException) => {
      resolve({ outcome: 'failed', code: error.code ?? '', message: causeOf(error) });
    });
    secured.once('close', () =>
      resolve({ outcome: 'failed', code: 'CLOSED', message: 'the server closed the connection' }),
    );
  });
}
