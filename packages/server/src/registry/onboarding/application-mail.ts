import type { Context } from '../../context.ts';
import { mailAddress } from '../../kernel/mail-address.ts';
import { allowMail, enqueueMail } from '../../mail/outbox.ts';
import type { Purpose, Values } from '../../mail/texts.ts';
import type { Writing } from '../../store/write.ts';
import type { Realm } from '../../subject/realm.ts';

/** The part of an application that mails are about. */
interface Application {
  readonly realm: string;
  readonly id: string;
  readonly role: string;
  readonly contact: string;
  readonly base_url: string | null;
  readonly organisation: string;
}

/**
 * Tells the administrators that an application came, if the realm's setting `contact` has their address, and the
 * applicant that it arrived. At most five mails an hour to one address about each, counted in this process, because
 * strangers cause them.
 */
export async function tellOfApplication(context: Context, tx: Writing, realm: Realm, row: Application): Promise<void> {
  const { id: applicationId, role, contact, base_url } = row;
  const { participantName: name } = JSON.parse(row.organisation) as { readonly participantName: string };
  const values = { applicationId, role, name, contact, baseUrl: base_url ?? '' };
  const administrators = realm.settings.contact?.email;
  if (administrators !== undefined)
    await tell(context, tx, realm.name, administrators, 'application-submitted', values);
  await tell(context, tx, realm.name, contact, 'application-received', { applicationId, role });
}

/** Tells the applicant of a decision. */
export async function tellApplicant<P extends Purpose>(
  context: Context,
  tx: Writing,
  { realm, contact }: Pick<Application, 'realm' | 'contact'>,
  purpose: P,
  values: Values[P],
): Promise<void> {
  const to = mailAddress(contact);
  if (to !== undefined) await enqueueMail(context, tx, { realm, to, purpose, values });
}

async function tell<P extends Purpose>(
  context: Context,
  tx: Writing,
  realm: string,
  address: string,
  purpose: P,
  values: Values[P],
): Promise<void> {
  const to = mailAddress(address);
  if (to === undefined || !allowMail(context, realm, purpose, to)) return;
  await enqueueMail(context, tx, { realm, to, purpose, values });
}
