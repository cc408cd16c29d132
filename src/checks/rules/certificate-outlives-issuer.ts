import type { SourcePointer } from '../../model/diagnostic.ts';
import { milliseconds } from '../../fleet/durations.ts';
import type { Fleet } from '../../fleet/model.ts';
import { at } from '../../fleet/pointer.ts';
import { finding } from '../../fleet/rule.ts';
import { defineRule } from '../rule.ts';

interface Pair {
  readonly what: string;
  readonly ttl: string;
  readonly issuer: string;
  readonly issuerTtl: string;
  readonly object: string;
  readonly source: SourcePointer;
}

export const certificateOutlivesIssuer = defineRule({
  id: 'KW042',
  name: 'certificate-outlives-issuer',
  what: 'A certificate would be valid as long as the authority that signs it, or longer.',
  why: 'It ends when its issuer ends, whatever its own date says; who trusts the date is surprised by an outage.',
  example: 'kind: Authority\nspec: { pki: { intermediate: { ttl: 1y } }, leaf: { ttl: 2y } }',
  remedy: 'Make it shorter than its issuer, or the issuer longer.',
  *check({ fleet }, rule) {
    for (const { what, ttl, issuer, issuerTtl, object, source } of pairsOf(fleet)) {
      if (milliseconds(ttl) >= milliseconds(issuerTtl)) {
        yield finding(rule, { message: `${what} is valid for ${ttl}, ${issuer} for ${issuerTtl}`, source, object });
      }
    }
  },
});

function* pairsOf(fleet: Fleet): Iterable<Pair> {
  for (const { document: object, source, spec } of fleet.authorities.values()) {
    if (spec.pki !== undefined) {
      const { root, intermediate } = spec.pki;
      yield {
        what: 'the intermediate',
        ttl: intermediate.ttl,
        issuer: 'its root',
        issuerTtl: root.ttl,
        object,
        source: at(source, 'spec', 'pki', 'intermediate', 'ttl'),
      };
      yield {
        what: 'a leaf',
        ttl: spec.leaf.ttl,
        issuer: 'its intermediate',
        issuerTtl: intermediate.ttl,
        object,
        source: at(source, 'spec', 'leaf', 'ttl'),
      };
    }
  }
  const intermediateOf = (authority: string) => fleet.authorities.get(authority)?.spec.pki?.intermediate.ttl;
  for (const { document: object, source, spec } of fleet.accesses.values()) {
    const certificate = spec.credential.certificate;
    const issuerTtl = certificate && intermediateOf(certificate.authority);
    if (certificate !== undefined && issuerTtl !== undefined) {
      const place = at(source, 'spec', 'credential', 'certificate', 'ttl');
      yield {
        what: 'its certificate',
        ttl: certificate.ttl,
        issuer: certificate.authority,
        issuerTtl,
        object,
        source: place,
      };
    }
  }
  for (const { document: object, source, spec } of fleet.secretTrees.values()) {
    for (const [index, { path, certificate }] of spec.entries.entries()) {
      const issuerTtl = certificate && intermediateOf(certificate.authority);
      if (certificate?.ttl !== undefined && issuerTtl !== undefined) {
        const place = at(source, 'spec', 'entries', index, 'certificate', 'ttl');
        yield { what: path, ttl: certificate.ttl, issuer: certificate.authority, issuerTtl, object, source: place };
      }
    }
  }
}
