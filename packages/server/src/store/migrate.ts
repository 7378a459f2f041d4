import { setTimeout as pause } from 'node:timers/promises';
import { type Kysely, sql } from 'kysely';
import { Problem } from '../kernel/problem.ts';
import { isConflict, isLockTimeout } from './fault.ts';
import * as foundation from './migrations/0001-foundation.ts';
import * as passwords from './migrations/0002-passwords.ts';
import * as mail from './migrations/0003-mail.ts';
import * as wallets from './migrations/0004-wallets.ts';
import * as devices from './migrations/0005-devices.ts';
import * as ancestors from './migrations/0006-ancestors.ts';
import * as audienceOwners from './migrations/0009-audience-owners.ts';
import * as passkeyIds from './migrations/0011-passkey-ids.ts';
import * as networkMembers from './migrations/0012-network-members.ts';
import * as onboardingAndRefusals from './migrations/0013-onboarding-and-refusals.ts';
import * as verifiedAddresses from './migrations/0014-verified-addresses.ts';
import * as deletions from './migrations/0015-deletions.ts';
import * as walletRecovery from './migrations/0016-wallet-recovery.ts';
import * as walletLists from './migrations/0017-wallet-lists.ts';
import * as walletNames from './migrations/0018-wallet-names.ts';
import * as invitationWords from './migrations/0019-invitation-words.ts';
import type { Schema } from './schema.ts';

/**
 * Migrations only go forward, and each keeps the previous release working. They run in one transaction under a lock, so
 * several nodes may start at once: the first one migrates, and the others find it done.
 */
const migrations = [
  foundation,
  passwords,
  mail,
  wallets,
  devices,
  ancestors,
  audienceOwners,
  passkeyIds,
  networkMembers,
  onboardingAndRefusals,
  verifiedAddresses,
  deletions,
  walletRecovery,
  walletLists,
  walletNames,
  invitationWords,
] as const;

const known = new Set<string>(migrations.map(({ name }) => name));

/** The schema of a database that this version has opened. */
export const newestSchema: string = migrations[migrations.length - 1]?.name ?? '';

/** False for the schema of a newer version. */
export function isKnownSchema(name: string): boolean {
  return known.has(name);
}

/** An arbitrary number that names this lock within a PostgreSQL database. */
const lockId = 7_265_482_113;

export type Migration = (typeof migrations)[number];

/** Milliseconds that a migration waits for a table: as long as that, requests for the table wait behind it. */
const lockTime = 2_000;
const retryPause = 1_000;
/** Tries while something else holds a table: a dump, a long report. */
const tries = 60;

/**
 * Returns the names of the migrations that it applied. `report` gets existing entries that the new rules would refuse.
 * Servers of the previous release go on meanwhile, so their transactions may meet this one in a deadlock.
 */
export async function migrate(
  db: Kysely<Schema>,
  dialect: 'sqlite' | 'postgres',
  now: number,
  report: (notice: object) => void = () => {},
): Promise<readonly string[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await migrateOnce(db, dialect, now, report);
    } catch (error) {
      if (attempt === tries || !(isConflict(error) || isLockTimeout(error))) throw error;
      await pause(retryPause);
    }
  }
}

async function migrateOnce(
  db: Kysely<Schema>,
  dialect: 'sqlite' | 'postgres',
  now: number,
  report: (notice: object) => void,
): Promise<readonly string[]> {
  return db.transaction().execute(async (tx) => {
    if (dialect === 'postgres') {
      await sql`select pg_advisory_xact_lock(${sql.lit(lockId)})`.execute(tx);
      await sql`set local lock_timeout = ${sql.lit(lockTime)}`.execute(tx);
    }
    await sql`create table if not exists migration (name text primary key, applied_at bigint not null)`.execute(tx);
    const missing = await missingMigrations(tx);
    for (const migration of missing) await applyMigration(tx, migration, now, report);
    return missing.map(({ name }) => name);
  });
}

/** The migrations that this version lacks, and those that the database lacks. */
export async function schemaGap(
  db: Kysely<Schema>,
): Promise<{ readonly newer: readonly string[]; readonly missing: readonly string[] }> {
  const { rows } = await sql<{ name: string }>`select name from migration`.execute(db);
  const done = new Set(rows.map(({ name }) => name));
  return {
    newer: [...done].filter((name) => !known.has(name)),
    missing: [...known].filter((name) => !done.has(name)),
  };
}

/** @throws {Problem} `config.invalid` if a newer version has been here */
export async function missingMigrations(db: Kysely<Schema>): Promise<readonly Migration[]> {
  const { newer, missing } = await schemaGap(db);
  if (newer.length > 0) throw newerSchema(newer);
  return migrations.filter(({ name }) => missing.includes(name));
}

export async function applyMigration(
  tx: Kysely<Schema>,
  migration: Migration,
  now: number,
  report: (notice: object) => void,
): Promise<void> {
  for (const statement of migration.statements) await sql.raw(statement).execute(tx);
  if ('fill' in migration) await migration.fill(tx, report, now);
  await sql`insert into migration (name, applied_at) values (${migration.name}, ${now})`.execute(tx);
}

/** A newer version may have changed the meaning of the data. */
function newerSchema(newer: readonly string[]): Problem {
  return new Problem('config.invalid', {
    detail: `The database was made by a newer Countersign: its schema is ${[...newer].sort().at(-1)}, and this version knows none after ${migrations.at(-1)?.name}. Start the newer version.`,
  });
}
