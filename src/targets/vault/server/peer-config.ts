/** What one peer of a raft cluster needs to know. Paths are absolute but for the audit log. */
export interface PeerConfig {
  readonly nodeId: string;
  /** Host and port for clients and the other peers, `127.0.0.1:8210`; named in redirects. */
  readonly api: string;
  /** Host and port for raft and forwarded requests between peers. */
  readonly cluster: string;
  readonly certificateFile: string;
  readonly keyFile: string;
  /** Who signed the certificates of all peers. */
  readonly caFile: string;
  readonly dataDirectory: string;
  /** `api` of every peer, this one too. */
  readonly peers: readonly string[];
  readonly audit: readonly ('file' | 'stdout')[];
}

/** Relative to the folder that a peer works in, because audit options are cluster-wide and must be the same on every peer. */
export const auditFile = 'audit.log';

/**
 * The configuration of an OpenBao peer: raft over TLS 1.3, audit on before the first secret, fast elections, no answers
 * from standbys that lag behind.
 */
export function renderPeerConfig(config: PeerConfig): string {
  return `# Written by Keywright; changes are lost.
api_addr     = ${quoted(`https://${config.api}`)}
cluster_addr = ${quoted(`https://${config.cluster}`)}

# A standby would answer reads late: 60 to 150 ms after a write.
disable_standby_reads = true

listener "tcp" {
  address                  = ${quoted(config.api)}
  cluster_address          = ${quoted(config.cluster)}
  tls_cert_file            = ${quoted(config.certificateFile)}
  tls_key_file             = ${quoted(config.keyFile)}
  tls_min_version          = "tls13"
  tls_auto_reload          = true
  tls_auto_reload_interval = "5s"
}

storage "raft" {
  path    = ${quoted(config.dataDirectory)}
  node_id = ${quoted(config.nodeId)}
  # Elections within three seconds; the default of 5 takes up to 21.
  performance_multiplier = "1"
  # A new peer votes within seconds: it is looked at every second, not every ten.
  autopilot_update_interval    = "500ms"
  autopilot_reconcile_interval = "1s"
${config.peers.map((peer) => retryJoin(peer, config.caFile)).join('')}}

${config.audit.map(auditDevice).join('\n')}
telemetry {
  # Series vanish after so long without an event, so not less than a few scrapes.
  prometheus_retention_time = "10m"
  usage_gauge_period        = "10m"
  disable_hostname          = true
}
`;
}

function retryJoin(peer: string, caFile: string): string {
  return `  retry_join {
    leader_api_addr     = ${quoted(`https://${peer}`)}
    leader_ca_cert_file = ${quoted(caFile)}
  }
`;
}

function auditDevice(kind: 'file' | 'stdout'): string {
  const target = kind === 'file' ? auditFile : 'stdout';
  return `audit "file" "${kind}" {
  options {
    file_path = "${target}"
  }
}
`;
}

/** A string of HCL. Throws a RangeError for what cannot stand in one: a control character, or an interpolation. */
function quoted(text: string): string {
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]|\$\{/.test(text)) {
    throw new RangeError(`${JSON.stringify(text)} cannot stand in the configuration of a server`);
  }
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
