import assert from 'node:assert/strict';
import test from 'node:test';
import { connectionString } from '../../../src/targets/postgres/publisher.ts';

test('a connection string quotes every value, so that none can add a setting', () => {
  const text = connectionString(
    {
      host: "h' sslmode='disable",
      hostaddr: '127.0.0.1',
      port: 15432,
      database: 'a b\\c',
      user: "o'brien",
      certificateDirectory: '/with space/dir',
    },
    'orders_a_b',
  );
  assert.equal(
    text,
    "host='h\\' sslmode=\\'disable' hostaddr='127.0.0.1' port='15432' dbname='a b\\\\c' user='o\\'brien' " +
      "application_name='orders_a_b' sslmode='verify-full' sslrootcert='/with space/dir/ca.crt' " +
      "sslcert='/with space/dir/tls.crt' sslkey='/with space/dir/tls.key' ssl_min_protocol_version='TLSv1.3' " +
      "connect_timeout='10'",
  );
});
