import { existsSync } from 'node:fs';
import { Kysely } from 'kysely';
import type { Clock } from '../kernel/clock.ts';
import type { Log } from '../kernel/log.ts';
import { Problem } from '../kernel/problem.ts';
import { createHold, type Hold } from './hold.ts';
import { migrate } from './migrate.ts';
import { postgresDialect } from './postgres.ts';
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
    if (need === 'existing' && !(await isStore(db))) throw noStore(url);
    const applied = await migrate(db, dialect, clock.now(), (notice) =>
      log.warn(notice, 'two organisations have this base URL: only its owner may ask about tokens for it'),
    );
    if (applied.length > 0) log.info({ applied }, 'the schema was brought up to date');
  } catch (cause) {
    await db.destroy();
    if (cause instanceof Problem) throw cause;
    const reason =
      cause instanceof Error
        ? cause.message.split('\n', 1)[0] || (cause as NodeJS.ErrnoException).code || cause.name
        : 'unknown';
    throw new Problem('store.unavailable', { detail: `The database ${nameOf(url)} cannot be used: ${reason}.`, cause });
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

export async function isStore(db: Kysely<Schema>): Promise<boolean> {
  return (await db.introspection.getTables()).some(({ name }) => name === 'migration');
}

function noStore(url: string): Problem {
  return new Problem('config.invalid', {
    detail: `There is no store of Countersign at ${nameOf(url)}: run this where the server was started, or name its COUNTERSIGN_DATA_DIR or COUNTERSIGN_DATABASE_URL.`,
  });
}

/** Leaves out the password that a URL may hold. */
export function nameOf(url: string): string {
  return url.startsWith('sqlite:') ? url.slice('sqlite:'.length) : serversOf(url).name;
}
