import { z } from 'zod';
import type { Context } from '../context.ts';
import { organisationOwner } from '../kernel/audience-name.ts';
import type { Caller } from '../kernel/caller.ts';
import { isoDate } from '../kernel/clock.ts';
import { mailAddress } from '../kernel/mail-address.ts';
import { Problem } from '../kernel/problem.ts';
import { lineOfText } from '../kernel/text.ts';
import { type Writing, write } from '../store/write.ts';
import type { Realm } from '../subject/realm.ts';
import { claimAudienceNames, releaseBaseUrl } from './audience-owner.ts';
import { requireBaseUrl } from './base-url.ts';
import { findClientOfParticipant } from './client.store.ts';
import { tellContacts } from './contacts.ts';
import { website } from './organisation-fields.ts';
import { findParticipant, lockParticipant, type ParticipantRow } from './participant.store.ts';
import { changeParticipant, type Organisation } from './participant.ts';

const address = z
  .string()
  .max(254)
  .refine((text) => mailAddress(text) !== undefined, 'must be an e-mail address');

/** What a participant changes about itself. A member that is left out stays; null clears it. */
export const detailsSchema = z.strictObject({
  /** Where others call it. */
  baseUrl: z.string().max(2_048).nullable().optional(),
  /** For the administrators only. */
  contact: address.nullable().optional(),
  participantEmail: address.nullable().optional(),
  participantPhone: lineOfText(64).nullable().optional(),
  participantWebsite: website.nullable().optional(),
});
type Details = z.output<typeof detailsSchema>;

/**
 * Changes where and how a participant is reached. The registry's ETag changes, other nodes follow within two seconds,
 * and every contact, old and new, gets a mail.
 *
 * @throws {Problem} `participant.unknown`, `registry.transition`, `registry.conflict` for a base URL of another
 * organisation, `request.invalid`
 */
export async function changeDetails(
  context: Context,
  realm: Realm,
  id: string,
  wanted: Details,
  caller: Caller,
): Promise<void> {
  if (typeof wanted.baseUrl === 'string') requireBaseUrl(wanted.baseUrl, realm, '/baseUrl');
  await write(context, caller, async (tx) => {
    await lockParticipant(tx.db, realm.name, id);
    const row = await findParticipant(tx.db, realm.name, id);
    if (row === undefined) throw new Problem('participant.unknown');
    if (row.status === 'OFFBOARDED')
      throw new Problem('registry.transition', { detail: 'The participant is OFFBOARDED.' });
    const after = changed(row, wanted, tx.now);
    const names = namesOfChanges(row, after);
    if (names.length === 0) return;
    const client = await findClientOfParticipant(tx.db, realm.name, id);
    if (after.base_url === null && client === undefined) {
      throw new Problem('request.invalid', {
        detail: '/baseUrl: a participant without a client must have one.',
        pointer: '/baseUrl',
      });
    }
    const { base_url, contact, organisation } = after;
    await changeParticipant(tx, row, client?.id ?? null, { base_url, contact, organisation });
    await moveBaseUrl(tx, row, base_url);
    const event = { before: shown(row), after: shown(after) };
    await tx.record({ realm: realm.name, type: 'participant.details_changed', object: `participant:${id}`, ...event });
    await tellContacts(context, tx, [row, after], names.join(', '));
  });
}

/** The old name is free again, and the new one is the organisation's, unless another organisation has it. */
async function moveBaseUrl(tx: Writing, row: ParticipantRow, baseUrl: string | null): Promise<void> {
  const { realm, organisation_id: organisationId } = row;
  if (baseUrl === row.base_url) return;
  if (row.base_url !== null) await releaseBaseUrl(tx, realm, organisationId, row.base_url);
  const claims = baseUrl === null ? [] : [{ name: baseUrl, owner: organisationOwner(organisationId) }];
  if ((await claimAudienceNames(tx, realm, claims)) === undefined) return;
  throw new Problem('registry.conflict', {
    detail: 'The base URL belongs to another organisation.',
    pointer: '/baseUrl',
  });
}

function changed(row: ParticipantRow, { baseUrl, contact, ...said }: Details, now: number): ParticipantRow {
  const before = JSON.parse(row.organisation) as Organisation;
  const given = Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined));
  const isSame = Object.entries(given).every(([name, value]) => before[name as keyof Organisation] === value);
  const organisation = isSame ? before : { ...before, ...given, updatedOn: isoDate(now) };
  return {
    ...row,
    base_url: baseUrl === undefined ? row.base_url : baseUrl,
    contact: contact === undefined ? row.contact : contact,
    organisation: JSON.stringify(organisation),
  };
}

function namesOfChanges(before: ParticipantRow, after: ParticipantRow): readonly string[] {
  return [
    ...(before.base_url === after.base_url ? [] : ['the base URL']),
    ...(before.contact === after.contact && before.organisation === after.organisation ? [] : ['the contact']),
  ];
}

function shown({ base_url, contact, organisation }: ParticipantRow) {
  const { participantEmail, participantPhone, participantWebsite } = JSON.parse(organisation) as Organisation;
  return { baseUrl: base_url, contact, participantEmail, participantPhone, participantWebsite };
}
