import type { Kysely } from 'kysely';
import type { CapabilityTable, RevokedBy, Schema } from '../store/schema.ts';

export async function findCapability(
  db: Kysely<Schema>,
  realm: string,
  id: string,
): Promise<CapabilityTable | undefined> {
  return db.selectFrom('capability').selectAll().where('realm', '=', realm).where('id', '=', id).executeTakeFirst();
}

/** False if the id is taken. */
export async function insertCapability(db: Kysely<Schema>, row: CapabilityTable): Promise<boolean> {
  const inserted = await db
    .insertInto('capability')
    .values(row)
    .onConflict((conflict) => conflict.columns(['realm', 'id']).doNothing())
    .returning('id')
    .executeTakeFirst();
  return inserted !== undefined;
}

/** The capabilities of one target, ordered by id. That order has no meaning. */
export async function listCapabilities(
  db: Kysely<Schema>,
  realm: string,
  target: string,
  { revoked, after, limit }: { readonly revoked: boolean; readonly after: string; readonly limit: number },
): Promise<CapabilityTable[]> {
  let query = db
    .selectFrom('capability')
    .selectAll()
    .where('realm', '=', realm)
    .where('target', '=', target)
    .where('id', '>', after);
  if (!revoked) query = query.where('revoked_at', 'is', null);
  return query.orderBy('id').limit(limit).execute();
}

export type CapabilityEdge = Pick<CapabilityTable, 'id' | 'parent_id' | 'controller' | 'expires_at'>;

/** All live delegations without their documents: the tree of a target. */
export async function listEdges(
  db: Kysely<Schema>,
  realm: string,
  target: string,
  now: number,
): Promise<CapabilityEdge[]> {
  return live(db, realm, now)
    .select(['id', 'parent_id', 'controller', 'expires_at'])
    .where('target', '=', target)
    .execute();
}

/** Counts the live delegations of one target, or of one parent in it, up to `bound`. */
export async function countLive(
  db: Kysely<Schema>,
  { realm, target, parent }: { readonly realm: string; readonly target: string; readonly parent?: string },
  now: number,
  bound: number,
): Promise<number> {
  let query = live(db, realm, now).select('id').where('target', '=', target);
  if (parent !== undefined) query = query.where('parent_id', '=', parent);
  return (await query.limit(bound).execute()).length;
}

/** False if it was revoked already. */
export async function markRevoked(
  db: Kysely<Schema>,
  realm: string,
  id: string,
  { at, by }: { readonly at: number; readonly by: RevokedBy },
): Promise<boolean> {
  const marked = await db
    .updateTable('capability')
    .set({ revoked_at: at, revoked_by: by })
    .where('realm', '=', realm)
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .returning('id')
    .executeTakeFirst();
  return marked !== undefined;
}

/** Live delegations of a target to one DID, the last to end first. */
export async function listDelegationsTo(
  db: Kysely<Schema>,
  realm: string,
  target: string,
  controller: string,
  now: number,
): Promise<CapabilityTable[]> {
  return live(db, realm, now)
    .selectAll()
    .where('target', '=', target)
    .where('controller', '=', controller)
    .orderBy('expires_at', 'desc')
    .limit(100)
    .execute();
}

/**
 * A live delegation to this DID, directly from a root whose id begins with `roots`, for a target that begins with
 * `targets`. For wallets: the DID's first one.
 */
export async function findFirstDelegation(
  db: Kysely<Schema>,
  realm: string,
  controller: string,
  { roots, targets }: { readonly roots: string; readonly targets: string },
  now: number,
): Promise<string | undefined> {
  const row = await live(db, realm, now)
    .select('id')
    .where('controller', '=', controller)
    .where('parent_id', 'like', `${roots}%`)
    .where('target', 'like', `${targets}%`)
    .limit(1)
    .executeTakeFirst();
  return row?.id;
}

export async function deleteExpired(db: Kysely<Schema>, before: number): Promise<void> {
  await db.deleteFrom('capability').where('expires_at', '<', before).execute();
}

/** Neither revoked nor expired. */
function live(db: Kysely<Schema>, realm: string, now: number) {
  return db
    .selectFrom('capability')
    .where('realm', '=', realm)
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', now);
}
