import { walletPrefix } from '@countersign/proof';
import type { Kysely } from 'kysely';
import type { Schema, WalletInvitationTable, WalletTable } from '../../store/schema.ts';

/** Entries that one address or DID can have at the most, in a search. */
const most = 1_000;

/** Wallets with this address, and those that wait for an invitation sent there. */
export async function idsByAddress(db: Kysely<Schema>, realm: string, email: string): Promise<readonly string[]> {
  const present = await db
    .selectFrom('wallet_address')
    .select('wallet_id')
    .where('realm', '=', realm)
    .where('email', '=', email)
    .where('removed_at', 'is', null)
    .limit(most)
    .execute();
  const invited = await db
    .selectFrom('wallet_invitation')
    .select('wallet_id')
    .where('realm', '=', realm)
    .where('email', '=', email)
    .where('completed_at', 'is', null)
    .limit(most)
    .execute();
  return [...new Set([...present, ...invited].map(({ wallet_id }) => wallet_id))];
}

/** Wallets with this owner, and those of which this DID holds a live capability. */
export async function idsByDid(
  db: Kysely<Schema>,
  realm: string,
  did: string,
  now: number,
): Promise<readonly string[]> {
  const owned = await db
    .selectFrom('wallet')
    .select('id')
    .where('realm', '=', realm)
    .where('owner_did', '=', did)
    .limit(most)
    .execute();
  const held = await db
    .selectFrom('capability')
    .select('target')
    .where('realm', '=', realm)
    .where('controller', '=', did)
    .where('target', 'like', `${walletPrefix}%`)
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', now)
    .limit(most)
    .execute();
  return [...new Set([...owned.map(({ id }) => id), ...held.map(({ target }) => target.slice(walletPrefix.length))])];
}

/** Ordered by id. `ids`: only these. */
export async function listWallets(
  db: Kysely<Schema>,
  realm: string,
  ids: readonly string[] | undefined,
  { after, limit }: { readonly after: string; readonly limit: number },
): Promise<readonly WalletTable[]> {
  if (ids?.length === 0) return [];
  let query = db.selectFrom('wallet').selectAll().where('realm', '=', realm).where('id', '>', after);
  if (ids !== undefined) query = query.where('id', 'in', ids);
  return query.orderBy('id').limit(limit).execute();
}

/** The address of each of these wallets; while a wallet waits, that of its invitation. */
export async function addressesOf(
  db: Kysely<Schema>,
  realm: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  if (ids.length === 0) return new Map();
  const invited = await db
    .selectFrom('wallet_invitation')
    .select(['wallet_id', 'email'])
    .where('realm', '=', realm)
    .where('wallet_id', 'in', ids)
    .where('completed_at', 'is', null)
    .execute();
  const present = await db
    .selectFrom('wallet_address')
    .select(['wallet_id', 'email'])
    .where('realm', '=', realm)
    .where('wallet_id', 'in', ids)
    .where('removed_at', 'is', null)
    .execute();
  const rows = [...invited, ...present].flatMap(({ wallet_id, email }) => (email === null ? [] : [[wallet_id, email]]));
  return new Map(rows as [string, string][]);
}

export async function listInvitations(
  db: Kysely<Schema>,
  realm: string,
  email: string | undefined,
  { after, limit }: { readonly after: string; readonly limit: number },
): Promise<readonly WalletInvitationTable[]> {
  let query = db.selectFrom('wallet_invitation').selectAll().where('realm', '=', realm).where('id', '>', after);
  if (email !== undefined) query = query.where('email', '=', email);
  return query.orderBy('id').limit(limit).execute();
}

/** The invitations of a wallet, which go with it. Returns their ids. */
export async function deleteInvitationsOf(
  db: Kysely<Schema>,
  realm: string,
  walletId: string,
): Promise<readonly string[]> {
  const rows = await db
    .deleteFrom('wallet_invitation')
    .where('realm', '=', realm)
    .where('wallet_id', '=', walletId)
    .returning('id')
    .execute();
  return rows.map(({ id }) => id);
}

export async function deleteWalletRows(db: Kysely<Schema>, realm: string, walletId: string): Promise<void> {
  await db.deleteFrom('wallet_address').where('realm', '=', realm).where('wallet_id', '=', walletId).execute();
  await db.deleteFrom('wallet').where('realm', '=', realm).where('id', '=', walletId).execute();
}
