import type { Kysely } from 'kysely';
import type { Schema, WalletAddressTable } from '../../store/schema.ts';

/** The present address of a wallet. */
export async function findAddress(
  db: Kysely<Schema>,
  realm: string,
  walletId: string,
): Promise<WalletAddressTable | undefined> {
  return db
    .selectFrom('wallet_address')
    .selectAll()
    .where('realm', '=', realm)
    .where('wallet_id', '=', walletId)
    .where('removed_at', 'is', null)
    .executeTakeFirst();
}

/** The present address, and those that were replaced after `since`. */
export async function listAddresses(
  db: Kysely<Schema>,
  realm: string,
  walletId: string,
  since: number,
): Promise<readonly WalletAddressTable[]> {
  return db
    .selectFrom('wallet_address')
    .selectAll()
    .where('realm', '=', realm)
    .where('wallet_id', '=', walletId)
    .where((row) => row.or([row('removed_at', 'is', null), row('removed_at', '>', since)]))
    .orderBy('email')
    .limit(20)
    .execute();
}

/** The wallets that have this address now. */
export async function listWalletsAt(
  db: Kysely<Schema>,
  realm: string,
  email: string,
  limit: number,
): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('wallet_address')
    .select('wallet_id')
    .where('realm', '=', realm)
    .where('email', '=', email)
    .where('removed_at', 'is', null)
    .orderBy('wallet_id')
    .limit(limit)
    .execute();
  return rows.map(({ wallet_id }) => wallet_id);
}

/** Puts the address in the place of the present one. */
export async function replaceAddress(
  db: Kysely<Schema>,
  { realm, wallet_id, email }: Pick<WalletAddressTable, 'realm' | 'wallet_id' | 'email'>,
  now: number,
): Promise<void> {
  await db
    .updateTable('wallet_address')
    .set({ removed_at: now })
    .where('realm', '=', realm)
    .where('wallet_id', '=', wallet_id)
    .where('removed_at', 'is', null)
    .execute();
  await db
    .insertInto('wallet_address')
    .values({ realm, wallet_id, email, confirmed_at: now, removed_at: null })
    .onConflict((conflict) =>
      conflict.columns(['realm', 'wallet_id', 'email']).doUpdateSet({ confirmed_at: now, removed_at: null }),
    )
    .execute();
}
