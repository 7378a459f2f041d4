import MailComposer from 'nodemailer/lib/mail-composer';
import type { MailAddress } from './address.ts';
import type { Addressed } from './outbox.ts';

/** A mail as it goes over the wire. */
export interface Message {
  readonly id: string;
  readonly from: MailAddress;
  readonly to: MailAddress;
  readonly bytes: Buffer;
}

/** Tries once. Never throws; ends soon after the signal is given. */
export type Transport = (message: Message, signal: AbortSignal) => Promise<Outcome>;

/** What became of one try. */
export type Outcome =
  | { readonly sent: true }
  | {
      readonly sent: false;
      /** The mail will never be taken, however often it is offered. */
      readonly permanent: boolean;
      /** A code, never a text that may hold an address. */
      readonly reason: string;
      /** For the log: what the network or TLS said, which knows of no mail. */
      readonly detail?: string;
    };

/** The same mail makes the same bytes at every try: date and Message-ID are its own. */
export async function composeMessage(
  from: MailAddress,
  mail: { readonly id: string; readonly created_at: number },
  { to, subject, text }: Addressed,
): Promise<Message> {
  const composer = new MailComposer({
    from: { name: 'Countersign', address: from },
    to: { name: '', address: to },
    subject,
    text,
    messageId: `<${mail.id}@${from.slice(from.lastIndexOf('@') + 1)}>`,
    date: new Date(mail.created_at),
    // RFC 3834 §5: nobody's out-of-office answers.
    headers: { 'Auto-Submitted': 'auto-generated' },
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return { id: mail.id, from, to, bytes: await composer.compile().build() };
}
