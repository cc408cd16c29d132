import type { MergedRule } from './merged-rule.ts';
import { parameterObstacle } from './parameters.ts';
import { capabilityNames } from './policy.ts';
import type { Capability, ParameterValue, Policy } from './policy.ts';
import { RuleIndex } from './rule-index.ts';
import type { IndexOptions } from './rule-index.ts';

export type Operation = Exclude<Capability, 'sudo' | 'deny'>;

export interface AccessRequest {
  /** Relative to the namespace, without `/v1/`; of a LIST with or without its slash. */
  readonly path: string;
  readonly operation: Operation;
  /** Top-level values of the body. */
  readonly parameters?: Readonly<Record<string, ParameterValue>>;
  /** Seconds of a wrapped answer; absent when it is not to be wrapped. */
  readonly wrapTtl?: number;
}

/** A place in a policy. */
export interface RulePlace {
  readonly policy: string;
  /** The winning pattern. */
  readonly path: string;
  readonly line?: number;
}

export interface AccessAnswer {
  readonly allowed: boolean;
  /** One line without a final period: which policy and line grant it, or what refuses it. */
  readonly reason: string;
  /** Where the reason stands; empty when no rule matches. */
  readonly places: readonly RulePlace[];
  /** Fields of these rules that may refuse all the same, since they are not evaluated here. */
  readonly unevaluated: readonly string[];
}

/** Policies, prepared: hand it in instead of a list where many questions are asked of one set. */
export type Policies = readonly Policy[] | RuleIndex;

function indexOf(policies: Policies, options?: IndexOptions): RuleIndex {
  return policies instanceof RuleIndex ? policies : new RuleIndex(policies, options);
}

/**
 * What `sys/capabilities` answers for a token with these policies (which includes `default`, where it has that): sorted
 * names, `["deny"]` or `["root"]`. Limits on parameters do not show, as they do not there. Ask for LIST with the slash.
 */
export function capabilitiesOn(policies: Policies, path: string, options?: IndexOptions): string[] {
  const index = indexOf(policies, options);
  if (index.isRoot) {
    return ['root'];
  }
  const rule = index.find(path, true);
  return rule === undefined || rule.isDenied || rule.capabilities.size === 0 ? ['deny'] : [...rule.capabilities].sort();
}

/** Whether the policies allow a request, and which policy and line say so. Paths that also need `sudo` are not known. */
export function isAllowed(policies: Policies, request: AccessRequest, options?: IndexOptions): AccessAnswer {
  const index = indexOf(policies, options);
  if (index.isRoot) {
    return { allowed: true, reason: 'policy root', places: [], unevaluated: [] };
  }
  const { operation } = request;
  const isList = operation === 'list' || operation === 'scan';
  const path = isList && !request.path.endsWith('/') ? `${request.path}/` : request.path;
  const rule = index.find(path, isList);
  if (rule === undefined) {
    return { allowed: false, reason: `no rule matches ${path}`, places: [], unevaluated: [] };
  }
  if (rule.isDenied) {
    return refused(rule, 'deny', 'denies it');
  }
  if (!rule.capabilities.has(operation)) {
    const granted = capabilityNames.filter((each) => rule.capabilities.has(each)).join(', ');
    return refused(rule, undefined, `grants ${granted === '' ? 'nothing' : granted}, not ${operation}`);
  }
  const obstacle = wrappingObstacle(rule, request.wrapTtl) ?? bodyObstacle(rule, request);
  if (obstacle !== undefined) {
    return refused(rule, undefined, obstacle);
  }
  const places = placesOf(rule, operation);
  const others = rule.sources.flatMap((source) => Object.keys(source.rule.others ?? {}));
  const reason = `${placesText(places)} grants ${operation} on ${rule.pattern.text}`;
  return { allowed: true, reason, places, unevaluated: [...new Set(others)].sort() };
}

function refused(rule: MergedRule, by: Capability | undefined, words: string): AccessAnswer {
  const places = placesOf(rule, by);
  return { allowed: false, reason: `${placesText(places)} (${rule.pattern.text}) ${words}`, places, unevaluated: [] };
}

function placesOf(rule: MergedRule, capability: Capability | undefined): RulePlace[] {
  return rule.sources
    .filter(({ rule: each }) => capability === undefined || each.capabilities.includes(capability))
    .map(({ policy, rule: { path, line } }) => ({ policy, path, ...(line === undefined ? {} : { line }) }));
}

function placesText(places: readonly RulePlace[]): string {
  return places.map(({ policy, line }) => `policy ${policy}${line === undefined ? '' : `, line ${line}`}`).join('; ');
}

function wrappingObstacle(rule: MergedRule, wrapTtl: number | undefined): string | undefined {
  const { minWrappingTtl: least, maxWrappingTtl: most } = rule;
  if (least === 0 && most === 0) {
    return undefined;
  }
  if (wrapTtl === undefined) {
    return 'asks for a wrapped answer';
  }
  if (most !== 0 && wrapTtl > most) {
    return `asks for wrapping of at most ${most} s`;
  }
  // Merging can leave a least above the most: then nothing passes, as in the servers.
  return wrapTtl < least || (most !== 0 && most < least) ? `asks for wrapping of at least ${least} s` : undefined;
}

function bodyObstacle(rule: MergedRule, { operation, parameters }: AccessRequest): string | undefined {
  const carriesBody = operation === 'read' || operation === 'create' || operation === 'update' || operation === 'patch';
  return carriesBody ? parameterObstacle(rule, parameters ?? {}) : undefined;
}
