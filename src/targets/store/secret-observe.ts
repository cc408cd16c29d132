import type { InventoryRecord, RunContext } from '../../engine/interfaces.ts';
import { absent, present } from '../../model/answer.ts';
import type { Answer } from '../../model/answer.ts';
import { digestOf } from '../../model/digest.ts';
import { Failure } from '../../model/failure.ts';
import { parseResourceId } from '../../model/ids.ts';
import type { ResourceId } from '../../model/ids.ts';
import { isOutputRef, resolveOutputs } from '../../model/resource.ts';
import type { Resource } from '../../model/resource.ts';
import type { Secret } from '../../model/secret.ts';
import type { SecretBackend, SecretEntry } from '../../stores/backend.ts';
import { buildContent, isDerived } from './content.ts';
import { compareContent } from './entry-fingerprint.ts';
import { readPresent } from './entries.ts';
import { readImport } from './import.ts';
import type { Ownership } from './mark.ts';
import { isOurs } from './removal.ts';
import { foundEntry, mountMark } from './secret-ownership.ts';
import type { Found } from './secret-ownership.ts';
import type { KeySource, SecretSpec } from './secret.spec.ts';

/** Why an import key has no value yet. */
export interface Unavailable {
  readonly key: string;
  readonly why: string;
}

/** What a store says of an entry: names, versions and digests, never a value. */
export interface SeenSecret {
  /** Undefined: nothing is there, and what should be imported cannot be. */
  readonly version?: string;
  readonly owner: Ownership;
  /** Soft-deleted by hand: it is brought back, not made anew. */
  readonly deleted: boolean;
  /** Its value was destroyed by hand: it is made anew. */
  readonly destroyed?: boolean;
  /** Digest of the spec that it was written for. */
  readonly specDigest?: string;
  /** `unlooked`: version and record agree, so nobody read the values. */
  readonly content: 'same' | 'different' | 'unknown' | 'unlooked';
  /** It holds nothing but keys that are declared as imported: what `secret put` leaves before the first apply. */
  readonly putByHand: boolean;
  /** Declared keys that are not there. */
  readonly missing: readonly string[];
  /** Derived keys that do not hold what they should. */
  readonly stale: readonly string[];
  readonly unavailable: readonly Unavailable[];
}

/** Asks a store for entries: one list; values only of those whose metadata tells too little. */
export async function observeSecrets(
  backend: SecretBackend,
  wanted: readonly Resource<SecretSpec>[],
  recorded: readonly InventoryRecord[],
  context: RunContext,
): Promise<ReadonlyMap<ResourceId, Answer<SeenSecret>>> {
  const records = new Map(recorded.map((record) => [record.id, record]));
  const wantedIds = new Set(wanted.map(({ id }) => id));
  const leaving = recorded
    .filter(({ id }) => !wantedIds.has(id))
    .map((record) => ({ record, path: secretPath(record.id) }));
  const paths = [...wanted.map(({ spec }) => spec.path), ...leaving.map(({ path }) => path)];
  const [infos, mount] = await Promise.all([backend.infoMany(paths), mountMark(backend)]);
  const find = (id: ResourceId, path: string): Found | undefined => {
    const info = infos.get(path);
    const record = records.get(id);
    return info && foundEntry(info, { fleet: context.fleet, id, mount, record });
  };
  const answers = new Map<ResourceId, Answer<SeenSecret>>();
  for (const { record, path } of leaving) {
    const found = find(record.id, path);
    const isLeft = found !== undefined && isOurs(found.owner, record.state);
    answers.set(record.id, isLeft ? present(seenOf(found, { owner: { by: 'us' }, content: 'unlooked' })) : absent);
  }
  const found = new Map(wanted.map(({ id, spec }) => [id, find(id, spec.path)]));
  const looked = wanted.filter((resource) => {
    const entry = found.get(resource.id);
    return entry !== undefined && !entry.info.deleted && !isUntouched(resource, entry, context);
  });
  const entries = await readPresent(
    backend,
    looked.map(({ spec }) => spec.path),
  );
  for (const resource of wanted) {
    const entry = entries.get(resource.spec.path);
    answers.set(resource.id, await answerFor(resource, found.get(resource.id), entry, context));
  }
  return answers;
}

/** Where the entry `store/<Store>/secret/<path>` lies. */
export function secretPath(id: ResourceId): string {
  return parseResourceId(id).names.join('/');
}

/** The entry is in the version that we wrote, and was written for this very spec: no value has to be read. */
function isUntouched(resource: Resource<SecretSpec>, { info, owner, record, as }: Found, context: RunContext): boolean {
  const { spec, unknown } = resolveOutputs(resource.spec, ({ from, output }) => context.output(from, output));
  return (
    unknown.length === 0 &&
    record?.state === 'present' &&
    record.version === info.version &&
    record.fingerprint !== undefined &&
    record.fingerprint === as.fingerprint &&
    digestOf(spec) === as.spec &&
    (owner.by === 'us' || owner.by === 'mount')
  );
}

async function answerFor(
  resource: Resource<SecretSpec>,
  found: Found | undefined,
  entry: SecretEntry | undefined,
  context: RunContext,
): Promise<Answer<SeenSecret>> {
  const { keys } = resource.spec;
  if (found === undefined) {
    const unavailable = await unavailableImports(keys, Object.keys(keys), context);
    const nothing = {
      owner: { by: 'nobody' },
      deleted: false,
      content: 'unknown',
      putByHand: false,
      missing: [],
      stale: [],
    } as const;
    return unavailable.length === 0 ? absent : present({ ...nothing, unavailable });
  }
  const { info, as } = found;
  if (info.destroyed === true) {
    const unavailable = await unavailableImports(keys, Object.keys(keys), context);
    return present(seenOf(found, { content: 'unknown', missing: Object.keys(keys), unavailable }));
  }
  if (entry === undefined) {
    return present(seenOf(found, { content: info.deleted ? 'unknown' : 'unlooked' }));
  }
  const missing = Object.keys(keys).filter((key) => !entry.data.has(key));
  return present(
    seenOf(found, {
      content: compareContent(context.fingerprint, as.fingerprint, info.path, entry.data),
      putByHand: [...entry.data.keys()].every((key) => isImported(keys[key])),
      missing,
      stale: staleKeys(resource, entry, context),
      unavailable: await unavailableImports(keys, missing, context),
    }),
  );
}

function seenOf({ info, owner, as }: Found, facts: Pick<SeenSecret, 'content'> & Partial<SeenSecret>): SeenSecret {
  return {
    version: info.version,
    owner,
    deleted: info.deleted,
    destroyed: info.destroyed === true,
    specDigest: as.spec,
    putByHand: false,
    missing: [],
    stale: [],
    unavailable: [],
    ...facts,
  };
}

/**
 * Derived keys that do not hold what they should, as far as that can be told before everything they stand on is known.
 * For the plan's words only: apply works it out anew.
 */
function staleKeys(resource: Resource<SecretSpec>, { data }: SecretEntry, context: RunContext): string[] {
  const { spec } = resolveOutputs(resource.spec, ({ from, output }) => context.output(from, output));
  const keys = Object.fromEntries(
    Object.entries(spec.keys).filter(
      ([key, source]) => data.has(key) && isDerived(source) && !('value' in source && isOutputRef(source.value)),
    ),
  );
  const unknown = (): never => {
    throw new Failure({ code: 'unknown', message: 'not known yet' });
  };
  try {
    const built = buildContent(
      { ...spec, keys },
      {
        current: data,
        derivedBefore: new Set(),
        generate: unknown,
        imported: unknown,
        copied: (key) => data.get(key) ?? unknown(),
      },
    );
    return Object.keys(keys).filter((key) => built.get(key)?.equals(data.get(key) as Secret) === false);
  } catch (error) {
    if (error instanceof Failure) {
      return [];
    }
    throw error;
  }
}

function isImported(source: KeySource | undefined): boolean {
  return source !== undefined && 'import' in source;
}

/** Import keys that are neither there nor to be had. */
async function unavailableImports(
  keys: Readonly<Record<string, KeySource>>,
  missing: readonly string[],
  context: RunContext,
): Promise<Unavailable[]> {
  const found: Unavailable[] = [];
  for (const key of missing) {
    const source = keys[key];
    if (source !== undefined && 'import' in source) {
      const imported = await readImport(source.import, context);
      if ('problem' in imported) {
        found.push({ key, why: imported.problem });
      }
    }
  }
  return found;
}
