import { isIP } from 'node:net';
import type { Certificate } from './certificate.ts';
import { parseHost } from './hosts.ts';

type Named = Pick<Certificate, 'dnsNames' | 'ipAddresses' | 'subject'>;

/**
 * Whether every verifier that we know accepts the certificate for this host: RFC 6125 read strictly. Addresses match
 * only iPAddress entries, names only dNSName entries, a wildcard only as the whole leftmost label with two labels or
 * more behind it. The common name never counts (Go clients ignore it).
 */
export function matchesStrictly(certificate: Named, host: string): boolean {
  if (isIP(host) !== 0) {
    return !host.includes('%') && certificate.ipAddresses.includes(parseHost(host).value);
  }
  return certificate.dnsNames.some((name) => {
    const labels = name.split('.');
    if (labels[0] !== '*') {
      return equalIgnoringCase(name, host);
    }
    return labels.length >= 3 && equalIgnoringCase(name.slice(1), afterFirstLabel(host));
  });
}

/**
 * Whether libpq accepts the certificate for this host with `sslmode=verify-full` (PostgreSQL 15 and later): wider than
 * the strict rules, it takes `*.local`, addresses written as dNSName, and the common name when no entry of the host's
 * own type is there.
 */
export function matchesAsLibpq(certificate: Named, host: string): boolean {
  const isAddress = isIP(host) !== 0;
  const names = certificate.dnsNames.some((name) => libpqNameMatches(name, host));
  const addresses = isAddress && !host.includes('%') && certificate.ipAddresses.includes(parseHost(host).value);
  if (names || addresses) {
    return true;
  }
  const sameType = isAddress ? certificate.ipAddresses : certificate.dnsNames;
  const { commonName } = certificate.subject;
  return sameType.length === 0 && commonName !== undefined && libpqNameMatches(commonName, host);
}

function libpqNameMatches(name: string, host: string): boolean {
  const isWildcard = name.length >= 3 && name.startsWith('*.');
  return equalIgnoringCase(name, host) || (isWildcard && equalIgnoringCase(name.slice(1), afterFirstLabel(host)));
}

/** From the first dot on, and empty when nothing stands before it. */
function afterFirstLabel(host: string): string {
  const dot = host.indexOf('.');
  return dot > 0 ? host.slice(dot) : '';
}

function equalIgnoringCase(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
