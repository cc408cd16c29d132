import { whatReaches, identitiesOf } from '../../access/what.ts';
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
import { nearest } from '../text.ts';

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

const indent = '         ';

function whoText(chains: readonly AccessChain[]): string {
  return chains
    .map(({ right, reader, keys, way, document, logins }) => {
      const lines = [
        `${right.padEnd(6)} ${readerText(reader)}`,
        `${indent}${keys.join(', ')}`,
        ...(way.length > 1 ? [`${indent}${way.join(' → ')}`] : []),
        ...(document === undefined ? [] : [`${indent}${document}${holdingText(reader)}`]),
        ...logins.map((login) => `${indent}${loginText(login)}`),
      ];
      return lines.map((line) => `${line}\n`).join('');
    })
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

function loginText({ access, postgres, database, privileges }: Reach['entries'][number]['logins'][number]): string {
  return `logs in as ${access} to ${database} on ${postgres} (${privileges})`;
}

function whatText({ document, entries }: Reach): string {
  const blocks = entries.map(({ entry, keys, madeOf, delivery, logins }) => {
    const lines = [
      `read   ${entry}`,
      `${indent}${keys.join(', ')}`,
      ...(madeOf.length === 0 ? [] : [`${indent}with values of ${madeOf.join(', ')}`]),
      ...(delivery === undefined
        ? []
        : [`${indent}${document} → secret ${delivery.secret} in ${delivery.folder} of site ${delivery.site}`]),
      ...logins.map((login) => `${indent}${loginText(login)}`),
    ];
    return lines.map((line) => `${line}\n`).join('');
  });
  return blocks.join('');
}
