import { type Kysely, sql } from 'kysely';
import type { Schema } from '../schema.ts';

/** Mail addresses of wallets, their recoveries, and the last use of capabilities. */
export const name = '0016-wallet-recovery';

export const statements: readonly string[] = [
  `alter table capability add column used_at bigint`,
  `alter table capability add column revoked_by text`,
  `alter table wallet add column read_only_until bigint`,
  `alter table wallet_invitation add column email text`,
  `create table wallet_address (
     realm text not null, wallet_id text not null, email text not null, confirmed_at bigint not null, removed_at bigint,
     primary key (realm, wallet_id, email))`,
  `create index wallet_address_by_email on wallet_address (realm, email)`,
  `create table wallet_recovery (
     realm text not null, id text not null, wallet_id text not null, controller text not null, email text not null,
     stage text not null, delay bigint not null, approvals text not null, incarnation text not null,
     started_at bigint not null, stage_at bigint not null, next_at bigint, ended_at bigint, reason text,
     primary key (realm, id))`,
  `create unique index wallet_recovery_running on wallet_recovery (realm, wallet_id) where ended_at is null`,
  `create index wallet_recovery_of_wallet on wallet_recovery (realm, wallet_id, id)`,
  `create index wallet_recovery_due on wallet_recovery (next_at)`,
];

/**
 * Earlier releases did not note when a device was used. So each counts as used now: otherwise a wallet whose device is
 * in use could be recovered without it.
 */
export async function fill(db: Kysely<Schema>, _report: (notice: object) => void, now: number): Promise<void> {
  await sql`update capability set used_at = ${now} where revoked_at is null and expires_at > ${now}`.execute(db);
}
