import { type MailAddress, mailAddress } from '../../src/mail/address.ts';
import type { Mail } from '../../src/mail/outbox.ts';

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
