import type { Applied, ApplyContext, ReadyChange, ResourceKind, RunContext } from '../../engine/interfaces.ts';
import { absent, present } from '../../model/answer.ts';
import type { Answer } from '../../model/answer.ts';
import { digestOf } from '../../model/digest.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { Resource } from '../../model/resource.ts';
import type { SecretEntry } from '../../stores/backend.ts';
import { readPresent } from '../store/entries.ts';
import { applyRemovals, leavingAnswer } from '../store/removal.ts';
import type { CrlSpec } from './authority.spec.ts';
import { crlFaults, makeLists, publishedSerials } from './crl-lists.ts';
import { certificateOf, faultsOf, keys, thereOf } from './entry.ts';
import { diffMade, seenMade, writeMade } from './made-entry.ts';
import type { SeenMade } from './made-entry.ts';
import { changeRegistry, readRegistry, registryPath } from './registry.ts';
import type { IssuedRecord } from './registry.ts';
import { dueForRevocation, registryOptions, revoke, unexpired } from './revocation.ts';
import type { Signer } from './signer.ts';
import type { AuthoritySession } from './target.ts';

export interface SeenCrl extends SeenMade {
  /** Every certificate that the registry knows. */
  readonly issued: readonly IssuedRecord[];
  /** Serials that stand in the lists. */
  readonly published: readonly string[];
}

/**
 * `authority/<name>/crl/crl`: one revocation list per CA, also when it is empty. A certificate is revoked when its
 * resource is no longer among `active`, or when `revokeSerial` asked for it; renewing one revokes nothing.
 */
export const crlKind: ResourceKind<AuthoritySession, CrlSpec, SeenCrl> = {
  kind: 'crl',
  targetKind: 'authority',
  // The lists and the registry beside them are what keeps a revoked certificate revoked.
  onRemoval: 'retain',
  ownership: 'marked',

  async observe({ backend, path }, wanted, recorded, context) {
    const leaving = recorded.filter(({ id }) => !wanted.some((resource) => resource.id === id));
    const paths = wanted.flatMap(({ spec }) => [
      crlPath(spec.path),
      registryPath(spec.authorityPath),
      ...spec.issuers.map((issuer) => issuer.path),
    ]);
    const entries = await readPresent(backend, leaving.length === 0 ? paths : [...paths, crlPath(path)]);
    const answers = new Map<ResourceId, Answer<SeenCrl>>();
    for (const record of leaving) {
      const { id } = record;
      const seen = (entry: SecretEntry): SeenCrl => ({
        ...seenMade(entry, context, id, []),
        issued: [],
        published: [],
      });
      answers.set(
        id,
        leavingAnswer(context.fleet, record, entries.get(crlPath(path)), (info) => seen(info as SecretEntry)),
      );
    }
    for (const resource of wanted) {
      answers.set(resource.id, answerFor(resource, entries, context));
    }
    return answers;
  },

  diff(wanted, seen, recorded, { now }) {
    const path = wanted && crlPath(wanted.spec.path);
    if (wanted === undefined || seen === undefined) {
      return diffMade(wanted, path, seen, recorded, [], 'retain');
    }
    const { leaving, returned } = dueForRevocation(seen.issued, wanted.spec, now);
    const unpublished = unexpired(seen.issued, now).filter(
      ({ revokedAt, serial }) => revokedAt !== undefined && !seen.published.includes(serial),
    );
    const change = diffMade(wanted, path, seen, recorded, [
      ...seen.faults,
      ...(leaving.length + unpublished.length > 0 ? [`revokes ${count(leaving.length + unpublished.length)}`] : []),
      ...(returned.length > 0 ? [`${count(returned.length)} stay revoked, though their owners are back`] : []),
    ]);
    const revoked = [...leaving, ...unpublished].map(({ id, serial }) => ({ field: id, note: `revoked: ${serial}` }));
    return change.action === 'refused' ? change : { ...change, fields: [...change.fields, ...revoked] };
  },

  outputs: (_resource, seen) => ({ version: seen.version, pem: seen.text ?? '' }),

  async *apply(session, changes, io) {
    const { backend, path } = session;
    const leaving = changes.filter(({ resource }) => resource === undefined);
    yield* applyRemovals(backend, leaving, io, () => crlPath(path));
    for (const change of changes.filter(({ resource }) => resource !== undefined)) {
      yield await applyCrl(session, change, io);
    }
  },
};

/** Entry of an authority's revocation lists. */
function crlPath(authorityPath: string): string {
  return `${authorityPath}/crl`;
}

function answerFor(
  { id, spec }: Resource<CrlSpec>,
  entries: ReadonlyMap<string, SecretEntry>,
  context: RunContext,
): Answer<SeenCrl> {
  const entry = entries.get(crlPath(spec.path));
  if (entry === undefined) {
    return absent;
  }
  const faults = faultsOf(() => {
    const issuers = spec.issuers.flatMap((issuer) => entries.get(issuer.path) ?? []);
    return crlFaults(
      entry,
      issuers.map((issuer) => certificateOf(issuer)),
      context.environment.now(),
    );
  });
  return present({
    ...seenMade(entry, context, id, faults),
    text: entry.data.get(keys.crl)?.expose(),
    issued: readRegistry(entries.get(registryPath(spec.authorityPath))),
    published: publishedSerials(entry),
  });
}

async function applyCrl(
  { backend, signer }: AuthoritySession,
  change: ReadyChange<CrlSpec, SeenCrl>,
  io: ApplyContext,
): Promise<Applied> {
  const { id, spec } = change.resource as Resource<CrlSpec>;
  try {
    const now = io.environment.now();
    // First the registry, which lasts; the lists are made from it.
    await changeRegistry(backend, spec.authorityPath, registryOptions(io, id, now), (issued) => {
      const { leaving, returned } = dueForRevocation(issued, spec, now);
      const some = leaving.length + returned.length > 0;
      return some ? revoke(revoke(issued, leaving, now, 'left'), returned, now, 'asked') : issued;
    });
    const paths = [registryPath(spec.authorityPath), ...spec.issuers.map(({ path }) => path)];
    const entries = await readPresent(backend, paths);
    const registry = readRegistry(entries.get(registryPath(spec.authorityPath)));
    await tellRevoked(signer, spec, entries, unexpired(registry, now), io);
    return await writeMade(backend, change, io, {
      path: crlPath(spec.path),
      spec: digestOf(spec.issuers.map(({ path }) => path)),
      content: (current) => makeLists(signer, spec, entries, registry, current, io),
      outputs: (version, data) => ({ version, pem: data.get(keys.crl)?.expose() ?? '' }),
    });
  } catch (error) {
    return { id, outcome: 'failed', error: error as Error };
  }
}

/** Before the lists are written: killed in between, the next run finds them unpublished and comes here again. */
async function tellRevoked(
  signer: Signer,
  spec: CrlSpec,
  entries: ReadonlyMap<string, SecretEntry>,
  registry: readonly IssuedRecord[],
  io: ApplyContext,
): Promise<void> {
  if (signer.revoke === undefined) {
    return;
  }
  for (const { path } of spec.issuers) {
    const issuer = thereOf(entries, path);
    const { fingerprint } = certificateOf(issuer);
    const revoked = registry.filter((each) => each.revokedAt !== undefined && each.issuer === fingerprint);
    if (revoked.length > 0) {
      io.guard();
      await signer.revoke(
        issuer,
        revoked.map(({ serial }) => serial),
      );
    }
  }
}

function count(number: number): string {
  return number === 1 ? '1 certificate' : `${number} certificates`;
}
