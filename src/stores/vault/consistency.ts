/** How far one cluster's log had come. */
interface LogIndex {
  readonly cluster: string;
  readonly value: bigint;
}

/**
 * Makes reads see our own writes on any peer: OpenBao tells with each answer how far its log is, and a standby that is
 * told the newest such index forwards what it cannot answer yet. A server that says nothing of the kind is sent nothing.
 */
export class Consistency {
  #newest: (LogIndex & { readonly header: string }) | undefined;

  /** Remembers what an answer said in `X-Vault-Index`. */
  saw(header: string | undefined): void {
    const newest = this.#newest;
    const index = header === undefined || header === newest?.header ? undefined : decode(header);
    if (header === undefined || index === undefined) {
      return;
    }
    if (newest === undefined || newest.cluster !== index.cluster || newest.value < index.value) {
      this.#newest = { ...index, header };
    }
  }

  /** Headers for the next request. */
  headers(): Record<string, string> {
    return this.#newest === undefined
      ? {}
      : { 'X-Vault-Index': this.#newest.header, 'X-Vault-Inconsistent': 'forward-active-node' };
  }
}

/** OpenBao's index is base64 of `{"cluster": …, "value": "42"}`; HashiCorp's is of another form and left alone. */
function decode(header: string): LogIndex | undefined {
  try {
    const { cluster, value } = JSON.parse(Buffer.from(header, 'base64').toString()) as Record<string, unknown>;
    return typeof cluster === 'string' && typeof value === 'string' ? { cluster, value: BigInt(value) } : undefined;
  } catch {
    return undefined;
  }
}
