/** The mail server of the demonstration: a real SMTP server on loopback. */
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';

export interface MailSink {
  /** `smtp://127.0.0.1:…`. */
  readonly url: string;
  /** The newest mail to this address, as soon as there is one for which `holds` is true. */
  mailTo(address: string, holds: RegExp): Promise<string>;
  close(): Promise<void>;
}

/** Milliseconds. */
const patience = 10_000;

export async function openMailSink(): Promise<MailSink> {
  const mails: { readonly to: readonly string[]; readonly text: string }[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    disableReverseLookup: true,
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const to = session.envelope.rcptTo.map(({ address }) => address);
        mails.push({ to, text: Buffer.concat(chunks).toString('utf8') });
        done();
      });
    },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `smtp://127.0.0.1:${(server.server.address() as AddressInfo).port}`,
    async mailTo(address, holds) {
      const deadline = performance.now() + patience;
      while (performance.now() < deadline) {
        const mail = mails.findLast(({ to, text }) => to.includes(address) && holds.test(text));
        if (mail !== undefined) return mail.text;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      throw new Error(`no mail to ${address} within ${patience} ms`);
    },
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}
