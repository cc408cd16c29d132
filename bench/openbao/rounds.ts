/** Rounds on one server: who writes what, with which rights, in which order. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatMark } from '../../src/targets/process/mark.ts';
import { baoBinary, waitFor } from '../../test/support/openbao.ts';
import type { OpenBao, OpenBaoPeer } from '../../test/support/openbao.ts';
import { installPackage } from '../support/package.ts';
import { policyName, secretPath } from './measured.ts';
import type { Counts, Measured, Place } from './measured.ts';

/** Objects of each kind that `bao` makes; its time grows with their number alone, so the rest is reckoned. */
export const byCommand = 20;

export interface Round {
  readonly write: Measured;
  readonly read: Measured;
  readonly apply: Measured;
  /** In a mount of somebody else, where each entry is marked. */
  readonly applyShared: Measured;
  readonly plan: Measured;
  readonly planShared: Measured;
  readonly planPlain: Measured;
}

/** How `bin/keywright` starts Node, beside the compile cache. */
const asStarted = ['--max-semi-space-size=8'];

export type Tenfold = Pick<Round, 'write' | 'apply' | 'plan' | 'planPlain'>;

interface BenchFleet {
  readonly folder: string;
  readonly place: Place;
  /** Makes a mount the fleet's own. */
  readonly mark: string;
}

export class Bench {
  readonly #bao: OpenBao;
  readonly #folder: string;

  constructor(bao: OpenBao, folder: string) {
    this.#bao = bao;
    this.#folder = folder;
  }

  async round(name: string, size: Counts): Promise<Round> {
    const bare = await this.#place(`bare-${name}`, size);
    await this.#makeMounts(bare);
    const own = await this.#fleet(`own-${name}`, size);
    await this.#mount(own.place.mount, own.mark);
    const shared = await this.#fleet(`shared-${name}`, size);
    await this.#mount(shared.place.mount);
    for (const { place } of [{ place: bare }, own, shared]) {
      await this.#token(place, writingRules(place));
    }
    const write = await this.#child('bare.ts', 'write', bare);
    const apply = await this.#child('keywright.ts', 'apply', own.place, own.folder);
    const applyShared = await this.#child('keywright.ts', 'apply', shared.place, shared.folder);

    await this.#token(bare, `${plainRules(bare)}path "${bare.mount}/data/*" { capabilities = ["read"] }\n`);
    const read = await this.#child('bare.ts', 'read', bare);
    await this.#token(own.place, listingRules(own.place));
    const plan = await this.#child('keywright.ts', 'plan', own.place, own.folder);
    await this.#token(own.place, plainRules(own.place));
    const planPlain = await this.#child('keywright.ts', 'plan', own.place, own.folder);
    await this.#token(shared.place, listingRules(shared.place));
    const planShared = await this.#child('keywright.ts', 'plan', shared.place, shared.folder);
    for (const place of [bare, own.place, shared.place]) {
      await this.#takeAway(place);
    }
    return { write, read, apply, applyShared, plan, planShared, planPlain };
  }

  /** Ten times the objects, in the ways whose time is compared with that of one. */
  async tenfold(size: Counts): Promise<Tenfold> {
    const bare = await this.#place('bare-ten', size);
    await this.#makeMounts(bare);
    await this.#token(bare, writingRules(bare));
    const write = await this.#child('bare.ts', 'write', bare);
    const own = await this.#fleet('ten', size);
    await this.#mount(own.place.mount, own.mark);
    await this.#token(own.place, writingRules(own.place));
    const apply = await this.#child('keywright.ts', 'apply', own.place, own.folder);
    await this.#token(own.place, listingRules(own.place));
    const plan = await this.#child('keywright.ts', 'plan', own.place, own.folder);
    await this.#token(own.place, plainRules(own.place));
    const planPlain = await this.#child('keywright.ts', 'plan', own.place, own.folder);
    return { write, apply, plan, planPlain };
  }

  /** Seconds that a shell script takes for all objects, reckoned from some of each. */
  async script(counts: Counts): Promise<number> {
    const place = await this.#place('script', counts);
    await this.#makeMounts(place);
    const { mount, method } = place;
    const objects = Array.from({ length: byCommand }, (_, at) => [
      `bao kv put -mount=${mount} ${secretPath(at)} password=${'x'.repeat(32)}`,
      `echo 'path "${mount}/data/apps/team-${at}/*" { capabilities = ["read"] }' | bao policy write ${policyName(place, at)} -`,
      `bao write auth/${method}/role/service-${at} token_policies=${policyName(place, at)} token_ttl=3600`,
    ]);
    const seconds = [0, 1, 2].map((kind) => {
      const lines = objects.map((commands) => commands[kind]);
      const begun = performance.now();
      const { status, stderr } = spawnSync('/bin/sh', ['-e'], {
        input: `${lines.join('\n')}\n`.replaceAll('bao ', `${baoBinary()} `),
        encoding: 'utf8',
        env: {
          VAULT_ADDR: place.address,
          VAULT_CACERT: place.caFile,
          VAULT_TOKEN: this.#bao.rootToken,
          HOME: this.#folder,
        },
      });
      if (status !== 0) {
        throw new Error(`the script ended with ${status}: ${stderr}`);
      }
      return (performance.now() - begun) / 1000 / byCommand;
    });
    const [perSecret = 0, perPolicy = 0, perRole = 0] = seconds;
    return perSecret * counts.secrets + perPolicy * counts.policies + perRole * counts.roles;
  }

  /** Most memory of the packaged program, in megabytes: at an apply of so many secrets, and at a plan after it. */
  async packaged(size: Counts): Promise<{ readonly apply: number; readonly plan: number }> {
    const program = installPackage(join(this.#folder, 'package'));
    const own = await this.#fleet('packaged', { ...size, secrets: size.secrets + size.policies + size.roles });
    await this.#mount(own.place.mount, own.mark);
    await this.#token(own.place, writingRules(own.place));
    const apply = await mostMemory(program, ['apply'], own.folder);
    return { apply, plan: await mostMemory(program, ['plan'], own.folder) };
  }

  /** A fleet whose home is a folder beside it and whose secrets go into a mount of this server. */
  async #fleet(name: string, size: Counts): Promise<BenchFleet> {
    const folder = join(this.#folder, name);
    await mkdir(folder);
    const place = { ...(await this.#place(name, size)), tokenFile: join(folder, 'bao.token') };
    const entries = Array.from(
      { length: size.secrets },
      (_, at) => `  - path: ${secretPath(at)}\n    keys: { password: { generate: { password: 32 } } }\n`,
    );
    const documents = [
      `kind: Fleet\nmetadata: { name: ${name} }\nspec: { home: box, defaults: { store: main } }\n`,
      'kind: Store\nmetadata: { name: box }\nspec: { file: { path: box, identityFile: .keywright/key.txt } }\n',
      `kind: Store\nmetadata: { name: main }\nspec:\n  vault: { addresses: ["${place.address}"], ca: { file: ${place.caFile} }, mounts: { kv: ${place.mount} }, login: { tokenFile: bao.token } }\n`,
      `kind: SecretTree\nmetadata: { name: apps }\nspec:\n  entries:\n${entries.join('')}`,
    ];
    const text = documents.map((document) => `apiVersion: keywright.dev/v1alpha1\n${document}`).join('---\n');
    await writeFile(join(folder, 'fleet.yaml'), text);
    return { folder, place, mark: formatMark({ fleet: name, id: `store/main/mount/${place.mount}` }) };
  }

  async #place(name: string, size: Counts): Promise<Place> {
    const { address, caFile } = this.#bao;
    const tokenFile = join(this.#folder, `${name}.token`);
    return { ...size, address, caFile, tokenFile, mount: `kv-${name}`, method: `approle-${name}` };
  }

  /** Puts a token with these rules there. Root's would be no measure: the server has nothing to judge for it. */
  async #token(place: Place, rules: string): Promise<void> {
    const name = `token-${place.mount}`;
    await this.#bao.ask('PUT', `sys/policies/acl/${name}`, { policy: rules });
    const made = await this.#bao.ask('POST', 'auth/token/create', { policies: [name] });
    const token = (made.body?.['auth'] as { readonly client_token?: string } | undefined)?.client_token;
    await writeFile(place.tokenFile, `${token}\n`, { mode: 0o600 });
  }

  async #makeMounts({ mount, method }: Place): Promise<void> {
    await this.#mount(mount);
    await this.#bao.ask('POST', `sys/auth/${method}`, { type: 'approle' });
  }

  async #mount(mount: string, description = ''): Promise<void> {
    await this.#bao.ask('POST', `sys/mounts/${mount}`, { type: 'kv', options: { version: '2' }, description });
    const [peer] = this.#bao.peers;
    await waitFor('the engine', async () => (await peer?.ask('GET', `${mount}/config`))?.status === 200);
  }

  async #child(program: string, action: string, place: Place, folder = '.'): Promise<Measured> {
    const { pid } = this.#bao.peers[0] as OpenBaoPeer;
    const before = processorSeconds(pid);
    const args = [...asStarted, join(import.meta.dirname, program), action, JSON.stringify(place), folder];
    const started = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_COMPILE_CACHE: join(import.meta.dirname, '../../node_modules/.cache/compile') },
    });
    let output = '';
    started.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    const [code] = (await once(started, 'close')) as [number | null];
    if (code !== 0) {
      throw new Error(`${program} ${action} ended with ${code}`);
    }
    const measured = JSON.parse(output) as Measured;
    return { ...measured, cpu: measured.cpu + processorSeconds(pid) - before };
  }

  async #takeAway(place: Place): Promise<void> {
    await this.#bao.ask('DELETE', `sys/mounts/${place.mount}`);
    await this.#bao.ask('DELETE', `sys/auth/${place.method}`);
    for (let at = 0; at < place.policies; at++) {
      await this.#bao.ask('DELETE', `sys/policies/acl/${policyName(place, at)}`);
    }
  }
}

/** What an apply needs, and a bare writer uses a part of. No rule below another: the more exact one would win. */
function writingRules({ mount, method }: Place): string {
  const all = '["create", "read", "update", "patch", "delete", "list", "scan"]';
  return `path "${mount}" { capabilities = ["read"] }
path "${mount}/*" { capabilities = ${all} }
path "sys/mounts" { capabilities = ["read"] }
path "sys/mounts/${mount}" { capabilities = ["read"] }
path "sys/policies/*" { capabilities = ${all} }
path "sys/auth" { capabilities = ["read"] }
path "sys/auth/*" { capabilities = ["create", "read", "update", "sudo"] }
path "auth/${method}/*" { capabilities = ${all} }
`;
}

/** All that a plan needs: no right to read a value, or to write anything. */
function listingRules(place: Place): string {
  return `${plainRules(place)}path "${place.mount}/detailed-metadata/*" { capabilities = ["scan", "list"] }
path "sys/policies/detailed/acl" { capabilities = ["list"] }
path "sys/policies/detailed/acl/" { capabilities = ["list"] }
`;
}

/** The same where there are no lists that return contents, as in HashiCorp's. */
function plainRules({ mount, method }: Place): string {
  return `path "${mount}" { capabilities = ["read"] }
path "${mount}/config" { capabilities = ["read"] }
path "${mount}/metadata/*" { capabilities = ["read", "list"] }
path "sys/mounts" { capabilities = ["read"] }
path "sys/mounts/${mount}" { capabilities = ["read"] }
path "sys/auth" { capabilities = ["read"] }
path "sys/policies/acl/*" { capabilities = ["read"] }
path "auth/${method}/role" { capabilities = ["list"] }
path "auth/${method}/role/*" { capabilities = ["read", "list"] }
`;
}

/** Runs a program that must end well; its high-water mark, asked for all the time, since it goes with the process. */
async function mostMemory(program: string, args: readonly string[], cwd: string): Promise<number> {
  const child = spawn(program, args, { cwd, stdio: ['ignore', 'ignore', 'inherit'] });
  let kilobytes = 0;
  const looking = setInterval(() => {
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
    kilobytes = Number(/^VmHWM:\s*(\d+)/m.exec(status)?.[1] ?? kilobytes);
  }, 5);
  const [code] = (await once(child, 'exit')) as [number | null];
  clearInterval(looking);
  if (code !== 0) {
    throw new Error(`keywright ${args.join(' ')} ended with ${code}`);
  }
  return kilobytes / 1024;
}

/** Processor time that a process has used, by proc(5), whose ticks are hundredths. */
function processorSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
