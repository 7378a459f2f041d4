import { type Kysely, sql } from 'kysely';
import type { Store } from './open.ts';
import type { Schema } from './schema.ts';

export type TableName = keyof Schema;
export type Row = Readonly<Record<string, string | number | null>>;

/**
 * The tables that move to another database, with the columns by which their rows are paged. A table that does not move
 * has a meaning only for the running nodes of one database. The compiler demands a line for every table.
 */
const keys: Readonly<Record<TableName, readonly string[] | 'stays'>> = {
  // The incarnation, which differs for every database.
  meta: 'stays',
  change: 'stays',
  lease: 'stays',
  // The numbers must continue, because revocations and readers of the status feed remember them.
  counter: ['name'],
  sealed: ['name'],
  used_once: ['realm', 'key'],
  event: ['id'],
  revocation: ['realm', 'kind', 'key'],
  realm: ['name'],
  signing_key: ['realm', 'kid'],
  subject: ['realm', 'id'],
  client: ['realm', 'id'],
  participant: ['realm', 'id'],
  participant_key: ['realm', 'participant_id', 'thumbprint'],
  key_owner: ['realm', 'thumbprint'],
  audience_owner: ['realm', 'name'],
  application: ['realm', 'id'],
  refusal: ['realm', 'participant_id', 'id'],
  product: ['realm', 'id'],
  product_network: ['realm', 'id'],
  product_network_participant: ['realm', 'network_id', 'participant_id'],
  lender_network_filter: ['realm', 'id'],
  server_whitelisting_item: ['realm', 'id'],
  identity_profile: ['realm', 'id'],
  password_profile: ['realm', 'id'],
  identity: ['realm', 'id'],
  credential: ['realm', 'id'],
  password: ['realm', 'credential_id', 'version'],
  factor: ['realm', 'credential_id', 'id'],
  session: ['realm', 'id'],
  one_time_code: ['realm', 'purpose', 'digest'],
  login_failure: ['realm', 'key'],
  blocked_password: ['sha1'],
  mail: ['realm', 'id'],
  realm_did: ['realm'],
  wallet: ['realm', 'id'],
  wallet_invitation: ['realm', 'id'],
  wallet_name: ['realm', 'name'],
  wallet_address: ['realm', 'wallet_id', 'email'],
  wallet_recovery: ['realm', 'id'],
  capability: ['realm', 'id'],
};

export const movedTables = (Object.keys(keys) as TableName[]).filter((table) => keys[table] !== 'stays');

export function isMovedTable(name: unknown): name is TableName {
  return movedTables.includes(name as TableName);
}

/** Rows of a page. Loading a page is one statement, and PostgreSQL takes 65,535 parameters. */
const pageSize = 500;

/** Reads all tables as of one moment. Writers go on meanwhile: on SQLite a deferred transaction only reads. */
export async function readOneMoment(store: Store, read: (db: Kysely<Schema>) => Promise<void>): Promise<void> {
  if (store.dialect === 'postgres') {
    await store.db.transaction().setIsolationLevel('repeatable read').execute(read);
    return;
  }
  await store.db.connection().execute(async (db) => {
    await sql`begin deferred`.execute(db);
    try {
      await read(db);
    } finally {
      await sql`rollback`.execute(db);
    }
  });
}

/** About as many rows as a dump has: PostgreSQL would count for longer than a statement may take. */
export async function rowEstimate(db: Kysely<Schema>, dialect: Store['dialect']): Promise<number> {
  if (dialect === 'postgres') {
    const names = sql.join(movedTables.map((table) => sql.lit(table)));
    const { rows } = await sql<{ rows: number }>`select coalesce(sum(greatest(reltuples, 0)), 0)::bigint as rows
      from pg_class where relkind = 'r' and relname in (${names}) and pg_table_is_visible(oid)`.execute(db);
    return rows[0]?.rows ?? 0;
  }
  let count = 0;
  for (const table of movedTables) {
    const { rows } = await sql<{ rows: number }>`select count(*) as rows from ${sql.table(table)}`.execute(db);
    count += rows[0]?.rows ?? 0;
  }
  return count;
}

/** Milliseconds. PostgreSQL ends a transaction that is silent for ten seconds. */
const awakeEvery = 3_000;

/** Waits for work outside of the database, and asks it something from time to time, so that the transaction lives on. */
export async function keepAwake<T>(tx: Kysely<Schema>, dialect: Store['dialect'], work: Promise<T>): Promise<T> {
  if (dialect === 'sqlite') return work;
  const timer = setInterval(() => void sql`select 1`.execute(tx).catch(() => {}), awakeEvery);
  return work.finally(() => clearInterval(timer));
}

/** All rows of a table, page by page. Each page begins after the last row of the one before. */
export async function* readTable(db: Kysely<Schema>, table: TableName): AsyncGenerator<readonly Row[]> {
  const columns = keys[table] as readonly string[];
  const order = sql.join(columns.map((column) => sql.ref(column)));
  let after: Row | undefined;
  do {
    const last: Row | undefined = after;
    const rest =
      last === undefined ? sql`` : sql`where (${order}) > (${sql.join(columns.map((column) => last[column] ?? null))})`;
    const { rows } =
      await sql<Row>`select * from ${sql.table(table)} ${rest} order by ${order} limit ${sql.lit(pageSize)}`.execute(
        db,
      );
    if (rows.length > 0) yield rows;
    after = rows.length === pageSize ? rows.at(-1) : undefined;
  } while (after !== undefined);
}

/** Inserts rows as they are. The database refuses unknown columns. */
export async function insertRows(db: Kysely<Schema>, table: TableName, rows: readonly Row[]): Promise<void> {
  const columns = Object.keys(rows[0] as Row);
  const values = rows.map((row) => sql`(${sql.join(columns.map((column) => row[column] ?? null))})`);
  const names = sql.join(columns.map((column) => sql.ref(column)));
  await sql`insert into ${sql.table(table)} (${names}) values ${sql.join(values)}`.execute(db);
}

/** True if the database has only its schema and no rows. */
export async function isEmpty(db: Kysely<Schema>): Promise<boolean> {
  for (const table of movedTables) {
    const { rows } = await sql`select 1 from ${sql.table(table)} limit 1`.execute(db);
    if (rows.length > 0) return false;
  }
  return true;
}
