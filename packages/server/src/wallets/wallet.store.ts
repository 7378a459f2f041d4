import type { Kysely, Transaction } from 'kysely';
import type { RealmDidTable, Schema, WalletInvitationTable, WalletTable } from '../store/schema.ts';

export async function findWallet(db: Kysely<Schema>, realm: string, id: string): Promise<WalletTable | undefined> {
  return db.selectFrom('wallet').selectAll().where('realm', '=', realm).where('id', '=', id).executeTakeFirst();
}

/** What the tokens of a wallet say of it, of one moment. Undefined unless the wallet is live. */
export async function findStanding(
  db: Kysely<Schema>,
  realm: string,
  id: string,
  subjectId: string,
): Promise<{ readonly roles: string; readonly generation: number } | undefined> {
  return db
    .selectFrom('wallet')
    .innerJoin('subject', 'subject.realm', 'wallet.realm')
    .select(['wallet.roles', 'subject.generation'])
    .where('wallet.realm', '=', realm)
    .where('wallet.id', '=', id)
    .where('subject.id', '=', subjectId)
    .where('subject.suspended_at', 'is', null)
    .where('subject.ended_at', 'is', null)
    .executeTakeFirst();
}

export async function updateRoles(db: Kysely<Schema>, realm: string, id: string, roles: string): Promise<void> {
  await db.updateTable('wallet').set({ roles }).where('realm', '=', realm).where('id', '=', id).execute();
}

/** Locks it until the transaction ends, and changes nothing. */
export async function touchWallet(db: Kysely<Schema>, realm: string, id: string): Promise<void> {
  await db
    .updateTable('wallet')
    .set((e) => ({ created_at: e.ref('created_at') }))
    .where('realm', '=', realm)
    .where('id', '=', id)
    .execute();
}

export async function insertWallet(db: Kysely<Schema>, row: WalletTable): Promise<void> {
  await db.insertInto('wallet').values(row).execute();
}

/** Gives a waiting wallet to its first device. False if it has one. */
export async function openWaitingWallet(
  db: Kysely<Schema>,
  realm: string,
  id: string,
  change: Partial<WalletTable> & { readonly opened_at: number },
): Promise<boolean> {
  const opened = await db
    .updateTable('wallet')
    .set(change)
    .where('realm', '=', realm)
    .where('id', '=', id)
    .where('opened_at', 'is', null)
    .returning('id')
    .executeTakeFirst();
  return opened !== undefined;
}

export async function findInvitation(
  db: Kysely<Schema>,
  realm: string,
  id: string,
): Promise<WalletInvitationTable | undefined> {
  return db
    .selectFrom('wallet_invitation')
    .selectAll()
    .where('realm', '=', realm)
    .where('id', '=', id)
    .executeTakeFirst();
}

export async function insertInvitation(db: Kysely<Schema>, row: WalletInvitationTable): Promise<void> {
  await db.insertInto('wallet_invitation').values(row).execute();
}

/** Settles an open invitation. False if it is not open, or if another call was faster. */
export async function settleInvitation(
  db: Kysely<Schema>,
  realm: string,
  id: string,
  change: Partial<WalletInvitationTable>,
  now: number,
): Promise<boolean> {
  const settled = await db
    .updateTable('wallet_invitation')
    .set(change)
    .where('realm', '=', realm)
    .where('id', '=', id)
    .where('completed_at', 'is', null)
    .where('cancelled_at', 'is', null)
    .where('expires_at', '>', now)
    .returning('id')
    .executeTakeFirst();
  return settled !== undefined;
}

/** Gives an invitation that is neither used nor cancelled another life. False if it is closed. */
export async function renewInvitation(
  db: Kysely<Schema>,
  { realm, id, created_at }: WalletInvitationTable,
  until: number,
  now: number,
): Promise<boolean> {
  const renewed = await db
    .updateTable('wallet_invitation')
    // A time that the clock of another node had ahead of this one is mended.
    .set({ expires_at: until, created_at: Math.min(created_at, now) })
    .where('realm', '=', realm)
    .where('id', '=', id)
    .where('completed_at', 'is', null)
    .where('cancelled_at', 'is', null)
    .returning('id')
    .executeTakeFirst();
  return renewed !== undefined;
}

export async function findRealmDid(db: Kysely<Schema>, realm: string): Promise<RealmDidTable | undefined> {
  return db.selectFrom('realm_did').selectAll().where('realm', '=', realm).executeTakeFirst();
}

/** An existing row stays: false if there was one. */
export async function insertRealmDid(db: Kysely<Schema>, row: RealmDidTable): Promise<boolean> {
  const inserted = await db
    .insertInto('realm_did')
    .values(row)
    .onConflict((conflict) => conflict.columns(['realm']).doNothing())
    .returning('realm')
    .executeTakeFirst();
  return inserted !== undefined;
}

export async function listSealedWallets(tx: Transaction<Schema>): Promise<WalletTable[]> {
  return tx.selectFrom('wallet').selectAll().where('sealed_keys', 'is not', null).execute();
}

export async function updateSealedWallet(
  tx: Transaction<Schema>,
  realm: string,
  id: string,
  sealed_keys: string,
): Promise<void> {
  await tx.updateTable('wallet').set({ sealed_keys }).where('realm', '=', realm).where('id', '=', id).execute();
}

export async function listRealmDids(tx: Transaction<Schema>): Promise<RealmDidTable[]> {
  return tx.selectFrom('realm_did').selectAll().execute();
}

export async function updateSealedRealmDid(tx: Transaction<Schema>, realm: string, sealed_keys: string): Promise<void> {
  await tx.updateTable('realm_did').set({ sealed_keys }).where('realm', '=', realm).execute();
}
