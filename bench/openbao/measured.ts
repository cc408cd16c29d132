import { subscribe } from 'node:diagnostics_channel';

/** How many of each a round makes. */
export interface Counts {
  readonly secrets: number;
  readonly policies: number;
  readonly roles: number;
}

/** The server, and where a way of writing works on it: no way meets what another has made. */
export interface Place extends Counts {
  readonly address: string;
  readonly caFile: string;
  readonly tokenFile: string;
  /** Of a KV engine. */
  readonly mount: string;
  /** Of a login method. */
  readonly method: string;
}

/** What one process of a round did. */
export interface Measured {
  /** From an idle program to everything done; without its start. */
  readonly seconds: number;
  /** Processor time of the same, of this process and of the server: what others do on the machine is not in it. */
  readonly cpu: number;
  readonly requests: number;
  readonly writes: number;
  /** Most memory that the process had at once. */
  readonly megabytes: number;
  /** What came of it, in a word or two. */
  readonly outcome: string;
}

export function secretPath(at: number): string {
  return `apps/team-${at % 100}/service-${at}`;
}

export function policyName(place: Place, at: number): string {
  return `${place.mount}-${at}`;
}

/**
 * Every request that this process sends, by what it says of itself: none is missed, also those that no audit log has.
 * Asking for one's own capabilities is a POST, and no write.
 */
const sent = { requests: 0, writes: 0 };
subscribe('http.client.request.start', (message) => {
  const { request } = message as { readonly request: { readonly method: string; readonly path: string } };
  const isWrite = ['POST', 'PUT', 'PATCH', 'DELETE'].includes(request.method);
  sent.requests += 1;
  sent.writes += isWrite && !request.path.endsWith('sys/capabilities-self') ? 1 : 0;
});

/** Does the work and tells what it took, as the one line of standard output. */
export async function report(work: () => Promise<string>): Promise<void> {
  const begun = performance.now();
  const cpuBefore = process.cpuUsage();
  const outcome = await work();
  const { user, system } = process.cpuUsage(cpuBefore);
  const seconds = (performance.now() - begun) / 1000;
  const megabytes = process.resourceUsage().maxRSS / 1024;
  const measured: Measured = { seconds, cpu: (user + system) / 1e6, ...sent, megabytes, outcome };
  process.stdout.write(`${JSON.stringify(measured)}\n`);
}
