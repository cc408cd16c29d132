import { joinBundle } from '../../authority/bundle.ts';
import type { Applied, ApplyContext, ReadyChange, ResourceKind, RunContext } from '../../engine/interfaces.ts';
import { absent, present } from '../../model/answer.ts';
import type { Answer } from '../../model/answer.ts';
import { digestOf } from '../../model/digest.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { Resource } from '../../model/resource.ts';
import { Secret } from '../../model/secret.ts';
import type { SecretBackend, SecretEntry } from '../../stores/backend.ts';
import { readPresent } from '../store/entries.ts';
import { applyRemovals, leavingAnswer } from '../store/removal.ts';
import type { BundleSpec } from './authority.spec.ts';
import { diffMade, seenMade, writeMade } from './made-entry.ts';
import type { SeenMade } from './made-entry.ts';
import { keys, thereOf, valueOf } from './entry.ts';
import type { AuthoritySession } from './target.ts';

/** `authority/<name>/bundle/trust`: the roots that verifiers trust, in one entry. */
export const bundleKind: ResourceKind<AuthoritySession, BundleSpec, SeenMade> = {
  kind: 'bundle',
  targetKind: 'authority',
  onRemoval: 'remove',
  ownership: 'marked',

  async observe({ backend, path }, wanted, recorded, context) {
    const leaving = recorded.filter(({ id }) => !wanted.some((resource) => resource.id === id));
    const paths = wanted.flatMap(({ spec }) => [bundlePath(spec.path), ...spec.roots.map((root) => root.path)]);
    const entries = await readPresent(backend, leaving.length === 0 ? paths : [...paths, bundlePath(path)]);
    const answers = new Map<ResourceId, Answer<SeenMade>>();
    for (const record of leaving) {
      const { id } = record;
      const seen = (entry: SecretEntry): SeenMade => seenMade(entry, context, id, []);
      answers.set(
        id,
        leavingAnswer(context.fleet, record, entries.get(bundlePath(path)), (info) => seen(info as SecretEntry)),
      );
    }
    for (const resource of wanted) {
      answers.set(resource.id, answerFor(resource, entries, context));
    }
    return answers;
  },

  diff: (wanted, seen, recorded) =>
    diffMade(wanted, wanted && bundlePath(wanted.spec.path), seen, recorded, seen?.faults ?? []),

  outputs: (_resource, seen) => ({ version: seen.version, pem: seen.text ?? '' }),

  async *apply({ backend, path }, changes, io) {
    const leaving = changes.filter(({ resource }) => resource === undefined);
    yield* applyRemovals(backend, leaving, io, () => bundlePath(path));
    for (const change of changes.filter(({ resource }) => resource !== undefined)) {
      yield await applyBundle(backend, change, io);
    }
  },
};

/** Entry of an authority's bundle. */
function bundlePath(authorityPath: string): string {
  return `${authorityPath}/bundle`;
}

function answerFor(
  { id, spec }: Resource<BundleSpec>,
  entries: ReadonlyMap<string, SecretEntry>,
  context: RunContext,
): Answer<SeenMade> {
  const entry = entries.get(bundlePath(spec.path));
  if (entry === undefined) {
    return absent;
  }
  const held = entry.data.get(keys.bundle)?.expose();
  const known = spec.roots.every((root) => entries.has(root.path));
  const faults =
    known && held !== rootsOf(spec, entries) ? ['the roots that verifiers shall trust are others now'] : [];
  return present({ ...seenMade(entry, context, id, faults), text: held });
}

function rootsOf(spec: BundleSpec, entries: ReadonlyMap<string, SecretEntry>): string {
  return joinBundle(spec.roots.map(({ path }) => valueOf(thereOf(entries, path), keys.certificate).expose()));
}

async function applyBundle(
  backend: SecretBackend,
  change: ReadyChange<BundleSpec, SeenMade>,
  io: ApplyContext,
): Promise<Applied> {
  const { id, spec } = change.resource as Resource<BundleSpec>;
  try {
    const roots = await readPresent(
      backend,
      spec.roots.map(({ path }) => path),
    );
    const pem = rootsOf(spec, roots);
    return await writeMade(backend, change, io, {
      path: bundlePath(spec.path),
      spec: digestOf(spec.roots.map(({ path }) => path)),
      content: () => new Map([[keys.bundle, new Secret(pem)]]),
      outputs: (version) => ({ version, pem }),
    });
  } catch (error) {
    return { id, outcome: 'failed', error: error as Error };
  }
}
