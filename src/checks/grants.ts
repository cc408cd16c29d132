import type { SourcePointer } from '../model/diagnostic.ts';
import type { Fleet, FleetDocument } from '../fleet/model.ts';
import { accessPath } from '../fleet/names.ts';
import { at } from '../fleet/pointer.ts';

/** Something that a consumer is given: a path of a store, perhaps by way of an access. */
export interface Grant {
  readonly consumer: FleetDocument<'Consumer'>;
  readonly store: string;
  /** A path, or a pattern that ends in `**`. */
  readonly path: string;
  readonly access?: string;
  readonly source: SourcePointer;
}

/** Everything that consumers are given; nothing else grants. */
export function* grantsOf(fleet: Fleet): Iterable<Grant> {
  for (const consumer of fleet.consumers.values()) {
    const { spec, source } = consumer;
    for (const [index, secret] of spec.secrets.entries()) {
      for (const [alias, from] of Object.entries(secret.from)) {
        yield* grantOf(fleet, consumer, from, at(source, 'spec', 'secrets', index, 'from', alias));
      }
    }
    for (const [index, read] of spec.reads.entries()) {
      yield* grantOf(fleet, consumer, read, at(source, 'spec', 'reads', index));
    }
    for (const [index, write] of spec.writes.entries()) {
      yield { consumer, ...write, source: at(source, 'spec', 'writes', index) };
    }
  }
}

function* grantOf(
  fleet: Fleet,
  consumer: FleetDocument<'Consumer'>,
  from: { readonly store?: string; readonly path?: string; readonly access?: string },
  source: SourcePointer,
): Iterable<Grant> {
  const access = from.access === undefined ? undefined : fleet.accesses.get(from.access);
  if (access !== undefined) {
    yield { consumer, store: access.spec.store, path: accessPath(access), access: access.name, source };
  } else if (from.path !== undefined && from.store !== undefined) {
    yield { consumer, store: from.store, path: from.path, source };
  }
}
