import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestContext } from 'node:test';
import type { EvidenceJson } from '../../src/cli/render/evidence.ts';
import { localSites } from '../../src/cli/local-sites.ts';
import { loadFleet } from '../../src/fleet/load.ts';
import { serverFolder, type ServerFolder } from '../../src/targets/process/server-folder.ts';
import { connectSuperuser } from '../../src/targets/process/superuser-client.ts';
import { type Ended, keywright, type Running, startKeywright } from './keywright.ts';

const examples = fileURLToPath(new URL('../../examples/', import.meta.url));

/** A copy of an example in a folder of its own, and what a test does to it. Everything goes with the test. */
export class TestFleet {
  readonly folder: string;
  readonly #env: NodeJS.ProcessEnv;

  /** @param env - beside the test's own environment */
  constructor(folder: string, env: NodeJS.ProcessEnv = {}) {
    this.folder = folder;
    this.#env = env;
  }

  run(command: string, ...args: readonly string[]): Promise<Ended> {
    return this.start(command, ...args).ended;
  }

  start(command: string, ...args: readonly string[]): Running {
    return startKeywright([command, ...args], { cwd: this.folder, env: this.#env });
  }

  /** Runs a command with something on its standard input. */
  runWith(input: string, command: string, ...args: readonly string[]): Promise<Ended> {
    return keywright([command, ...args], { cwd: this.folder, input, env: this.#env });
  }

  /** Runs a command that must end well. */
  async must(command: string, ...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(command, ...args);
    if (code !== 0) {
      throw new Error(`keywright ${command} ${args.join(' ')} exited ${code}\n${stdout}\n${stderr}`);
    }
    return stdout;
  }

  async verify(...args: readonly string[]): Promise<EvidenceJson> {
    const { stdout, stderr } = await this.run('verify', '--output', 'json', ...args);
    if (stdout === '') {
      throw new Error(`keywright verify said nothing on standard output\n${stderr}`);
    }
    return JSON.parse(stdout) as EvidenceJson;
  }

  /** Where a server of the fleet lies. */
  async server(postgres: string): Promise<ServerFolder> {
    const { fleet } = await loadFleet(this.folder);
    const site = fleet?.postgres.get(postgres)?.spec.site;
    const place = fleet && (await localSites(fleet)).find(({ name }) => name === site);
    if (place === undefined) {
      throw new Error(`no local site of ${postgres}`);
    }
    return serverFolder(place, postgres);
  }

  async port(postgres: string): Promise<number> {
    const { dataDirectory } = await this.server(postgres);
    return Number((await readFile(join(dataDirectory, 'postmaster.pid'), 'utf8')).split('\n')[3]);
  }

  /** SQL by hand, as the superuser over the socket. */
  async sql(postgres: string, database: string, text: string): Promise<Record<string, unknown>[]> {
    const { socketDirectory } = await this.server(postgres);
    const client = await connectSuperuser({
      socketDirectory,
      port: await this.port(postgres),
      database,
      applicationName: 'by hand',
    });
    try {
      const result: unknown = await client.query(text);
      const last = (Array.isArray(result) ? result.at(-1) : result) as { rows: Record<string, unknown>[] };
      return last.rows;
    } finally {
      await client.end();
    }
  }

  /** A delivered folder. */
  delivered(site: string, consumer: string, secret: string): string {
    return join(this.folder, '.keywright', site, 'consumers', consumer, secret);
  }
}

/** Brings nothing up yet: `await fleet.must('apply')` does. */
export async function copyOfExample(t: TestContext, example: string, env?: NodeJS.ProcessEnv): Promise<TestFleet> {
  return fleetOf(t, await readFile(join(examples, example, 'fleet.yaml'), 'utf8'), env);
}

/** A fleet of this text, in a folder of its own. Everything goes with the test. */
export async function fleetOf(t: TestContext, text: string, env?: NodeJS.ProcessEnv): Promise<TestFleet> {
  const folder = await mkdtemp(join(tmpdir(), 'kw-fleet-'));
  await writeFile(join(folder, 'fleet.yaml'), text);
  const fleet = new TestFleet(resolve(folder), env);
  t.after(async () => {
    const { code, stderr } = await fleet.run('down', '--purge', '--yes');
    await rm(folder, { recursive: true, force: true });
    if (code !== 0) {
      throw new Error(`down --purge exited ${code}: ${stderr}`);
    }
  });
  return fleet;
}

/** Ids of claims that did not hold, with their verdict, sorted. */
export function notHeld({ claims }: EvidenceJson): string[] {
  return claims
    .filter(({ verdict }) => verdict !== 'held')
    .map(({ id, verdict }) => `${verdict} ${id}`)
    .sort();
}

/** Pids of processes on this machine whose command line names a folder. */
export async function processesOf(folder: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid) => {
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      return pid !== process.pid && command.includes(folder) ? [pid] : [];
    }),
  );
  return found.flat();
}
