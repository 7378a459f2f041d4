import { existsSync } from 'node:fs';
import { Kysely } from 'kysely';
import type { Clock } from '../kernel/clock.ts';
import type { Log } from '../kernel/log.ts';
import { Problem } from '../kernel/problem.ts';
import { createHold, type Hold } from './hold.ts';
import { migrate, missingMigrations } from './migrate.ts';
import { patient, postgresDialect } from './postgres.ts';
import { serversOf } from './postgres-url.ts';
import type { Schema } from './schema.ts';
import { sqliteDialect } from './sqlite.ts';

export interface Store {
  readonly db: Kysely<Schema>;
  readonly dialect: 'sqlite' | 'postgres';
  /** The hold that a serving process keeps renewing. */
  readonly hold: Hold;
  close(): Promise<void>;
}

/** `existing`: a database that is not a Countersign store is refused instead of becoming one. */
export type StoreNeed = 'existing' | 'any';

/** Opens `sqlite:<path>` or `postgres://…` and brings its schema up to date. */
export async function openStore(url: string, clock: Clock, log: Log, need: StoreNeed = 'any'): Promise<Store> {
  const dialect = dialectOf(url);
  if (need === 'existing' && isMissingFile(url)) throw noStore(url);
  const db = connect(url, log);
  try {
    const isThere = await isStore(db);
    if (need === 'existing' && !isThere) throw noStore(url);
    // SQLite: also to find out now whether another process keeps the file locked.
    const isDue = dialect === 'sqlite' || !isThere || (await missingMigrations(db)).length > 0;
    const applied = isDue ? await migrateAt(url, db, clock, log) : [];
    if (applied.length > 0) log.info({ applied }, 'the schema was brought up to date');
  } catch (cause) {
    await db.destroy();
    throw cause instanceof Problem ? cause : unusable(url, cause);
  }
  const hold = createHold(db, clock);
  return {
    db,
    dialect,
    hold,
    async close() {
      await hold.release();
      await db.destroy();
    },
  };
}

export function dialectOf(url: string): Store['dialect'] {
  return url.startsWith('sqlite:') ? 'sqlite' : 'postgres';
}

export function isMissingFile(url: string): boolean {
  return dialectOf(url) === 'sqlite' && !existsSync(url.slice('sqlite:'.length));
}

/** Without a look at the schema. */
export function connect(url: string, log: Log): Kysely<Schema> {
  const dialect =
    dialectOf(url) === 'sqlite'
      ? sqliteDialect(url.slice('sqlite:'.length))
      : postgresDialect(url, (error) => log.warn({ reason: error.message }, 'a database connection was lost'));
  return new Kysely<Schema>({ dialect });
}

/** A migration of many rows takes longer than a request may. */
async function migrateAt(url: string, db: Kysely<Schema>, clock: Clock, log: Log): Promise<readonly string[]> {
  const report = (notice: object) =>
    log.warn(notice, 'two organisations have this base URL: only its owner may ask about tokens for it');
  if (url.startsWith('sqlite:')) return migrate(db, 'sqlite', clock.now(), report);
  const unlimited = new Kysely<Schema>({ dialect: postgresDialect(url, () => {}, patient) });
  return migrate(unlimited, 'postgres', clock.now(), report).finally(() => unlimited.destroy());
}

export async function isStore(db: Kysely<Schema>): Promise<boolean> {
  return (await db.introspection.getTables()).some(({ name }) => name === 'migration');
}

export function noStore(url: string): Problem {
  return new Problem('config.invalid', {
    detail: `There is no store of Countersign at ${nameOf(url)}: run this where the server was started, or name its COUNTERSIGN_DATA_DIR or COUNTERSIGN_DATABASE_URL.`,
  });
}

export function unusable(url: string, cause: unknown): Problem {
  const { message, code, name }: NodeJS.ErrnoException = cause instanceof Error ? cause : new Error('unknown');
  const reason = message.split('\n', 1)[0] || code || name;
  return new Problem('store.unavailable', { detail: `The database ${nameOf(url)} cannot be used: ${reason}.`, cause });
}

/** Leaves out the password that a URL may hold. */
export function nameOf(url: string): string {
  return url.startsWith('sqlite:') ? url.slice('sqlite:'.length) : serversOf(url).name;
}
