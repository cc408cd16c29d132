import { Failure } from '../../model/failure.ts';
import { Secret } from '../../model/secret.ts';

type Library = typeof import('age-encryption');

let library: Promise<Library> | undefined;

/** The library is loaded on first use: it takes some 50 ms, which a run that touches no shard need not spend. */
function age(): Promise<Library> {
  library ??= import('age-encryption');
  return library;
}

/** An identity of age: X25519, the kind that every age program reads. */
export async function newIdentity(): Promise<{ readonly identity: Secret; readonly recipient: string }> {
  const { generateX25519Identity, identityToRecipient } = await age();
  const identity = await generateX25519Identity();
  return { identity: new Secret(identity), recipient: await identityToRecipient(identity) };
}

/** The public half of an identity, undefined when it is none (its checksum does not hold). */
export async function recipientOf(identity: Secret): Promise<string | undefined> {
  const { identityToRecipient } = await age();
  try {
    return await identityToRecipient(identity.expose());
  } catch {
    // Its message repeats the identity.
    return undefined;
  }
}

/** Encrypts to recipients that are known to be good. */
export async function encryptTo(recipients: readonly string[], plain: Uint8Array): Promise<Uint8Array> {
  const { Encrypter } = await age();
  const encrypter = new Encrypter();
  for (const recipient of recipients) {
    encrypter.addRecipient(recipient);
  }
  return collect(await encrypter.encrypt(streamOf(plain)));
}

/**
 * Encrypts to recipients that a person named, each of whom can read it, as ASCII armor. Throws a Failure that does not
 * repeat what was given.
 */
export async function armoredFor(recipients: string | readonly string[], plain: Secret): Promise<string> {
  const { armor, Encrypter } = await age();
  const encrypter = new Encrypter();
  for (const recipient of [recipients].flat()) {
    try {
      encrypter.addRecipient(recipient);
    } catch {
      // The library's message may repeat its input, and people do paste the identity instead of the recipient.
      throw badRecipient(recipient);
    }
  }
  return armor.encode(await collect(await encrypter.encrypt(streamOf(Buffer.from(plain.expose(), 'utf8')))));
}

/** The bytes that ASCII armor stands for. Throws what the library says; it holds nothing secret. */
export async function dearmored(text: string): Promise<Uint8Array> {
  const { armor } = await age();
  return armor.decode(text);
}

export type Decrypted =
  | { readonly state: 'plain'; readonly bytes: Uint8Array }
  /** None of its recipients is this identity. */
  | { readonly state: 'foreign' }
  /** Not an age file, cut short, or changed after it was made. */
  | { readonly state: 'damaged' };

/** Decrypts with one identity. Never tells what the library said: some of its messages repeat their input. */
export async function decryptWith(identity: Secret, sealed: Uint8Array): Promise<Decrypted> {
  const { Decrypter } = await age();
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity.expose());
  try {
    return { state: 'plain', bytes: await collect(await decrypter.decrypt(streamOf(sealed))) };
  } catch (error) {
    const foreign = error instanceof Error && error.message.startsWith('no identity matched');
    return { state: foreign ? 'foreign' : 'damaged' };
  }
}

function badRecipient(recipient: string): Failure {
  if (recipient.toUpperCase().startsWith('AGE-SECRET-KEY-')) {
    return new Failure({
      code: 'backup-recipient-is-a-key',
      message: 'what was given is a secret age identity, not a recipient',
      why: 'a secret key in a command line is visible to other accounts and stays in the shell history',
      remedy:
        'give its public half, which begins with age1 (age-keygen -y FILE prints it), and do not use that identity again',
      exitCode: 64,
    });
  }
  return new Failure({
    code: 'backup-recipient-invalid',
    message: 'what was given is not an age recipient',
    remedy: 'give a recipient that begins with age1, as age-keygen prints it; SSH keys are not supported',
    exitCode: 64,
  });
}

/**
 * Streams in and out, collected by hand: given bytes, the library collects through `Response`, and Node then loads its
 * HTTP client, which takes some 12 ms of each start.
 */
function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(bytes);
      controller.close();
    },
  });
}

async function collect(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
