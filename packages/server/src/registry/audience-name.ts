import type { Context } from '../context.ts';
import type { Client } from './client.ts';
import { lookUpParticipant } from './participant.ts';

/** What `aud` calls this client when it means it: its client id, the id of its participant, or the base URL of that. */
export async function audienceNamesOf(context: Context, client: Client): Promise<readonly string[]> {
  if (client.participantId === undefined) return [client.id];
  const participant = await lookUpParticipant(context, client.realm, client.participantId);
  const { baseUrl } = participant ?? {};
  return [client.id, client.participantId, ...(baseUrl == null ? [] : [baseUrl])];
}
