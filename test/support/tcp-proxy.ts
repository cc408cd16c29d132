import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

export interface TcpProxy {
  readonly port: number;
  /** Holds back everything, in both directions, until `resume`. */
  stall(): void;
  resume(): void;
  /** Breaks every open connection. */
  cut(): void;
  /** From now on a connection breaks as soon as the server answers on it: the request arrives, its answer does not. */
  loseAnswers(lose: boolean): void;
  /** Breaks so many connections as soon as the server answers on them. */
  loseNext(count: number): void;
  close(): Promise<void>;
}

/** A network between a client and a server on loopback, which can be stalled and broken. */
export async function tcpProxy(target: number): Promise<TcpProxy> {
  const open = new Set<readonly [Socket, Socket]>();
  let losing = 0;
  let stalled = false;
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1');
    const pair = [near, far] as const;
    open.add(pair);
    const end = (): void => {
      open.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on('error', end);
      socket.on('close', end);
    }
    near.on('data', (chunk: Buffer) => far.write(chunk));
    far.on('data', (chunk: Buffer) => {
      if (losing > 0) {
        losing--;
        end();
      } else {
        near.write(chunk);
      }
    });
    if (stalled) {
      near.pause();
      far.pause();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    stall() {
      stalled = true;
      open.forEach((pair) => pair.forEach((socket) => socket.pause()));
    },
    resume() {
      stalled = false;
      open.forEach((pair) => pair.forEach((socket) => socket.resume()));
    },
    cut() {
      open.forEach((pair) => pair.forEach((socket) => socket.destroy()));
    },
    loseAnswers(lose) {
      losing = lose ? Number.POSITIVE_INFINITY : 0;
    },
    loseNext(count) {
      losing = count;
    },
    async close() {
      open.forEach((pair) => pair.forEach((socket) => socket.destroy()));
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
