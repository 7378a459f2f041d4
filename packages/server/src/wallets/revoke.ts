import { rootCapabilityId } from '@countersign/proof';
import type { Context } from '../context.ts';
import type { Caller } from '../kernel/caller.ts';
import { realmKey } from '../kernel/id.ts';
import { Problem } from '../kernel/problem.ts';
import type { RevokedBy } from '../store/schema.ts';
import { type Writing, write } from '../store/write.ts';
import type { Realm } from '../subject/realm.ts';
import { revokeCapability } from '../subject/tokens/revocation.ts';
import type { Access } from './access.ts';
import { type CapabilityEdge, deleteExpired, listEdges, markRevoked } from './capability.store.ts';
import { didOf } from './holder.ts';
import { lockTarget } from './target.ts';

export type Revoked = { readonly capabilityId: string } | { readonly did: string };

/**
 * Ends a capability and everything that descends from it, with its tokens. A holder may give up its own. With the
 * action `grant` it may revoke what it has granted, and everything granted below that. Returns the ids.
 */
export async function revokeAccess(
  context: Context,
  realm: Realm,
  { target, actions, chain }: Access,
  what: Revoked,
  caller: Caller,
): Promise<readonly string[]> {
  const own = chain.at(-1) ?? rootCapabilityId(target);
  return revoke(context, realm.name, target, what, { caller, by: 'device' }, (edges) => [
    ...edges.filter(({ id }) => id === own),
    ...(actions.includes('grant') ? subtree(edges, own) : []),
  ]);
}

/** Ends any delegation of a target. */
export async function revokeAsAdministrator(
  context: Context,
  realm: string,
  target: string,
  what: Revoked,
  caller: Caller,
): Promise<readonly string[]> {
  return revoke(context, realm, target, what, { caller, by: 'administrator' }, (edges) => edges);
}

type Edges = readonly CapabilityEdge[];

async function revoke(
  context: Context,
  realm: string,
  target: string,
  what: Revoked,
  { caller, by }: { readonly caller: Caller; readonly by: RevokedBy },
  reachOf: (edges: Edges) => Edges,
): Promise<readonly string[]> {
  return write(context, caller, async (tx) => {
    await lockTarget(tx, realm, target);
    const edges = await listEdges(tx.db, realm, target, tx.now);
    const named = reachOf(edges).filter(({ id, controller }) =>
      'did' in what ? didOf(controller) === didOf(what.did) : id === what.capabilityId,
    );
    if (named.length === 0) throw new Problem('capability.unknown');
    const ended = new Map(named.flatMap((edge) => [edge, ...subtree(edges, edge.id)]).map((edge) => [edge.id, edge]));
    for (const edge of ended.values()) await endCapability(tx, realm, edge, by);
    const ids = [...ended.keys()];
    const event = { realm, type: 'capability.revoked', object: `capability:${ids[0]}`, after: { target, ids } };
    await tx.record(event);
    return ids;
  });
}

async function endCapability(
  tx: Writing,
  realm: string,
  { id, expires_at }: CapabilityEdge,
  by: RevokedBy,
): Promise<void> {
  if (!(await markRevoked(tx.db, realm, id, { at: tx.now, by }))) return;
  await revokeCapability(tx, realm, id, expires_at);
  tx.changed('capability', realmKey(realm, id));
}

/** Ends every live capability of a target, in the transaction of the change that is the reason. Returns their ids. */
export async function endAllCapabilities(
  tx: Writing,
  realm: string,
  target: string,
  by: RevokedBy,
): Promise<readonly string[]> {
  const edges = await listEdges(tx.db, realm, target, tx.now);
  for (const edge of edges) await endCapability(tx, realm, edge, by);
  return edges.map(({ id }) => id);
}

/** Everything below, at any depth. */
function subtree(edges: Edges, id: string): Edges {
  const below: CapabilityEdge[] = [];
  for (let parents = new Set([id]); parents.size > 0; ) {
    const children = edges.filter(({ parent_id }) => parents.has(parent_id));
    below.push(...children);
    parents = new Set(children.map((child) => child.id));
  }
  return below;
}

/** Milliseconds that a delegation is shown after its end. */
const remembered = 30 * 86_400_000;

/**
 * Deletes old rows, so that short delegations do not fill the table. An expired capability is refused for its age, so
 * it cannot come back.
 */
export async function forgetOldCapabilities(context: Context): Promise<void> {
  await deleteExpired(context.store.db, context.clock.now() - remembered);
}
