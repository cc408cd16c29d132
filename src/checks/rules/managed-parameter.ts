import { atKey } from '../../fleet/pointer.ts';
import { finding } from '../../fleet/rule.ts';
import { defineRule } from '../rule.ts';

/** Parameters that follow from other fields, with the field. */
const managed: Readonly<Record<string, string>> = {
  config_file: 'the server itself',
  data_directory: 'the server itself',
  external_pid_file: 'the server itself',
  hba_file: 'the accesses',
  ident_file: 'the accesses',
  listen_addresses: 'the server itself',
  password_encryption: 'the accesses: always SCRAM-SHA-256',
  port: '`process.port`',
  ssl: '`tls.mode`',
  ssl_ca_file: '`tls.authority`',
  ssl_cert_file: '`tls.authority`',
  ssl_crl_dir: '`tls.authority`',
  ssl_crl_file: '`tls.authority`',
  ssl_key_file: '`tls.authority`',
  ssl_min_protocol_version: '`tls.minVersion`',
  unix_socket_directories: 'the server itself',
};

export const managedParameter = defineRule({
  id: 'KW062',
  name: 'managed-parameter',
  what: 'A parameter is set by hand that Keywright sets itself.',
  why: 'Either the one or the other would win, and proofs would measure what nobody asked for.',
  example: 'parameters: { ssl: "off" }',
  remedy: 'Remove it and use the field that it follows from.',
  *check({ fleet }, rule) {
    for (const { document: object, source, spec } of fleet.postgres.values()) {
      for (const parameter of Object.keys(spec.parameters)) {
        const follows = Object.hasOwn(managed, parameter) ? managed[parameter] : undefined;
        if (follows !== undefined) {
          yield finding(rule, {
            message: `\`${parameter}\` follows from ${follows}`,
            source: atKey(source, 'spec', 'parameters', parameter),
            object,
          });
        }
      }
    }
  },
});
