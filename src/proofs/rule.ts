import type { RuleSpec } from './proofs.spec.ts';
import type { Measurer } from './measurer.ts';
import { measureDatabaseRule } from './rule-database.ts';
import { measureSecretsRule } from './rule-secrets.ts';

/** Nothing delivered to a consumer that the rule forbids holds a value of the object, or logs in to it. */
export const ruleMeasurer: Measurer<RuleSpec> = async ({ object, subjects }, tools) =>
  'secrets' in object
    ? measureSecretsRule(object.secrets, subjects, tools)
    : measureDatabaseRule(object.database, subjects, tools);
