import type { RunContext } from '../engine/interfaces.ts';

interface Listing {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly paths: Promise<readonly string[]>;
}

/** One per store and run, for a moment: many claims look for neighbours in the same store at the same time. */
const listings = new WeakMap<RunContext, Map<string, Listing>>();
const moment = 5000;

/** Paths of all entries of a store that hold something, sorted, as Keywright's own session lists them. */
export async function entriesOf(run: RunContext, store: string): Promise<readonly string[]> {
  const ofRun = listings.get(run) ?? new Map<string, Listing>();
  listings.set(run, ofRun);
  const now = run.environment.now().getTime();
  const before = ofRun.get(store);
  if (before !== undefined && now - before.at < moment) {
    return before.paths;
  }
  const paths = list(run, store);
  ofRun.set(store, { at: now, paths });
  paths.catch(() => ofRun.delete(store));
  return paths;
}

async function list(run: RunContext, store: string): Promise<readonly string[]> {
  const found = await (await run.store(store)).list('');
  return found.filter(({ deleted }) => !deleted).map(({ path }) => path);
}
