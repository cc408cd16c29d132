import type { Login } from '../../access/deliveries.ts';
import { whatReaches } from '../../access/what.ts';
import type { Reach } from '../../access/what.ts';
import { whoReads } from '../../access/who.ts';
import type { AccessChain, Reader } from '../../access/who.ts';
import { compileFleet } from '../../compile/compile-fleet.ts';
import { formatDuration } from '../../model/duration.ts';
import { block, placeText, requireIdentity } from '../access-text.ts';
import { parse, requireOutput, wrongUsage } from '../invocation.ts';
import type { Invocation } from '../invocation.ts';
import { readFleet } from '../language.ts';
import { requireSound } from '../open-run.ts';
import { parseStorePath } from '../store-path.ts';

const options = { live: { type: 'boolean' } } as const;

/**
 * `access who STORE/PATH`, `access what IDENTITY`: answered from the fleet alone; nothing is asked and nothing opened,
 * unless `--live` asks a Vault what it says itself.
 */
export async function run(invocation: Invocation): Promise<number> {
  const { values, positionals, terminal } = parse(invocation, options, ['who or what', 'STORE/PATH or IDENTITY']);
  requireOutput(values.output);
  const [question = '', subject = ''] = positionals;
  if (question !== 'who' && question !== 'what') {
    throw wrongUsage(`access ${question} is not known`, 'keywright access who STORE/PATH, or what IDENTITY');
  }
  if (values.live === true) {
    const { runLive } = await import('../access-live.ts');
    return runLive(invocation, terminal, { question, subject, fleet: values.fleet });
  }
  // What this Keywright cannot do yet would be missing from the answer without a word, so it is an error here.
  const { fleet } = requireSound(await readFleet(invocation, values.fleet, 'act'), terminal);
  const compiled = compileFleet(fleet);
  if (question === 'who') {
    const { store, path } = parseStorePath(subject, fleet);
    const chains = whoReads(compiled, store, path);
    terminal.result({ entry: `${store}/${path}`, chains }, whoText(chains));
    return 0;
  }
  const reach = whatReaches(compiled, requireIdentity(compiled, subject));
  terminal.result(reach, whatText(reach));
  return 0;
}

function whoText(chains: readonly AccessChain[]): string {
  return chains
    .map(({ right, reader, keys, way, document, logins, grantedBy }) =>
      block(`${right.padEnd(6)} ${readerText(reader)}`, [
        keys.includes('*') ? undefined : keys.join(', '),
        way.length > 1 ? way.join(' → ') : undefined,
        document === undefined ? undefined : `${document}${holdingText(reader)}${grantText(grantedBy)}`,
        ...logins.map(loginText),
      ]),
    )
    .join('');
}

function grantText(places: AccessChain['grantedBy']): string {
  return places === undefined || places.length === 0 ? '' : ` → ${places.map(placeText).join('; ')}`;
}

function readerText(reader: Reader): string {
  switch (reader.kind) {
    case 'consumer':
      return `site ${reader.site}, consumer ${reader.name}${reader.user === undefined ? '' : `, account ${reader.user}`}`;
    case 'server':
      return `server ${reader.name}, as ${reader.use}`;
    case 'login':
      return `consumer ${reader.name}, by itself${wrapText(reader.wrapSeconds)}`;
    case 'keywright':
      return `keywright${reader.identityFile === undefined ? '' : `, and whoever can read ${reader.identityFile}`}`;
  }
}

function wrapText(seconds: number | undefined): string {
  return seconds === undefined ? '' : `, wrapped for at most ${formatDuration(seconds * 1000)}`;
}

function holdingText(reader: Reader): string {
  if (reader.kind === 'login') {
    return ` → auth/${reader.mount}, role ${reader.role}`;
  }
  return reader.kind === 'consumer' ? ` → secret ${reader.secret} in ${reader.folder}` : '';
}

function loginText({ access, postgres, database, privileges }: Login): string {
  return `logs in as ${access} to ${database} on ${postgres} (${privileges})`;
}

function whatText({ document, entries, rights }: Reach): string {
  const asked = rights.map(({ store, path, capabilities, wrapSeconds, mount, role, policy, entries: covered }) =>
    block(`asks   ${store}, ${path}: ${capabilities.join(', ')}${wrapText(wrapSeconds)}`, [
      covered.length === 0 ? undefined : covered.join(', '),
      `${document} → auth/${mount}, role ${role} → policy ${policy}`,
    ]),
  );
  const held = entries.map(({ entry, keys, madeOf, delivery, logins }) =>
    block(`read   ${entry}`, [
      keys.join(', '),
      madeOf.length === 0 ? undefined : `with values of ${madeOf.join(', ')}`,
      delivery === undefined
        ? undefined
        : `${document} → secret ${delivery.secret} in ${delivery.folder} of site ${delivery.site}`,
      ...logins.map(loginText),
    ]),
  );
  return [...held, ...asked].join('');
}
