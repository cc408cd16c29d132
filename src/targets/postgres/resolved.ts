import { isOutputRef, type OutputValue, type Value } from '../../model/resource.ts';

/** A value whose turn has come, as text. Throws a RangeError when it is still the output of something else. */
export function resolved(value: Value<OutputValue>): string {
  if (isOutputRef(value)) {
    throw new RangeError(`the output ${value.output} of ${value.from} is not filled in`);
  }
  return String(value);
}
