/** What `init` writes: the quickstart example under the folder's name. A test keeps the two alike. */
export function starterFleet(name: string): string {
  return `# A first fleet: one PostgreSQL server on this machine, one database, one way in.
# Check it: keywright check. Bring it up: keywright up. Every field: docs/language.md.
apiVersion: keywright.dev/v1alpha1
kind: Fleet
metadata: { name: ${name} }
spec: {}
---
# Where processes and files live: a folder beside this file.
apiVersion: keywright.dev/v1alpha1
kind: Site
metadata: { name: here }
spec:
  local: { directory: .keywright/here }
---
# Where passwords, keys and Keywright's own records are kept: encrypted files.
apiVersion: keywright.dev/v1alpha1
kind: Store
metadata: { name: box }
spec:
  file: { path: box, identityFile: .keywright/key.txt }
---
# Who signs the server's certificate.
apiVersion: keywright.dev/v1alpha1
kind: Authority
metadata: { name: local }
spec:
  pki: { root: { ttl: 10y }, intermediate: { ttl: 1y } }
  leaf: { ttl: 30d, renewBefore: 15d }
---
apiVersion: keywright.dev/v1alpha1
kind: Postgres
metadata: { name: shop }
spec:
  version: 18
  process: {}                                    # port: a free one, then remembered
  tls: { mode: verify-full }
  databases:
  - name: shop
    setup: |
      CREATE TABLE orders (id bigint PRIMARY KEY, item text NOT NULL);
---
# The application's login: a role, its rights and a password, made and rotated.
apiVersion: keywright.dev/v1alpha1
kind: DatabaseAccess
metadata: { name: shop-app }
spec:
  postgres: shop
  database: shop
  privileges: readWrite
  credential: { static: { rotateEvery: 30d } }
---
# Who gets it: a folder with a file per key, also a libpq service "shop-app".
apiVersion: keywright.dev/v1alpha1
kind: Consumer
metadata: { name: shop }
spec:
  directory: { name: shop }
  secrets:
  - { name: shop-app, from: { db: { access: shop-app } } }
`;
}

/** Keys, data and sockets of a fleet do not belong into a repository. */
export const starterIgnore = `# Keywright: keys and data of this machine, and the store's encrypted files
.keywright/
box/
`;
