import type SmtpConnection from 'nodemailer/lib/smtp-connection';
import { dropped, type Message, type Outcome, type Transport } from './message.ts';
import type { SmtpServer } from './smtp-server.ts';

/** Milliseconds for one step of the conversation. The caller's signal bounds all of it. */
const limits = {
  dnsTimeout: 5_000,
  connectionTimeout: 5_000,
  greetingTimeout: 5_000,
  socketTimeout: 10_000,
  socketCloseTimeout: 1_000,
  maxResponseSize: 65_536,
};

/** One connection per mail, so that one mail's trouble does not affect another. */
export function sendBySmtp(server: SmtpServer): Transport {
  return async (message, signal) => converse(await connectTo(server), server.login, message, signal);
}

/** A connection that has not begun. */
export async function connectTo(server: SmtpServer): Promise<SmtpConnection> {
  const { host, port, secure, requireTls, verifyCertificate } = server;
  const tls = { rejectUnauthorized: verifyCertificate, minVersion: 'TLSv1.2' } as const;
  // Loaded for the first mail, so that a start without mails is faster and smaller.
  const { default: Connection } = await import('nodemailer/lib/smtp-connection');
  return new Connection({ host, port, secure, requireTLS: requireTls, tls, ...limits });
}

function converse(
  connection: SmtpConnection,
  login: SmtpServer['login'],
  { from, to, bytes }: Message,
  signal: AbortSignal,
): Promise<Outcome> {
  return new Promise((resolve) => {
    let over = false;
    const end = (outcome: Outcome) => {
      if (over) return;
      over = true;
      signal.removeEventListener('abort', abort);
      // A proper QUIT, without waiting for its answer.
      if (outcome.sent || outcome === dropped) connection.quit();
      connection.close();
      resolve(outcome);
    };
    const abort = () => end(temporary('ETIMEDOUT'));
    const next = (go: () => void) => (error?: unknown) => {
      if (over) return;
      if (error) end(refusal(error));
      else go();
    };
    const send = () => {
      if (to === null) return end(dropped);
      connection.send({ from, to: [to], size: bytes.length }, bytes, (error) =>
        end(error ? refusal(error) : { sent: true }),
      );
    };
    // The listeners stay after the outcome, because an `error` without a listener ends the process.
    connection.on('error', (error) => end(refusal(error)));
    connection.on('end', () => end(temporary('ECONNECTION')));
    signal.addEventListener('abort', abort);
    if (signal.aborted) return abort();
    connection.connect(next(() => (login === undefined ? send() : connection.login({ ...login }, next(send)))));
  });
}

function temporary(reason: string, detail?: string): Outcome {
  return { sent: false, permanent: false, reason, ...(detail === undefined ? {} : { detail }) };
}

/** The members of the library's errors. */
interface Failure {
  readonly code?: string;
  /** The operating system's own code: `ECONNREFUSED`. */
  readonly originalCode?: string;
  readonly responseCode?: number;
  readonly response?: string;
  readonly message?: string;
}

/**
 * RFC 5321 §4.2.1: a 5yz reply to the envelope or to the text is about this mail, and final. A 5yz reply to the
 * greeting, STARTTLS or the login is about this server: it will be repaired, and the mail must still be there then. The
 * same goes for 503 (an unexpected sequence of commands) and 530 (TLS or a login is required first).
 */
function refusal(error: unknown): Outcome {
  const { code, originalCode, responseCode, response, message } = error as Failure;
  const aboutTheMail = code === 'EENVELOPE' || code === 'EMESSAGE';
  if (responseCode === undefined) {
    // The server's text, or a fault of the mail, may hold an address.
    return temporary(originalCode ?? code ?? 'unknown', aboutTheMail || response !== undefined ? undefined : message);
  }
  const final = responseCode >= 500 && responseCode <= 599 && responseCode !== 503 && responseCode !== 530;
  return { sent: false, permanent: aboutTheMail && final, reason: `SMTP ${responseCode}` };
}
