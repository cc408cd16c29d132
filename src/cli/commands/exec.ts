import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { Failure } from '../../model/failure.ts';
import { parseResourceId } from '../../model/ids.ts';
import type { CompiledFleet } from '../../model/compiled.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { DirectorySpec } from '../../targets/file/directory.spec.ts';
import { parse, wrongUsage } from '../invocation.ts';
import type { Invocation } from '../invocation.ts';
import { openRun } from '../open-run.ts';
import { nearest } from '../text.ts';

/** A delivered folder that holds the libpq files of an access. */
interface Delivery {
  readonly id: ResourceId;
  readonly consumer: string;
}

/**
 * `exec ACCESS -- COMMAND`: runs a command that logs in as the access does. Only PGSERVICEFILE and PGSERVICE are set;
 * the credential itself stays in the delivered files. Signals go to the command, its exit code is ours.
 */
export async function run(invocation: Invocation): Promise<number> {
  const at = invocation.args.indexOf('--');
  const own = at < 0 ? invocation.args : invocation.args.slice(0, at);
  const [command, ...args] = at < 0 ? [] : invocation.args.slice(at + 1);
  const { values, positionals, terminal } = parse({ ...invocation, args: own }, { consumer: { type: 'string' } }, [
    'ACCESS',
  ]);
  if (command === undefined) {
    throw wrongUsage('the command to run is missing', 'keywright exec ACCESS -- psql');
  }
  const access = positionals[0] ?? '';
  const { run, compiled } = await openRun(invocation, terminal, { path: values.fleet });
  let directory: unknown;
  let delivery: Delivery;
  try {
    delivery = findDelivery(compiled, access, values.consumer);
    await run.openHome({ create: false });
    directory = run.outputs.get(delivery.id)?.['directory'];
  } finally {
    await run.close();
  }
  const serviceFile = typeof directory === 'string' ? join(directory, 'pg_service.conf') : undefined;
  if (serviceFile === undefined || !existsSync(serviceFile)) {
    throw new Failure({
      code: 'not-delivered',
      message: `access ${access} is not delivered to consumer ${delivery.consumer} yet`,
      object: delivery.id,
      remedy: 'keywright apply',
    });
  }
  return runCommand(command, args, { ...process.env, PGSERVICEFILE: serviceFile, PGSERVICE: access });
}

function findDelivery(compiled: CompiledFleet, access: string, consumer: string | undefined): Delivery {
  const all = compiled.resources.flatMap((resource) => {
    if (parseResourceId(resource.id).kind !== 'directory') {
      return [];
    }
    const spec = resource.spec as DirectorySpec;
    return (spec.libpq ?? []).map(({ service }) => ({ id: resource.id, service, consumer: spec.consumer }));
  });
  const ofAccess = all.filter(({ service }) => service === access);
  const found = ofAccess.find((each) => consumer === undefined || each.consumer === consumer);
  if (found !== undefined) {
    return found;
  }
  const known = [...new Set(all.map(({ service }) => service))];
  const near = nearest(access, known);
  throw new Failure({
    code: 'access-unknown',
    message:
      ofAccess.length > 0
        ? `access ${access} is not delivered to consumer ${consumer}`
        : `no consumer with a directory gets an access ${access}`,
    object: access,
    remedy:
      ofAccess.length > 0
        ? `it is delivered to ${ofAccess.map((each) => each.consumer).join(', ')}`
        : near !== undefined
          ? `did you mean ${near}`
          : known.length > 0
            ? `there is ${known.join(', ')}`
            : 'add a Consumer with a directory and the access among its secrets',
  });
}

function runCommand(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'inherit', env });
    // A Ctrl+C on the terminal reaches the command by itself; one sent to us alone is passed on.
    const isInteractive = process.stdin.isTTY === true;
    const handlers = (['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const).map((signal) => {
      const fromTerminal = isInteractive && (signal === 'SIGINT' || signal === 'SIGQUIT');
      const handler = (): void => void (fromTerminal || child.kill(signal));
      process.on(signal, handler);
      return () => process.off(signal, handler);
    });
    child.once('error', (error: NodeJS.ErrnoException) => {
      handlers.forEach((remove) => remove());
      // A folder on PATH that may not be entered makes it EACCES that nothing was found.
      const isMissing = error.code === 'ENOENT' || (error.code === 'EACCES' && !command.includes('/'));
      reject(
        new Failure({
          code: 'command-not-started',
          message: isMissing
            ? `there is no command ${command} on PATH that may be run`
            : `${command} did not start: ${error.message}`,
        }),
      );
    });
    child.once('exit', (code, signal) => {
      handlers.forEach((remove) => remove());
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}
