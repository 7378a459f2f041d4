import type { Context } from '../context.ts';
import { audienceName, clientOwner, organisationOwner } from '../kernel/audience-name.ts';
import { realmKey } from '../kernel/id.ts';
import { findOwner } from './audience-owner.store.ts';
import type { Client } from './client.ts';
import { lookUpParticipant } from './participant.ts';

/**
 * The names by which `aud` means this client: its client id, the id of its participant, and the participant's base URL.
 * Names that belong to another owner are left out. Names without an owner come from a server of the release before.
 */
export async function audienceNamesOf(context: Context, client: Client): Promise<readonly string[]> {
  const { realm, id, participantId } = client;
  if (participantId === undefined) return ownNames(context, realm, [id], clientOwner(id));
  const participant = await lookUpParticipant(context, realm, participantId);
  if (participant === undefined) return [id, participantId];
  const { baseUrl, organisationId } = participant;
  const names = [id, participantId, ...(baseUrl === null ? [] : [baseUrl])];
  return ownNames(context, realm, names, organisationOwner(organisationId));
}

async function ownNames(
  context: Context,
  realm: string,
  names: readonly string[],
  owner: string,
): Promise<readonly string[]> {
  const holders = await Promise.all(names.map((name) => lookUpOwner(context, realm, audienceName(name))));
  return names.filter((_, index) => (holders[index] ?? owner) === owner);
}

function lookUpOwner(context: Context, realm: string, name: string): Promise<string | undefined> {
  return context.cache.get('audience_owner', realmKey(realm, name), () => findOwner(context.store.db, realm, name));
}
