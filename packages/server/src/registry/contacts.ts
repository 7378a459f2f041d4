import type { Context } from '../context.ts';
import { mailAddress } from '../kernel/mail-address.ts';
import { allowMail, enqueueMail } from '../mail/outbox.ts';
import type { Writing } from '../store/write.ts';
import { findParticipant, type ParticipantRow } from './participant.store.ts';
import type { Organisation } from './participant.ts';

/**
 * Tells every contact of a participant, also a former one, what was changed, so that a thief of its key or secret cannot
 * do it unseen. At most five mails an hour to one address, counted in this process.
 */
export async function tellContacts(
  context: Context,
  tx: Writing,
  rows: readonly ParticipantRow[],
  changes: string,
): Promise<void> {
  const addresses = new Set(rows.flatMap(contactsOf));
  const [row] = rows;
  for (const to of row === undefined ? [] : addresses) {
    const { realm, id: participantId } = row as ParticipantRow;
    if (!allowMail(context, realm, 'participant-changed', to)) continue;
    const values = { participantId, changes, at: tx.now };
    await enqueueMail(context, tx, { realm, to, purpose: 'participant-changed', values });
  }
}

/** The same for a participant as it is now. */
export async function tellOfParticipant(
  context: Context,
  tx: Writing,
  realm: string,
  participantId: string,
  changes: string,
): Promise<void> {
  const row = await findParticipant(tx.db, realm, participantId);
  if (row !== undefined) await tellContacts(context, tx, [row], changes);
}

function contactsOf({ contact, organisation }: ParticipantRow) {
  const { participantEmail } = JSON.parse(organisation) as Organisation;
  return [contact, participantEmail].flatMap((address) => mailAddress(address ?? '') ?? []);
}
