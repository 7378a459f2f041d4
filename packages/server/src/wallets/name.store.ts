import type { Kysely } from 'kysely';
import type { Schema, WalletNameTable } from '../store/schema.ts';

export async function findName(db: Kysely<Schema>, realm: string, name: string): Promise<WalletNameTable | undefined> {
  return db
    .selectFrom('wallet_name')
    .selectAll()
    .where('realm', '=', realm)
    .where('name', '=', name)
    .executeTakeFirst();
}

export async function findNameOf(db: Kysely<Schema>, realm: string, walletId: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('wallet_name')
    .select('name')
    .where('realm', '=', realm)
    .where('wallet_id', '=', walletId)
    .where('removed_at', 'is', null)
    .executeTakeFirst();
  return row?.name;
}

export async function findNamesOf(
  db: Kysely<Schema>,
  realm: string,
  walletIds: readonly string[],
): Promise<Pick<WalletNameTable, 'wallet_id' | 'name'>[]> {
  if (walletIds.length === 0) return [];
  return db
    .selectFrom('wallet_name')
    .select(['wallet_id', 'name'])
    .where('realm', '=', realm)
    .where('wallet_id', 'in', walletIds)
    .where('removed_at', 'is', null)
    .execute();
}

/** The wallet that has this name now, if it was not deleted. */
export async function findWalletNamed(db: Kysely<Schema>, realm: string, name: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('wallet_name')
    .innerJoin('subject', (join) =>
      join
        .onRef('subject.realm', '=', 'wallet_name.realm')
        .on((e) => e('subject.id', '=', e(e.val('wallet:'), '||', e.ref('wallet_name.wallet_id')))),
    )
    .select('wallet_name.wallet_id')
    .where('wallet_name.realm', '=', realm)
    .where('wallet_name.name', '=', name)
    .where('wallet_name.removed_at', 'is', null)
    .where('subject.ended_at', 'is', null)
    .executeTakeFirst();
  return row?.wallet_id;
}

/** False if the name is or was in use. */
export async function insertName(db: Kysely<Schema>, row: WalletNameTable): Promise<boolean> {
  const inserted = await db
    .insertInto('wallet_name')
    .values(row)
    .onConflict((conflict) => conflict.columns(['realm', 'name']).doNothing())
    .returning('name')
    .executeTakeFirst();
  return inserted !== undefined;
}

export async function restoreName(db: Kysely<Schema>, { realm, name, given_at }: WalletNameTable): Promise<void> {
  await db
    .updateTable('wallet_name')
    .set({ given_at, removed_at: null })
    .where('realm', '=', realm)
    .where('name', '=', name)
    .execute();
}

/** Takes its present name from a wallet. The row stays. */
export async function removeName(db: Kysely<Schema>, realm: string, walletId: string, now: number): Promise<void> {
  await db
    .updateTable('wallet_name')
    .set({ removed_at: now })
    .where('realm', '=', realm)
    .where('wallet_id', '=', walletId)
    .where('removed_at', 'is', null)
    .execute();
}
