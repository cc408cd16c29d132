import { readIfThere } from '../../process/owned-file.ts';
import { readMemory } from '../../process/server-folder.ts';
import type { ServerMemory } from '../../process/server-folder.ts';
import { PeerApi } from './peer-api.ts';
import type { PeerFolder } from './peer-folder.ts';
import { peerHealth } from './peer-health.ts';
import type { PeerHealth } from './peer-health.ts';

/** Where a peer of a local site answers. */
export function addressOf({ port }: Pick<ServerMemory, 'port'>): string {
  return `https://127.0.0.1:${port}`;
}

/** What a running peer says of itself; undefined while its folder does not tell where it answers, and by whose certificate. */
export async function healthOf(peer: PeerFolder, signal?: AbortSignal): Promise<PeerHealth | undefined> {
  const [memory, ca] = await Promise.all([readMemory(peer), readIfThere(peer.caFile)]);
  if (memory === undefined || ca === undefined) {
    return undefined;
  }
  const options = signal === undefined ? { ca } : { ca, signal };
  const api = new PeerApi({ nodeId: peer.nodeId, address: addressOf(memory) }, options);
  try {
    return await peerHealth(api);
  } finally {
    api.close();
  }
}
