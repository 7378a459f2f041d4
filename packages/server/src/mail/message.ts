import type MimeNode from 'nodemailer/lib/mime-node';
import type { MailAddress } from '../kernel/mail-address.ts';
import type { Addressed } from './outbox.ts';

/** A mail as it is sent. */
export interface Message {
  readonly id: string;
  readonly from: MailAddress;
  /** Null: the result is `dropped`, after all the other work of sending. */
  readonly to: MailAddress | null;
  readonly bytes: Buffer;
}

/** Tries once. Never throws, and ends soon after the signal. */
export type Transport = (message: Message, signal: AbortSignal) => Promise<Outcome>;

/** The result of one try. */
export type Outcome =
  | { readonly sent: true }
  | {
      readonly sent: false;
      /** The server will never accept the mail, however often it is offered. */
      readonly permanent: boolean;
      /** A code, never a text that may hold an address. */
      readonly reason: string;
      /** For the log: the message of the network or of TLS, which knows nothing about the mail. */
      readonly detail?: string;
    };

/** The result for a mail without a recipient. */
export const dropped = { sent: false, permanent: true, reason: 'no recipient' } as const satisfies Outcome;

/** Every try sends the same bytes: date and Message-ID belong to the mail. */
export async function composeMessage(
  from: MailAddress,
  mail: { readonly id: string; readonly created_at: number },
  { to, subject, text, html }: Addressed,
): Promise<Message> {
  // Loaded for the first mail, so that a start without mails is faster and smaller.
  const { default: Node } = await import('nodemailer/lib/mime-node');
  const type = html === undefined ? 'text/plain; charset=utf-8' : 'multipart/alternative';
  const node = new Node(type, { disableFileAccess: true, disableUrlAccess: true, baseBoundary: mail.id });
  node.setHeader({
    From: { name: 'Countersign', address: from },
    To: { name: '', address: to ?? from },
    Subject: subject,
    'Message-ID': `<${mail.id}@${from.slice(from.lastIndexOf('@') + 1)}>`,
    Date: new Date(mail.created_at).toUTCString().replace('GMT', '+0000'),
    // RFC 3834 §5: asks for no out-of-office answers.
    'Auto-Submitted': 'auto-generated',
  });
  if (html === undefined) return { id: mail.id, from, to, bytes: await encoded(node, text) };
  node.createChild('text/plain; charset=utf-8').setContent(text);
  node.createChild('text/html; charset=utf-8').setContent(html);
  return { id: mail.id, from, to, bytes: await node.build() };
}

/**
 * RFC 5322 §2.1.1: text that needs no encoding. The library would break every line beyond 76 characters, and so a code.
 */
const sevenBit = /^[\t\n -~]*$/;
const longLine = /[^\n]{990}/;

async function encoded(node: MimeNode, text: string): Promise<Buffer> {
  if (!sevenBit.test(text) || longLine.test(text)) return node.setContent(text).build();
  node.setHeader('Content-Transfer-Encoding', '7bit');
  return Buffer.from(`${node.buildHeaders()}\r\n\r\n${text.replaceAll('\n', '\r\n')}`);
}
