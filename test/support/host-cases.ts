/** The names in a certificate. */
export interface Names {
  readonly dns?: readonly string[];
  readonly ip?: readonly string[];
  readonly commonName?: string;
}

/** What libpq 15 and 18 were seen to do; the strict answer is the one that all verifiers share. */
export const hostCases: readonly [sentence: string, names: Names, host: string, libpq: boolean, strict: boolean][] = [
  ['a name', { dns: ['db.example'] }, 'db.example', true, true],
  ['one label under a wildcard', { dns: ['*.svc.ns.local'] }, 'p0.svc.ns.local', true, true],
  ['two labels under a wildcard', { dns: ['*.svc.ns.local'] }, 'a.p0.svc.ns.local', false, false],
  ['nothing under a wildcard', { dns: ['*.svc.ns.local'] }, 'svc.ns.local', false, false],
  ['an empty label under a wildcard', { dns: ['*.svc.ns.local'] }, '.svc.ns.local', false, false],
  ['two wildcards', { dns: ['*.svc-*.ns.local'] }, 'p0.svc-0.ns.local', false, false],
  ['a partial wildcard', { dns: ['pg*.ns.local'] }, 'pg1.ns.local', false, false],
  ['a wildcard that is not leftmost', { dns: ['a.*.ns.local'] }, 'a.x.ns.local', false, false],
  ['a wildcard for a top label', { dns: ['*.local'] }, 'foo.local', true, false],
  ['a common name without hosts', { commonName: 'db.example' }, 'db.example', true, false],
  ['a common name beside other names', { dns: ['x.example'], commonName: 'db.example' }, 'db.example', false, false],
  ['a common name beside addresses', { ip: ['127.0.0.1'], commonName: 'db.example' }, 'db.example', true, false],
  ['an address written as name', { dns: ['127.0.0.1'] }, '127.0.0.1', true, false],
  ['an address', { ip: ['127.0.0.1'] }, '127.0.0.1', true, true],
  ['another address', { ip: ['127.0.0.1'] }, '127.0.0.2', false, false],
  ['an address in another spelling', { ip: ['::1'] }, '0:0:0:0:0:0:0:1', true, true],
  ['a name for an address', { ip: ['127.0.0.1'] }, 'localhost', false, false],
  ['capital letters', { dns: ['localhost'] }, 'LOCALHOST', true, true],
  ['a final dot', { dns: ['localhost'] }, 'localhost.', false, false],
];
