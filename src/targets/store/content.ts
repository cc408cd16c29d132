import { Failure } from '../../model/failure.ts';
import { isOutputRef } from '../../model/resource.ts';
import { Secret } from '../../model/secret.ts';
import { parseTemplate, placeholdersOf, renderTemplate, TemplateError } from '../../model/template.ts';
import type { Generator, KeySource, SecretSpec } from './secret.spec.ts';

/** Keys whose value follows from something else, so that it can be made again: `value`, `template`, `copy`. */
export function isDerived(source: KeySource): boolean {
  return 'value' in source || 'template' in source || 'copy' in source;
}

export interface ContentSources {
  /** What the entry holds now. */
  readonly current: ReadonlyMap<string, Secret>;
  /** Keys of `current` that were derived when they were written: never kept as if they had been generated. */
  readonly derivedBefore: ReadonlySet<string>;
  generate(generator: Generator): Secret;
  /** Throws a Failure when there is nothing to import. */
  imported(key: string): Secret;
  /** Throws a Failure when the other entry does not hold it. */
  copied(key: string): Secret;
}

/**
 * What an entry shall hold: generated and imported keys as they are, made only where missing; derived ones anew; keys
 * that nobody declared are kept, unless they were derived once. Throws a Failure that names the key.
 */
export function buildContent(spec: SecretSpec, sources: ContentSources): ReadonlyMap<string, Secret> {
  const built = new Map<string, Secret>();
  const kept = (key: string): Secret | undefined =>
    sources.derivedBefore.has(key) ? undefined : sources.current.get(key);
  const inProgress: string[] = [];

  const build = (key: string): Secret => {
    const done = built.get(key);
    if (done !== undefined) {
      return done;
    }
    const source = spec.keys[key];
    const value = source === undefined ? (kept(key) ?? missingKey(spec, inProgress, key)) : make(key, source);
    built.set(key, value);
    return value;
  };

  const make = (key: string, source: KeySource): Secret => {
    if ('generate' in source) {
      return kept(key) ?? sources.generate(source.generate);
    }
    if ('import' in source) {
      return kept(key) ?? sources.imported(key);
    }
    if ('copy' in source) {
      return sources.copied(key);
    }
    if ('value' in source) {
      if (isOutputRef(source.value)) {
        throw new TypeError(`${spec.path} ${key}: an output was not filled in`);
      }
      return new Secret(String(source.value));
    }
    if (inProgress.includes(key)) {
      throw failureOf(spec, key, `it stands for itself: ${[...inProgress, key].join(' → ')}`);
    }
    inProgress.push(key);
    const value = render(spec, key, source.template, build);
    inProgress.pop();
    return value;
  };

  for (const key of Object.keys(spec.keys)) {
    build(key);
  }
  for (const [key] of sources.current) {
    const value = kept(key);
    if (!built.has(key) && value !== undefined) {
      built.set(key, value);
    }
  }
  return built;
}

function render(spec: SecretSpec, key: string, text: string, valueOf: (key: string) => Secret): Secret {
  return parsed(spec, key, text, (template) => {
    if (placeholdersOf(template).some(({ encoding }) => encoding === 'der')) {
      throw new TemplateError('an entry holds text, so :der has no place in it', 0);
    }
    return new Secret(renderTemplate(template, (name) => valueOf(name).expose()) as string);
  });
}

function parsed<T>(
  spec: SecretSpec,
  key: string,
  text: string,
  use: (template: ReturnType<typeof parseTemplate>) => T,
): T {
  try {
    return use(parseTemplate(text));
  } catch (error) {
    throw error instanceof TemplateError ? failureOf(spec, key, error.message) : error;
  }
}

function missingKey(spec: SecretSpec, inProgress: readonly string[], key: string): never {
  throw failureOf(spec, inProgress.at(-1) ?? key, `the entry has no key ${key}`);
}

function failureOf({ store, path }: SecretSpec, key: string, reason: string): Failure {
  return new Failure({
    code: 'template-invalid',
    message: `key ${key} of ${path} cannot be put together: ${reason}`,
    object: `store/${store}/${path}`,
    remedy: 'mend the value of this key in its SecretTree',
  });
}

export function sameContent(one: ReadonlyMap<string, Secret>, other: ReadonlyMap<string, Secret>): boolean {
  return one.size === other.size && [...one].every(([key, value]) => other.get(key)?.equals(value) === true);
}
