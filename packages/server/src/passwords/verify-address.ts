import type { Context } from '../context.ts';
import type { Caller } from '../kernel/caller.ts';
import { Problem } from '../kernel/problem.ts';
import { allowMail, enqueueMail } from '../mail/outbox.ts';
import { mailAddressOf, verifiedAddressOf } from '../mail/owner.ts';
import { write } from '../store/write.ts';
import { issueOneTimeCode, useOneTimeCode } from '../subject/secrets/one-time-code.ts';
import { lockCredential, requireCredential } from './identity/credential.ts';
import { proveAddress } from './identity/credential-change.ts';
import { requireAddress } from './invite.ts';

/**
 * An address is verified by a code that is mailed to it.
 *
 * The holder shows the code in a session: the reader of the mailbox and the holder of the password must be one. A
 * stranger whose address was typed by mistake has the code and no session. The code works once, for a day; a newer one
 * replaces it, and every change of the address or of a secret ends it.
 */
const purpose = 'verify-email';
/** Milliseconds. */
const day = 86_400_000;

export interface Address {
  readonly email: string | null;
  readonly verified: boolean;
}

export async function ownAddress(context: Context, realm: string, credentialId: string): Promise<Address> {
  const credential = await requireCredential(context, realm, credentialId);
  return { email: mailAddressOf(credential) ?? null, verified: verifiedAddressOf(credential) !== undefined };
}

/**
 * Mails the code, unless the address is verified already. `limited`: for callers who may cause only a few mails.
 *
 * @throws {Problem} `credential.unknown`, `credential.disabled`, `credential.no_address`, `attempt.throttled`
 */
export async function sendVerification(
  context: Context,
  realm: string,
  credentialId: string,
  caller: Caller,
  limited = false,
): Promise<void> {
  const { identity } = await requireCredential(context, realm, credentialId);
  await write(context, caller, async (tx) => {
    const credential = await lockCredential(tx, realm, identity.id, credentialId);
    if (!credential.live) throw new Problem('credential.disabled');
    const to = requireAddress(credential);
    if (verifiedAddressOf(credential) !== undefined) return;
    if (limited && !allowMail(context, realm, 'email-verification', to)) throw tooMany();
    const { code, until } = await issueOneTimeCode(context, tx, realm, purpose, credentialId, day, to);
    const values = { credentialCode: credential.code, code, until };
    const reference = `verification:${credentialId}`;
    await enqueueMail(context, tx, { realm, to, purpose: 'email-verification', values, reference, until });
    await tx.record({ realm, type: 'credential.email_verification_started', object: `credential:${credentialId}` });
  });
}

/** @throws {Problem} `email.code` for a wrong, used or expired code, or one of another credential */
export async function verifyAddress(
  context: Context,
  realm: string,
  credentialId: string,
  code: string,
  caller: Caller,
): Promise<void> {
  await write(context, caller, async (tx) => {
    const used = await useOneTimeCode(context, tx, realm, purpose, credentialId, code);
    if (used === undefined) throw new Problem('email.code');
    await proveAddress(tx, realm, credentialId, used, 'code');
  });
}

function tooMany(): Problem {
  const detail = 'Too many mails to this address. Try again later.';
  return new Problem('attempt.throttled', { detail, retryAfter: 3_600 });
}
