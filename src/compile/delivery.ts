import type { FleetDocument } from '../fleet/model.ts';
import type { ResourceId } from '../model/ids.ts';
import type { DirectorySpec } from '../targets/file/directory.spec.ts';
import type { Builder } from './builder.ts';
import { directoryId, output } from './places.ts';

type Consumer = FleetDocument<'Consumer'>;

export interface Delivered {
  readonly id: ResourceId;
  /** What the proofs of the folder are told. */
  readonly proof: object;
  /** The folder and what it is made of. */
  readonly restsOn: readonly ResourceId[];
}

/** A folder of a consumer on a local site, and the claims that it holds what it should and nobody else can read it. */
export function deliver(
  builder: Builder,
  consumer: Consumer,
  parts: Pick<DirectorySpec, 'name' | 'sources' | 'data' | 'libpq' | 'files' | 'vault'>,
  dependsOn: readonly ResourceId[] = [],
): Delivered {
  const { directory, site } = consumer.spec;
  if (directory === undefined || site === undefined) {
    throw new RangeError(`${consumer.document} has no directory`);
  }
  const { name, ...rest } = parts;
  const spec: DirectorySpec = {
    consumer: consumer.name,
    name,
    folder: `consumers/${directory.name}/${name}`,
    user: directory.user,
    ...rest,
    onChange: onChangeOf(consumer),
  };
  const id = builder.resource(consumer, directoryId(site, consumer.name, name), spec, { dependsOn });
  const proof = {
    directory: output(id, 'directory'),
    consumer: consumer.name,
    secret: name,
    user: directory.user,
    ...rest,
  };
  const made = Object.values(parts.sources).flatMap(({ version }) => (typeof version === 'string' ? [] : version.from));
  const claim = (kind: string, sentence: string): void =>
    builder.claim(consumer, {
      kind,
      variant: [name],
      sentence,
      group: consumer.name,
      restsOn: [id, ...made],
      spec: proof,
    });
  claim('delivered-agrees', `${consumer.name} holds ${name} as the store has it`);
  claim('delivered-modes', `${consumer.name} alone can read ${name}`);
  return { id, proof, restsOn: [id, ...made] };
}

function onChangeOf(consumer: Consumer): DirectorySpec['onChange'] {
  const { onChange } = consumer.spec;
  if (onChange?.command !== undefined) {
    return { command: onChange.command };
  }
  return onChange?.signal === undefined ? undefined : { signal: onChange.signal };
}
