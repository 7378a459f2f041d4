import { audienceName, organisationOwner } from '../../kernel/audience-name.ts';
import { claimAudienceNames, type NameClaim, releaseBaseUrl, releaseName } from '../audience-owner.ts';
import type { Applying } from './applying.ts';
import type { ParticipantState } from './participant-state.ts';
import type { PreparedParticipant } from './prepare.ts';
import { invalid } from './refusal.ts';

/** A participant before and after the file, with the id of its client before. */
export interface Named {
  readonly prepared: PreparedParticipant;
  readonly before: ParticipantState | undefined;
  readonly after: ParticipantState;
  readonly client: { readonly id: string } | undefined;
}

interface PlacedClaim extends NameClaim {
  readonly at: string;
}

/**
 * Frees the names that participants have left and takes the new ones. Runs after all participants of the file are
 * written, because two may exchange their base URLs.
 *
 * @throws {Problem} `network.invalid` at a name of another organisation
 */
export async function applyAudiences({ tx, realm }: Applying, all: readonly Named[]): Promise<void> {
  for (const { prepared, before, after, client } of all) {
    if (before === undefined) continue;
    const owner = organisationOwner(before.organisationId);
    const moved = before.organisationId !== after.organisationId;
    for (const name of moved ? [prepared.entry.id, ...(client === undefined ? [] : [client.id])] : []) {
      await releaseName(tx, realm, { name, owner });
    }
    if (before.baseUrl !== null && baseUrlOf(before) !== baseUrlOf(after)) {
      await releaseBaseUrl(tx, realm, before.organisationId, before.baseUrl);
    }
  }
  const taken = await claimAudienceNames(tx, realm, all.flatMap(claimsOf));
  if (taken !== undefined) throw invalid(taken.at, 'is an audience name of another organisation');
}

/** Only new names. An older name keeps its owner, even if an older release gave it to another owner. */
function claimsOf({ prepared, before, after, client }: Named): readonly PlacedClaim[] {
  const { entry, at } = prepared;
  const owner = organisationOwner(after.organisationId);
  const moved = before?.organisationId !== after.organisationId;
  const clientId = entry.client?.id ?? client?.id;
  const isNewClient = client === undefined || moved;
  const isNewPlace = before === undefined || baseUrlOf(before) !== baseUrlOf(after);
  return [
    ...(moved ? [{ name: entry.id, owner, at: `${at}/id` }] : []),
    ...(clientId !== undefined && isNewClient ? [{ name: clientId, owner, at: `${at}/client/id` }] : []),
    ...(isNewPlace && after.baseUrl !== null && after.status !== 'OFFBOARDED'
      ? [{ name: after.baseUrl, owner, at: `${at}/baseUrl` }]
      : []),
  ];
}

/** The base URL together with its organisation. Undefined if offboarded. */
function baseUrlOf({ status, baseUrl, organisationId }: ParticipantState): string | undefined {
  if (baseUrl === null || status === 'OFFBOARDED') return undefined;
  return `${organisationId} ${audienceName(baseUrl)}`;
}
