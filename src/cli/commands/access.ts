import type { Login } from '../../access/deliveries.ts';
import { identitiesOf, whatReaches } from '../../access/what.ts';
import type { Reach } from '../../access/what.ts';
import { whoReads } from '../../access/who.ts';
import type { AccessChain, Reader } from '../../access/who.ts';
import { compileFleet } from '../../compile/compile-fleet.ts';
import { Failure } from '../../model/failure.ts';
import { parse, requireOutput, wrongUsage } from '../invocation.ts';
import type { Invocation } from '../invocation.ts';
import { readFleet } from '../language.ts';
import { requireSound } from '../open-run.ts';
import { parseStorePath } from '../store-path.ts';
import { nearest, wrap } from '../text.ts';

/** `access who STORE/PATH`, `access what IDENTITY`: answered from the fleet alone; nothing is asked and nothing opened. */
export async function run(invocation: Invocation): Promise<number> {
  const { values, positionals, terminal } = parse(invocation, {}, ['who or what', 'STORE/PATH or IDENTITY']);
  requireOutput(values.output);
  const [question = '', subject = ''] = positionals;
  if (question !== 'who' && question !== 'what') {
    throw wrongUsage(`access ${question} is not known`, 'keywright access who STORE/PATH, or what IDENTITY');
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
  const known = identitiesOf(compiled);
  if (!known.includes(subject)) {
    const near = nearest(subject, known);
    throw new Failure({
      code: 'no-such-identity',
      message: `the fleet has no consumer or access named ${subject}`,
      object: subject,
      remedy: near === undefined ? `there is ${known.join(', ')}` : `did you mean ${near}`,
    });
  }
  const reach = whatReaches(compiled, subject);
  terminal.result(reach, whatText(reach));
  return 0;
}

function whoText(chains: readonly AccessChain[]): string {
  return chains
    .map(({ right, reader, keys, way, document, logins }) =>
      block(`${right.padEnd(6)} ${readerText(reader)}`, [
        keys.join(', '),
        way.length > 1 ? way.join(' → ') : undefined,
        document === undefined ? undefined : `${document}${holdingText(reader)}`,
        ...logins.map(loginText),
      ]),
    )
    .join('');
}

function readerText(reader: Reader): string {
  switch (reader.kind) {
    case 'consumer':
      return `site ${reader.site}, consumer ${reader.name}${reader.user === undefined ? '' : `, account ${reader.user}`}`;
    case 'server':
      return `server ${reader.name}, as ${reader.use}`;
    case 'keywright':
      return `keywright${reader.identityFile === undefined ? '' : `, and whoever can read ${reader.identityFile}`}`;
  }
}

function holdingText(reader: Reader): string {
  return reader.kind === 'consumer' ? ` → secret ${reader.secret} in ${reader.folder}` : '';
}

function loginText({ access, postgres, database, privileges }: Login): string {
  return `logs in as ${access} to ${database} on ${postgres} (${privileges})`;
}

function whatText({ document, entries }: Reach): string {
  return entries
    .map(({ entry, keys, madeOf, delivery, logins }) =>
      block(`read   ${entry}`, [
        keys.join(', '),
        madeOf.length === 0 ? undefined : `with values of ${madeOf.join(', ')}`,
        delivery === undefined
          ? undefined
          : `${document} → secret ${delivery.secret} in ${delivery.folder} of site ${delivery.site}`,
        ...logins.map(loginText),
      ]),
    )
    .join('');
}

function block(heading: string, lines: readonly (string | undefined)[]): string {
  const below = lines.flatMap((line) => (line === undefined ? [] : wrap(line, 71)));
  return [heading, ...below.map((line) => `         ${line}`)].map((line) => `${line}\n`).join('');
}
