import type { Fleet } from '../fleet/model.ts';
import { wrongUsage } from './invocation.ts';
import { nearest } from './text.ts';

/** A place in a store, as it is typed: `STORE/PATH`, or `PATH` alone in a fleet with one store. */
export interface StorePath {
  readonly store: string;
  readonly path: string;
}

/** Reads `STORE/PATH`. Throws wrong usage when the store is not told and not the only one. */
export function parseStorePath(text: string, fleet: Pick<Fleet, 'stores'>): StorePath {
  const names = [...fleet.stores.keys()];
  const [first = '', ...rest] = text.split('/');
  if (names.includes(first)) {
    return { store: first, path: rest.join('/').replace(/\/+$/, '') };
  }
  const only = names[0];
  if (names.length === 1 && only !== undefined) {
    return { store: only, path: text.replace(/\/+$/, '') };
  }
  const near = nearest(first, names);
  throw wrongUsage(
    `${JSON.stringify(text)} begins with no store of the fleet`,
    near === undefined ? `write STORE/PATH; there is ${names.join(', ')}` : `did you mean ${near}/${rest.join('/')}`,
  );
}
