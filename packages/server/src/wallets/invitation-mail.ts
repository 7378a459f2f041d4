import type { Context } from '../context.ts';
import type { MailAddress } from '../kernel/mail-address.ts';
import { Problem } from '../kernel/problem.ts';
import { allowMail, enqueueMail } from '../mail/outbox.ts';
import type { WalletTable } from '../store/schema.ts';
import type { Writing } from '../store/write.ts';
import type { Realm } from '../subject/realm.ts';
import { issueOneTimeCode } from '../subject/secrets/one-time-code.ts';
import { sharedRate } from '../subject/throttle/shared-rate.ts';
import type { InvitationWords } from './invitation-words.ts';

/** Who may read, send again or cancel an invitation: an `administrator`, or the inviter of that name. */
export type Inviter = { readonly kind: 'administrator' | 'device'; readonly name: string };

export const codePurpose = 'wallet-invitation';
const life = 7 * 86_400_000;

/** Mails per day that one device may cause, to all addresses together. */
const perDevice = { budget: 100, window: 86_400_000, bound: 10_000 };
const deviceRate = sharedRate('invitation', perDevice);

/** @throws {Problem} `attempt.throttled` if this inviter or this address has had enough mails */
export function requireMailAllowed(context: Context, realm: string, inviter: Inviter, to: MailAddress): void {
  if (inviter.kind === 'device') deviceRate(context).admit(`${realm} ${inviter.name}`);
  if (allowMail(context, realm, codePurpose, to)) return;
  const detail = 'This address got many invitations within the hour.';
  throw new Problem('attempt.throttled', { detail, retryAfter: 3600 });
}

export interface Invited extends Pick<WalletTable, 'type' | 'description'> {
  readonly id: string;
  readonly to: MailAddress;
  readonly words: InvitationWords;
}

/** Mails a new code, and ends the one before. Returns the end of its life. */
export async function mailCode(
  context: Context,
  tx: Writing,
  realm: Realm,
  { id, type: participant, description, to, words: { inviterName: inviter, ...words } }: Invited,
): Promise<number> {
  const { code, until } = await issueOneTimeCode(context, tx, realm.name, codePurpose, id, life);
  const page = `${realm.issuer}/wallets/invitation?id=${id}`;
  const values = { participant, description, inviter, ...words, code, until, page };
  await enqueueMail(context, tx, {
    realm: realm.name,
    to,
    purpose: codePurpose,
    values,
    reference: mailReference(id),
    until,
  });
  return until;
}

/** The name by which the state of the newest mail of an invitation is found. */
export function mailReference(id: string): string {
  return `invitation:${id}`;
}
