import type { Context } from '../../src/context.ts';
import { system } from '../../src/kernel/caller.ts';
import { type MailAddress, mailAddress } from '../../src/kernel/mail-address.ts';
import { createDeliverer } from '../../src/mail/deliver.ts';
import type { Transport } from '../../src/mail/message.ts';
import { enqueueMail, type Mail, mailState } from '../../src/mail/outbox.ts';
import { transportOf } from '../../src/mail/transport.ts';
import { write } from '../../src/store/write.ts';
import { manualClock } from './clock.ts';
import { openContext } from './context.ts';

export const address = mailAddress('alice@acme.example') as MailAddress;
export const code = 'q7Kz-one-time-code-of-the-test';

/** A mail as a rule puts it into the outbox. */
export function lostPassword(change: Partial<Mail<'lost-password'>> = {}): Mail<'lost-password'> {
  return {
    realm: 'dev',
    to: address,
    purpose: 'lost-password',
    values: { code, until: Date.UTC(2026, 0, 15, 12, 15) },
    reference: 'credential:1',
    ...change,
  };
}

/** Rules and their outbox, with the clock in the test's hand and nobody who delivers by himself. */
export async function openOutbox(databaseUrl: string, smtpUrl?: string) {
  const clock = manualClock();
  const env = smtpUrl === undefined ? {} : { COUNTERSIGN_SMTP_URL: smtpUrl };
  return { context: await openContext(databaseUrl, { clock }, env), clock };
}

export const put = (context: Context, mail: Partial<Mail<'lost-password'>> = {}) =>
  write(context, system, (tx) => enqueueMail(context, tx, lostPassword(mail)));

/** One round, until nothing of it is under way. */
export async function deliverOnce(context: Context, transport: Transport = transportOf(context.config)): Promise<void> {
  const deliverer = createDeliverer(context, transport);
  await deliverer.round();
  await deliverer.stop();
}

export const rows = (context: Context) => context.store.db.selectFrom('mail').selectAll().orderBy('id').execute();

export const stateOf = (context: Context) => mailState(context, 'dev', 'credential:1');
