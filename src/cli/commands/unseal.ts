import { Failure } from '../../model/failure.ts';
import { PeerApi } from '../../targets/vault/server/peer-api.ts';
import { giveShares } from '../../targets/vault/server/unseal.ts';
import type { SealProgress } from '../../targets/vault/server/unseal.ts';
import { exitCode } from '../exit-codes.ts';
import { parse, requireOutput } from '../invocation.ts';
import type { Invocation } from '../invocation.ts';
import { askForShares, readIdentities, readRunStore, sharesOf } from '../key-shares.ts';
import { openRun } from '../open-run.ts';
import { table } from '../text.ts';

const options = { identity: { type: 'string' } } as const;

/** `unseal STORE`: gives shares to every sealed peer of a store that the fleet runs. */
export async function run(invocation: Invocation): Promise<number> {
  const { values, positionals, terminal } = parse(invocation, options, ['STORE']);
  requireOutput(values.output);
  const name = positionals[0] ?? '';
  const opened = await openRun(invocation, terminal, { path: values.fleet });
  const apis: PeerApi[] = [];
  try {
    const store = await readRunStore(opened, name);
    const shares =
      values.identity === undefined
        ? await askForShares(terminal)
        : await sharesOf(store, await readIdentities(invocation.cwd, values.identity));
    if (shares.length === 0) {
      throw new Failure({ code: 'no-share', message: 'no share was given; nothing was done' });
    }
    const peers: { readonly nodeId: string; readonly progress: SealProgress }[] = [];
    for (const [at, address] of store.addresses.entries()) {
      const api = new PeerApi({ nodeId: store.spec.peers[at]?.nodeId ?? address, address }, { ca: store.ca });
      apis.push(api);
      peers.push({ nodeId: api.peer.nodeId, progress: await giveShares(api, shares) });
    }
    const rows = peers.map(({ nodeId, progress: { sealed, given, threshold } }) => [
      `${name}/${nodeId}`,
      sealed ? `sealed, ${given} of ${threshold} shares given` : 'unsealed',
    ]);
    terminal.result(
      { store: name, peers: peers.map(({ nodeId, progress }) => ({ nodeId, ...progress })) },
      table(rows),
    );
    return peers.some(({ progress }) => progress.sealed) ? exitCode.pending : exitCode.done;
  } finally {
    apis.forEach((api) => api.close());
    await opened.run.close();
  }
}
