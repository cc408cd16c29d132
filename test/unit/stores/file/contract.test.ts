import { storeContract } from '../../../servers/stores/contract.ts';
import { openStore, storePlace } from '../../../support/file-store.ts';

storeContract({
  name: 'file',
  async open(t) {
    const place = await storePlace(t);
    const reopen = async () => {
      const session = await openStore(place);
      t.after(() => session.close());
      return session;
    };
    return { backend: await reopen(), reopen };
  },
});
