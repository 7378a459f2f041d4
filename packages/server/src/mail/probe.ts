import { Readable } from 'node:stream';
import type SmtpConnection from 'nodemailer/lib/smtp-connection';
import type { MailAddress } from '../kernel/mail-address.ts';
import { connectTo } from './smtp.ts';
import type { SmtpServer } from './smtp-server.ts';

/** What a mail server refuses, with a code that holds no address and no secret. */
export interface SmtpFault {
  readonly at: 'connection' | 'tls' | 'login' | 'sender';
  readonly reason: string;
}

/**
 * Talks to a mail server up to the text of a mail to the sender itself, and leaves there: nothing is sent. Undefined if
 * all was accepted. A refused recipient is no fault, because the sender's address need not have a mailbox.
 */
export async function probeSmtp(
  server: SmtpServer,
  from: MailAddress,
  milliseconds: number,
): Promise<SmtpFault | undefined> {
  const connection = await connectTo(server);
  return new Promise((resolve) => {
    const timer = setTimeout(() => end({ at: 'connection', reason: 'ETIMEDOUT' }), milliseconds);
    const end = (fault: SmtpFault | undefined) => {
      clearTimeout(timer);
      // Before the close, which is heard as another end.
      resolve(fault);
      connection.close();
    };
    const next = (go: () => void) => (error?: unknown) => (error ? end(faultOf(error)) : go());
    // The text is never written: the connection ends in its place.
    const text = new Readable({ read: () => end(undefined) });
    const offer = () =>
      connection.send({ from, to: [from] }, text, (error) => {
        const fault = error ? faultOf(error) : undefined;
        end(fault?.at === 'sender' ? fault : undefined);
      });
    connection.on('error', (error) => end(faultOf(error)));
    connection.on('end', () => end({ at: 'connection', reason: 'ECONNECTION' }));
    connection.connect(next(() => logIn(connection, server.login, next(offer))));
  });
}

function logIn(connection: SmtpConnection, login: SmtpServer['login'], done: (error?: unknown) => void): void {
  if (login === undefined) done();
  else connection.login({ ...login }, done);
}

function faultOf(error: unknown): SmtpFault {
  const { code, originalCode, command, responseCode } = error as {
    code?: string;
    originalCode?: string;
    command?: string;
    responseCode?: number;
  };
  const reason = responseCode === undefined ? (originalCode ?? code ?? 'unknown') : `SMTP ${responseCode}`;
  if (command === 'MAIL FROM') return { at: 'sender', reason };
  if (code === 'EAUTH') return { at: 'login', reason };
  const isTls = code === 'ETLS' || command === 'STARTTLS' || /CERT|SIGN|ALTNAME|SSL|TLS|LEAF/.test(reason);
  return { at: isTls ? 'tls' : 'connection', reason };
}
