import { isIP } from 'node:net';
import { Failure } from '../model/failure.ts';

/** A name or address for the subjectAltName of a certificate. */
export interface HostName {
  readonly type: 'dns' | 'ip';
  /** Lower case; addresses in their shortest spelling. */
  readonly value: string;
}

/**
 * Reads a host that a server certificate is asked for. Only names that every verifier understands alike are taken
 * (RFC 6125, 6.4.3, and what libpq, OpenSSL, Node, Go and Java have in common): one wildcard at most, as the whole
 * leftmost label, with at least two labels behind it; addresses as addresses.
 *
 * Throws a Failure `host-not-certifiable`.
 */
export function parseHost(host: string): HostName {
  const version = isIP(host);
  if (version === 4) {
    return { type: 'ip', value: host };
  }
  if (version === 6 && !host.includes('%')) {
    // A URL host knows the shortest spelling of RFC 5952.
    return { type: 'ip', value: new URL(`http://[${host}]`).hostname.slice(1, -1) };
  }
  const fault = faultOf(host);
  if (fault !== undefined) {
    throw new Failure({
      code: 'host-not-certifiable',
      message: `"${host}" cannot stand in a certificate: ${fault.what}`,
      why: 'some clients would refuse the certificate for that name and others accept it',
      remedy: fault.remedy,
    });
  }
  return { type: 'dns', value: host.toLowerCase() };
}

/** All hosts of a certificate in the given order, each once. */
export function parseHosts(hosts: readonly string[]): HostName[] {
  return [...new Map(hosts.map(parseHost).map((host) => [`${host.type} ${host.value}`, host])).values()];
}

function faultOf(host: string): { what: string; remedy: string } | undefined {
  if (host.includes('%')) {
    return { what: 'an address with a zone', remedy: 'Write the address without its zone.' };
  }
  if (/[^\x21-\x7e]/.test(host)) {
    return { what: 'characters beyond ASCII', remedy: 'Write the name in its ASCII form (xn--…).' };
  }
  if (host.endsWith('.')) {
    return { what: 'a final dot', remedy: 'Write the name without it: libpq matches none that has one.' };
  }
  if (host.length > 253) {
    return { what: 'more than 253 characters', remedy: 'Use a shorter name.' };
  }
  const labels = host.split('.');
  if (host.includes('*')) {
    const [first, ...rest] = labels;
    if (first !== '*' || rest.some((label) => label.includes('*'))) {
      return { what: 'a wildcard that is not the whole leftmost label', remedy: 'Write *.name, with one star.' };
    }
    if (labels.length < 3) {
      return { what: 'a wildcard with a single label behind it', remedy: 'Name each host, or use a longer domain.' };
    }
    labels.shift();
  }
  if (labels.some((label) => !/^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(label))) {
    return {
      what: 'a label that is empty, too long, or holds more than letters, digits, hyphens and underscores',
      remedy: 'Write a host name or an IP address, without scheme or port.',
    };
  }
  if (/^\d+$/.test(labels.at(-1) ?? '')) {
    return { what: 'a number as its last label, but no address', remedy: 'Write the whole address, or a name.' };
  }
  return undefined;
}
