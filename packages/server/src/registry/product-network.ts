import type { Context } from '../context.ts';
import { Problem } from '../kernel/problem.ts';
import { type Participant, type Role, readParticipants, requireParticipant, roles } from './participant.ts';
import { findDocument, findMembers, findProduct, listItemsOf } from './product-network.store.ts';

/**
 * The members of a product network by role, ordered by id. Roles without members are left out. Suspended and offboarded
 * members stay listed with their status.
 *
 * @throws {Problem} `registry.unknown`
 */
export async function membersByRole(
  context: Context,
  realm: string,
  networkId: string,
): Promise<ReadonlyMap<Role, readonly Participant[]>> {
  const ids = await findMembers(context.store.db, realm, networkId);
  if (ids === undefined) throw new Problem('registry.unknown');
  const byRole = Map.groupBy(await readParticipants(context, realm, ids), (participant) => participant.role);
  // In the order of the table of roles, so that a network always has the same representation.
  return new Map(roles.flatMap((role) => (byRole.has(role) ? [[role, byRole.get(role) ?? []]] : [])));
}

export interface Product {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
}

export async function requireProduct(context: Context, realm: string, id: string): Promise<Product> {
  const row = await findProduct(context.store.db, realm, id);
  if (row === undefined) throw new Problem('registry.unknown');
  return { id: row.id, name: row.name, description: row.description };
}

/** A document of the network file, exactly as it came in. @throws {Problem} `registry.unknown` */
export async function requireDocument(
  context: Context,
  table: 'lender_network_filter' | 'server_whitelisting_item',
  realm: string,
  id: string,
): Promise<unknown> {
  const document = await findDocument(context.store.db, table, realm, id);
  if (document === undefined) throw new Problem('registry.unknown');
  return JSON.parse(document) as unknown;
}

/** The addresses that a participant's servers call from; possibly none. @throws {Problem} `participant.unknown` */
export async function whitelistingItemsOf(
  context: Context,
  realm: string,
  participantId: string,
): Promise<readonly unknown[]> {
  await requireParticipant(context, realm, participantId);
  const documents = await listItemsOf(context.store.db, realm, participantId);
  return documents.map((document) => JSON.parse(document) as unknown);
}
