import type MimeNode from 'nodemailer/lib/mime-node';
import type { MailAddress } from './address.ts';
import type { Addressed } from './outbox.ts';

/** A mail as it goes over the wire. */
export interface Message {
  readonly id: string;
  readonly from: MailAddress;
  /** Null: `dropped`, after whatever else it takes to send one. */
  readonly to: MailAddress | null;
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

/** What becomes of a mail that has no recipient. */
export const dropped = { sent: false, permanent: true, reason: 'no recipient' } as const satisfies Outcome;

/** The same mail makes the same bytes at every try: date and Message-ID are its own. */
export async function composeMessage(
  from: MailAddress,
  mail: { readonly id: string; readonly created_at: number },
  { to, subject, text }: Addressed,
): Promise<Message> {
  // Loaded for the first mail: a start that mails nothing is quicker and smaller by it.
  const { default: Node } = await import('nodemailer/lib/mime-node');
  const node = new Node('text/plain; charset=utf-8', { disableFileAccess: true, disableUrlAccess: true });
  node.setHeader({
    From: { name: 'Countersign', address: from },
    To: { name: '', address: to ?? from },
    Subject: subject,
    'Message-ID': `<${mail.id}@${from.slice(from.lastIndexOf('@') + 1)}>`,
    Date: new Date(mail.created_at).toUTCString().replace('GMT', '+0000'),
    // RFC 3834 §5: nobody's out-of-office answers.
    'Auto-Submitted': 'auto-generated',
  });
  return { id: mail.id, from, to, bytes: await encoded(node, text) };
}

/** RFC 5322 §2.1.1: what can go as it is. The library would break every line beyond 76 characters, and a code with it. */
const sevenBit = /^[\t\n -~]*$/;
const longLine = /[^\n]{990}/;

async function encoded(node: MimeNode, text: string): Promise<Buffer> {
  if (!sevenBit.test(text) || longLine.test(text)) return node.setContent(text).build();
  node.setHeader('Content-Transfer-Encoding', '7bit');
  return Buffer.from(`${node.buildHeaders()}\r\n\r\n${text.replaceAll('\n', '\r\n')}`);
}
