import type { Context } from '../context.ts';
import type { Caller } from '../kernel/caller.ts';
import type { MailAddress } from '../kernel/mail-address.ts';
import { Problem } from '../kernel/problem.ts';
import { allowMail, enqueueMail } from '../mail/outbox.ts';
import { mailAddressOf } from '../mail/owner.ts';
import { type Writing, write } from '../store/write.ts';
import {
  countLiveCodes,
  isOneTimeCode,
  issueOneTimeCode,
  type OneTimeCode,
  ownerOfOneTimeCode,
  useOneTimeCode,
} from '../subject/secrets/one-time-code.ts';
import { type Credential, lockCredential, lookUpCredential, requireCredential } from './identity/credential.ts';
import { proveAddress } from './identity/credential-change.ts';
import { newestPassword } from './passwords.store.ts';

/**
 * Invitations: only the holder of a new credential can set its first password, not everyone who knows its id.
 *
 * The token works once, for a week, for a live credential. A newer one replaces it. Only a POST uses it up, never a
 * mail filter that follows links. It goes to the holder by mail. Only an administrator may have it shown, to pass it on
 * in another way: every reader of the token can become the holder.
 */
const purpose = 'password-invite';
/** Milliseconds. */
const week = 7 * 86_400_000;

export type Delivery = 'mail' | 'show';

export interface Invitation {
  readonly until: number;
  /** Only for `show`. */
  readonly token: string | undefined;
}

/**
 * @throws {Problem} `credential.unknown`, `credential.disabled`, `password.already_created` if the credential has had a
 * password, `credential.no_address` if it has no address for mail
 */
export async function inviteCredential(
  context: Context,
  realm: string,
  credentialId: string,
  delivery: Delivery,
  caller: Caller,
): Promise<Invitation> {
  const { identity } = await requireCredential(context, realm, credentialId);
  return write(context, caller, async (tx) =>
    issueInvitation(context, tx, realm, await lockCredential(tx, realm, identity.id, credentialId), delivery),
  );
}

/** In the caller's transaction, which has locked the credential. @throws {Problem} as `inviteCredential` */
export async function issueInvitation(
  context: Context,
  tx: Writing,
  realm: string,
  credential: Credential,
  delivery: Delivery,
): Promise<Invitation> {
  const { id } = credential;
  if (!credential.live) throw new Problem('credential.disabled');
  if ((await newestPassword(tx.db, realm, id)) !== undefined) throw new Problem('password.already_created');
  const to = delivery === 'mail' ? requireAddress(credential) : undefined;
  const { code, until } = await issueOneTimeCode(context, tx, realm, purpose, id, week, to);
  if (to !== undefined) await sendInvitation(context, tx, realm, id, to, { code, until });
  await tx.record({ realm, type: 'credential.invited', object: `credential:${id}`, after: { until, delivery } });
  return { until, token: delivery === 'show' ? code : undefined };
}

/** True while its holder can use an invitation. */
export async function isInvited(context: Context, realm: string, credentialId: string): Promise<boolean> {
  return (await countLiveCodes(context, realm, purpose, credentialId)) > 0;
}

/** For callers who may cause only a few mails to the same address. @throws {Problem} `attempt.throttled` */
export async function requireMailAllowed(
  context: Context,
  realm: string,
  credentialId: string,
  purpose: 'password-invitation' | 'password-reset',
): Promise<void> {
  const to = mailAddressOf(await requireCredential(context, realm, credentialId));
  if (to !== undefined && !allowMail(context, realm, purpose, to)) {
    throw new Problem('attempt.throttled', {
      detail: 'Too many mails to this address. Try again later.',
      retryAfter: 3_600,
    });
  }
}

export function isInviteToken(presented: string): boolean {
  return isOneTimeCode(purpose, presented);
}

/** The id of the credential whose first password the token may set. Does not use the token up. */
export async function findInvite(context: Context, realm: string, token: string): Promise<string | undefined> {
  const credentialId = await ownerOfOneTimeCode(context, realm, purpose, token);
  if (credentialId === undefined) return undefined;
  const credential = await lookUpCredential(context, realm, credentialId);
  return credential?.live === true ? credentialId : undefined;
}

/** Uses the token up in the caller's transaction, which proves the address that it was mailed to. False if it is not a valid one for this credential. */
export async function useInvite(
  context: Context,
  tx: Writing,
  realm: string,
  credentialId: string,
  token: string,
): Promise<boolean> {
  const used = await useOneTimeCode(context, tx, realm, purpose, credentialId, token);
  if (used !== undefined) await proveAddress(tx, realm, credentialId, used, 'invitation');
  return used !== undefined;
}

/** @throws {Problem} `credential.no_address` */
export function requireAddress(credential: Parameters<typeof mailAddressOf>[0]): MailAddress {
  const to = mailAddressOf(credential);
  if (to === undefined) throw new Problem('credential.no_address');
  return to;
}

async function sendInvitation(
  context: Context,
  tx: Writing,
  realm: string,
  credentialId: string,
  to: MailAddress,
  { code, until }: OneTimeCode,
): Promise<void> {
  const values = { credentialId, code, until };
  const reference = `invitation:${credentialId}`;
  await enqueueMail(context, tx, { realm, to, purpose: 'password-invitation', values, reference, until });
}
