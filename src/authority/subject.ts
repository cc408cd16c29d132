import { Failure } from '../model/failure.ts';
import { tags, writeDer } from './der.ts';

/** Whom a certificate names. */
export interface Subject {
  /** At most 64 characters (RFC 5280, ub-common-name); of a CA at most 42, since its generation is added. */
  readonly commonName: string;
  readonly organization?: string;
  /** Two capital letters of ISO 3166. */
  readonly country?: string;
}

/**
 * The name of one generation of a CA. Verifiers that look for issuers by name must not mix up two generations, so each
 * carries the beginning of its serial.
 */
export function generationOf(subject: Subject, level: string, serial: string): Subject {
  return { ...subject, commonName: `${subject.commonName} ${level} ${serial.slice(0, 8)}` };
}

/** DER of the name, in the usual order C, O, CN. Throws a Failure `subject-not-certifiable`. */
export function nameDer({ commonName, organization, country }: Subject): Uint8Array {
  const faults = [
    lengthFault('common name', commonName),
    organization === undefined ? undefined : lengthFault('organization', organization),
    country === undefined || /^[A-Z]{2}$/.test(country) ? undefined : `country "${country}" is not two capital letters`,
  ].filter((fault) => fault !== undefined);
  if (faults.length > 0) {
    throw new Failure({
      code: 'subject-not-certifiable',
      message: faults.join('; '),
      why: 'RFC 5280 limits the parts of a name, and verifiers refuse longer ones',
      remedy: 'Shorten the subject.',
    });
  }
  return writeDer(
    tags.sequence,
    ...(country === undefined ? [] : [attribute(types.country, tags.printableString, country)]),
    ...(organization === undefined ? [] : [attribute(types.organization, tags.utf8String, organization)]),
    attribute(types.commonName, tags.utf8String, commonName),
  );
}

/** Last arc of 2.5.4.x. */
const types = { commonName: 3, country: 6, organization: 10 };

/** Written here because the library takes quotes, backslashes and `#` in a text for syntax. */
function attribute(type: number, stringTag: number, text: string): Uint8Array {
  const id = writeDer(tags.objectIdentifier, Uint8Array.of(0x55, 0x04, type));
  return writeDer(tags.set, writeDer(tags.sequence, id, writeDer(stringTag, Buffer.from(text))));
}

function lengthFault(what: string, text: string): string | undefined {
  const length = [...text].length;
  if (length >= 1 && length <= 64 && !/\p{Cc}/u.test(text)) {
    return undefined;
  }
  return `${what} "${text}" has to have 1 to 64 characters, none of them a control character`;
}
