import { join } from 'node:path';
import type { Measurement } from '../model/claim.ts';
import { currentGeneration, isGeneration, readPlainFile, readTree } from './delivered-folder.ts';
import { broken, held, known, type ProofTools, unknown } from './measurer.ts';
import type { RuleSpec } from './proofs.spec.ts';

type Subjects = RuleSpec['subjects'];

/** A shorter text is found in files by chance, and protects nothing. */
const shortest = 8;

/** Keys of an access that say where a server is or whom it trusts, the same for everybody. */
const placeKeys = new Set(['host', 'hostaddr', 'port', 'database', 'username', 'ca.crt', 'tls.crt']);

interface Value {
  readonly where: string;
  readonly spellings: readonly string[];
}

/** No file of a subject holds a value at the rule's paths, as it is or as a part of a longer text. */
export async function measureSecretsRule(
  { store: name, path: pattern, publicKeys }: Extract<RuleSpec['object'], { secrets: unknown }>['secrets'],
  subjects: Subjects,
  tools: ProofTools,
): Promise<Measurement> {
  const store = await tools.run.store(name);
  const paths = (await store.list(fixedPart(pattern)))
    .filter(({ path, deleted }) => !deleted && matches(pattern, path))
    .map(({ path }) => path);
  const values: Value[] = [];
  for (const [path, answer] of await store.readMany(paths)) {
    if (answer.state === 'couldNotAsk' || answer.state === 'notYet') {
      return unknown(answer.why);
    }
    for (const [key, value] of answer.state === 'present' ? answer.seen.data : []) {
      const text = value.expose().trim();
      const isPublic = placeKeys.has(key) || publicKeys?.[path]?.includes(key) === true || isPublicCertificate(text);
      if (text.length >= shortest && !isPublic) {
        values.push({ where: `${key} of ${name}/${path}`, spellings: spellingsOf(text) });
      }
    }
  }
  const found: string[] = [];
  const earlier: string[] = [];
  let files = 0;
  for (const { consumer, directories } of subjects) {
    for (const folder of directories.map(known)) {
      const tree = await readTree(folder);
      for (const [path, item] of tree ?? []) {
        if (item.type === 'file') {
          files += 1;
          const content = (await readPlainFile(join(folder, path))).toString('utf8');
          const inside = valuesIn(content, values);
          found.push(...inside.map((where) => `${consumer} holds ${where} in ${join(folder, path)}`));
          const [top = ''] = path.split('/');
          if (inside.length > 0 && isGeneration(top) && top !== currentGeneration(tree ?? new Map())) {
            earlier.push(join(folder, top));
          }
        }
      }
    }
  }
  const who = subjects.map(({ consumer }) => consumer).join(', ') || 'nobody';
  return found.length > 0
    ? broken(
        found.join('; '),
        earlier.length === found.length
          ? `only what was delivered before holds it: rm -r ${[...new Set(earlier)].join(' ')}`
          : 'take it out of the consumer’s secrets, then: keywright apply',
      )
    : held(`${files} files delivered to ${who}: none of ${values.length} values of ${paths.length} entries in them`);
}

function valuesIn(content: string, values: readonly Value[]): string[] {
  return values
    .filter(({ spellings }) => spellings.some((spelling) => content.includes(spelling)))
    .map(({ where }) => where);
}

/** The ways in which templates write a value into a text. */
function spellingsOf(text: string): string[] {
  const json = JSON.stringify(text).slice(1, -1);
  const base64 = Buffer.from(text, 'utf8').toString('base64').replace(/=+$/, '');
  // The last character of a part that is followed by more differs.
  const stable = base64.slice(0, Math.floor((Buffer.byteLength(text) * 8) / 6));
  return [
    ...new Set([text, encodeURIComponent(text), json, stable, text.replaceAll('\\', '\\\\').replaceAll(':', '\\:')]),
  ];
}

/** A chain of certificates is shown to whoever connects. */
function isPublicCertificate(text: string): boolean {
  return /^(-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*)+$/.test(text);
}

/** The part of a pattern before its first star, up to a slash. */
function fixedPart(pattern: string): string {
  const star = pattern.indexOf('*');
  return star < 0 ? pattern : pattern.slice(0, pattern.lastIndexOf('/', star) + 1).replace(/\/$/, '');
}

/** `*` is a part of a path between slashes, `**` any number of them, none too. */
export function matches(pattern: string, path: string): boolean {
  const source = pattern
    .split('/')
    .map((part) => (part === '**' ? '(?:[^/]+/)*' : `${part.split('*').map(escaped).join('[^/]*')}/`))
    .join('');
  return new RegExp(`^${source}$`).test(`${path}/`);
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
