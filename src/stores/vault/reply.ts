import type { RawAnswer } from './transport.ts';

/** The fields of a login, a renewal or a new token that are used here. */
export interface ReplyAuth {
  readonly clientToken: string;
  readonly accessor: string;
  readonly policies: readonly string[];
  readonly leaseSeconds: number;
  readonly renewable: boolean;
}

export interface ReplyWrap {
  readonly token: string;
  readonly accessor: string;
  readonly creationPath: string;
  readonly ttlSeconds: number;
}

/** An answer of the API, taken apart. */
export interface Reply {
  readonly status: number;
  /** `data`, or the whole body where the API has none (sys/health, sys/init, sys/seal-status …). */
  readonly data: Readonly<Record<string, unknown>>;
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
  readonly auth?: ReplyAuth;
  readonly wrap?: ReplyWrap;
  readonly leaseId?: string;
  readonly leaseSeconds?: number;
  readonly renewable?: boolean;
  /** The server's name for the request, as in its audit log. */
  readonly requestId?: string;
  /** The body was JSON, or empty: a Vault, or something that speaks like one, answered. */
  readonly understood: boolean;
  /** An API error has this field even when it lists nothing; a deleted KV version has not. */
  readonly hasErrors: boolean;
}

type Body = Record<string, unknown>;

/** Takes an answer apart. Nothing in it is trusted to have the type that the documentation says. */
export function readReply({ status, text }: RawAnswer): Reply {
  const body = parse(text);
  const auth = asObject(body?.['auth']);
  const wrap = asObject(body?.['wrap_info']);
  return {
    status,
    data: body === undefined ? {} : dataOf(body),
    errors: strings(body?.['errors']),
    warnings: strings(body?.['warnings']),
    understood: body !== undefined || text.trim() === '',
    hasErrors: Array.isArray(body?.['errors']),
    ...(typeof body?.['request_id'] === 'string' && body['request_id'] !== '' ? { requestId: body['request_id'] } : {}),
    ...(auth === undefined ? {} : { auth: readAuth(auth) }),
    ...(wrap === undefined ? {} : { wrap: readWrap(wrap) }),
    ...(typeof body?.['lease_id'] === 'string' && body['lease_id'] !== ''
      ? {
          leaseId: body['lease_id'],
          leaseSeconds: asNumber(body['lease_duration']),
          renewable: body['renewable'] === true,
        }
      : {}),
  };
}

function readAuth(auth: Body): ReplyAuth {
  return {
    clientToken: asText(auth['client_token']),
    accessor: asText(auth['accessor']),
    policies: strings(auth['policies']),
    leaseSeconds: asNumber(auth['lease_duration']),
    renewable: auth['renewable'] === true,
  };
}

function readWrap(wrap: Body): ReplyWrap {
  return {
    token: asText(wrap['token']),
    accessor: asText(wrap['accessor']),
    creationPath: asText(wrap['creation_path']),
    ttlSeconds: asNumber(wrap['ttl']),
  };
}

/** Some answers of `sys/` repeat their fields beside `data`; others have no `data` at all. */
function dataOf(body: Body): Body {
  const data = body['data'];
  if (data === null) {
    return {};
  }
  return asObject(data) ?? body;
}

function parse(text: string): Body | undefined {
  try {
    return asObject(JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
}

/** A JSON object, or undefined for anything else. */
export function asObject(value: unknown): Body | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Body) : undefined;
}

/** The strings of a JSON array; none for anything else. */
export function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

/** A string; the empty one for anything else. */
export function asText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** A number; 0 for anything else. */
export function asNumber(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}
