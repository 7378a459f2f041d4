import type { Kysely } from 'kysely';
import type { CapabilityTable, Schema, WalletRecoveryTable } from '../../store/schema.ts';

export async function insertRecovery(db: Kysely<Schema>, row: WalletRecoveryTable): Promise<void> {
  await db.insertInto('wallet_recovery').values(row).execute();
}

export async function findRecovery(
  db: Kysely<Schema>,
  realm: string,
  id: string,
): Promise<WalletRecoveryTable | undefined> {
  return db
    .selectFrom('wallet_recovery')
    .selectAll()
    .where('realm', '=', realm)
    .where('id', '=', id)
    .executeTakeFirst();
}

/** The newest first. The ids follow time. */
export async function listRecoveriesOf(
  db: Kysely<Schema>,
  realm: string,
  walletId: string,
  limit: number,
): Promise<readonly WalletRecoveryTable[]> {
  return db
    .selectFrom('wallet_recovery')
    .selectAll()
    .where('realm', '=', realm)
    .where('wallet_id', '=', walletId)
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
}

export async function findRunning(
  db: Kysely<Schema>,
  realm: string,
  walletId: string,
): Promise<WalletRecoveryTable | undefined> {
  return db
    .selectFrom('wallet_recovery')
    .selectAll()
    .where('realm', '=', realm)
    .where('wallet_id', '=', walletId)
    .where('ended_at', 'is', null)
    .executeTakeFirst();
}

/**
 * The running one, else the newest. Running ones first, because a clock that was ahead may have given an ended one a
 * later time.
 */
export async function findPresent(
  db: Kysely<Schema>,
  realm: string,
  walletId: string,
): Promise<WalletRecoveryTable | undefined> {
  return (await findRunning(db, realm, walletId)) ?? (await listRecoveriesOf(db, realm, walletId, 1))[0];
}

/** Recoveries of all realms whose next stage is due. */
export async function listDue(db: Kysely<Schema>, now: number): Promise<readonly WalletRecoveryTable[]> {
  return db
    .selectFrom('wallet_recovery')
    .selectAll()
    .where('next_at', '<=', now)
    .orderBy('next_at')
    .limit(100)
    .execute();
}

/** Changes a recovery that is still at this stage. False if another change came first. */
export async function changeRecovery(
  db: Kysely<Schema>,
  { realm, id, stage, approvals }: WalletRecoveryTable,
  change: Partial<WalletRecoveryTable>,
): Promise<boolean> {
  const changed = await db
    .updateTable('wallet_recovery')
    .set(change)
    .where('realm', '=', realm)
    .where('id', '=', id)
    .where('stage', '=', stage)
    .where('approvals', '=', approvals)
    .where('ended_at', 'is', null)
    .returning('id')
    .executeTakeFirst();
  return changed !== undefined;
}

/** Recoveries begun after `since`. */
export async function countBegun(db: Kysely<Schema>, realm: string, walletId: string, since: number): Promise<number> {
  const rows = await db
    .selectFrom('wallet_recovery')
    .select('id')
    .where('realm', '=', realm)
    .where('wallet_id', '=', walletId)
    .where('started_at', '>', since)
    .execute();
  return rows.length;
}

type Use = Pick<CapabilityTable, 'controller' | 'actions' | 'ancestors' | 'used_at' | 'created_at'>;

/**
 * Capabilities of a target that have not expired, and that no device has revoked. An administrator's revocation does
 * not take the device out of the count, because administrators must not speed up a recovery.
 */
export async function listUses(
  db: Kysely<Schema>,
  realm: string,
  target: string,
  now: number,
): Promise<readonly Use[]> {
  return db
    .selectFrom('capability')
    .select(['controller', 'actions', 'ancestors', 'used_at', 'created_at'])
    .where('realm', '=', realm)
    .where('target', '=', target)
    .where('expires_at', '>', now)
    .where((row) => row.or([row('revoked_at', 'is', null), row('revoked_by', '=', 'administrator')]))
    .execute();
}

export async function markUsed(db: Kysely<Schema>, realm: string, ids: readonly string[], at: number): Promise<void> {
  await db.updateTable('capability').set({ used_at: at }).where('realm', '=', realm).where('id', 'in', ids).execute();
}

export async function holdReadOnly(db: Kysely<Schema>, realm: string, walletId: string, until: number): Promise<void> {
  await db
    .updateTable('wallet')
    .set({ read_only_until: until })
    .where('realm', '=', realm)
    .where('id', '=', walletId)
    .execute();
}

/** Deletes recoveries that ended before `before`. */
export async function deleteOldRecoveries(db: Kysely<Schema>, before: number): Promise<void> {
  await db.deleteFrom('wallet_recovery').where('ended_at', '<', before).execute();
  await db.deleteFrom('wallet_address').where('removed_at', '<', before).execute();
}
