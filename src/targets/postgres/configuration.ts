import { readLists } from './snapshot.ts';
import type { PgSession } from './session.ts';

export interface SeenSetting {
  readonly name: string;
  readonly value: string;
  /** As in pg_settings: `postmaster` needs a restart. */
  readonly context: string;
  readonly pendingRestart: boolean;
}

/** One line of a configuration file on disk. */
export interface SeenFileSetting {
  readonly name: string | null;
  readonly file: string;
  readonly line: number;
  readonly applied: boolean;
  /** Refused, and why; a line that a later one overrides has none. */
  readonly error: string | null;
}

/** A line of pg_hba.conf or pg_ident.conf on disk that keeps the whole file from being loaded. */
export interface SeenBrokenLine {
  readonly file: string;
  readonly line: number;
  readonly error: string | null;
}

export interface Configuration {
  readonly settings: ReadonlyMap<string, SeenSetting>;
  readonly fileSettings: readonly SeenFileSetting[];
  readonly brokenLines: readonly SeenBrokenLine[];
  /** When the files were loaded last, milliseconds since 1970. */
  readonly loadedAt: number;
}

interface Lists extends Record<string, readonly unknown[]> {
  readonly settings: readonly SeenSetting[];
  readonly fileSettings: readonly SeenFileSetting[];
  readonly brokenLines: readonly SeenBrokenLine[];
  readonly loaded: readonly { readonly at: number }[];
}

/** What the files say, which PostgreSQL parses anew for each question, and what the server has made of them. */
export async function readConfiguration(session: PgSession): Promise<Configuration> {
  const { settings, fileSettings, brokenLines, loaded } = await readLists<Lists>(session, 'postgres', {
    settings: `SELECT name, setting AS value, context, pending_restart AS "pendingRestart" FROM pg_settings`,
    fileSettings: `SELECT name, sourcefile AS file, sourceline AS line, applied, error FROM pg_file_settings`,
    // A rule with a type and an error is a warning; one without a type is fatal, even when no error is told.
    brokenLines: `
      SELECT file_name AS file, line_number AS line, error FROM pg_hba_file_rules WHERE type IS NULL
      UNION ALL
      SELECT file_name, line_number, error FROM pg_ident_file_mappings WHERE error IS NOT NULL`,
    loaded: `SELECT (extract(epoch FROM pg_conf_load_time()) * 1000)::float8 AS at`,
  });
  return {
    settings: new Map(settings.map((setting) => [setting.name, setting])),
    fileSettings,
    brokenLines,
    loadedAt: loaded[0]?.at ?? 0,
  };
}
