// House rules for oxlint; `.oxlintrc.json` loads this file and says where each rule holds.
import { rooms } from './rooms.ts';
import { unitTestIsolation } from './unit-test-isolation.ts';

export default {
  meta: { name: 'keywright' },
  rules: { rooms, 'unit-test-isolation': unitTestIsolation },
};
