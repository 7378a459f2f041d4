import type { Caller, Context } from '../context.ts';
import { Problem } from '../kernel/problem.ts';
import type { Source } from '../kernel/source.ts';
import { allowMail, enqueueMail } from '../mail/outbox.ts';
import { write } from '../store/write.ts';
import { recordEvent } from '../subject/event.ts';
import { issueOneTimeCode, ownerOfOneTimeCode, revokeOneTimeCodes, useOneTimeCode } from '../subject/one-time-code.ts';
import type { Realm } from '../subject/realm.ts';
import { credentialSubjectId, renewSubject } from '../subject/subject.ts';
import { type Credential, lookUpCredential, lookUpCredentialByCode, mailAddressOf } from './credential.ts';
import { forgetDevices } from './device.ts';
import { logOn } from './logon.ts';
import type { UpdatedPassword } from './password.ts';
import { accept, notifyChange, record, toInfo, writeVersion } from './password-version.ts';
import { newestPassword } from './passwords.store.ts';

/**
 * A new password for whoever reads the mail of a credential that has one.
 *
 * 1. `start` says the same in the same time whoever asks for whomever: what there is to do is done afterwards.
 * 2. A code is 256 random bits and works once, for half an hour. Asking again does not end the codes before it, or anybody could
 *    keep an owner from ever using one.
 * 3. `resume` makes the next version as an update does: every session ends, every other code too, and no device is known any more. A second factor is still required.
 */
const purpose = 'lost-password';
/** Milliseconds. */
const life = 30 * 60_000;

/** Returns at once. What goes wrong later is for the log only. */
export function startLostPassword(context: Context, realm: Realm, code: string, caller: Caller): void {
  setImmediate(() => {
    sendCode(context, realm.name, code, caller).catch((cause: unknown) => {
      const reason = cause instanceof Error ? cause.message : 'unknown';
      context.log.warn({ requestId: caller.requestId, reason }, 'a lost-password mail could not be prepared');
    });
  });
}

async function sendCode(context: Context, realm: string, code: string, caller: Caller): Promise<void> {
  const credential = await lookUpCredentialByCode(context, realm, code);
  if (credential === undefined || !credential.live) return;
  const to = mailAddressOf(credential);
  if (to === undefined || (await newestPassword(context.store.db, realm, credential.id)) === undefined) return;
  if (!allowMail(context, realm, purpose, to)) return;
  await write(context, async (tx) => {
    const { code: secret, until } = await issueOneTimeCode(context, tx, realm, purpose, credential.id, life);
    await enqueueMail(context, tx, { realm, to, purpose, values: { code: secret, until }, until });
    const event = { realm, type: 'password.recovery_started', object: `credential:${credential.id}` };
    await recordEvent(context, tx, { ...event, after: { source: caller.source?.address } }, caller);
  });
}

export interface Recovery {
  /** Of the credential. */
  readonly code: string;
  /** What the mail said. */
  readonly nonce: string;
  readonly password: string;
  readonly source: Source;
}

/**
 * A wrong code, one of somebody else, a credential that is disabled or unknown: the same `lost_password.code`. A password that the
 * rules refuse leaves the code as good as it was.
 */
export async function resumeLostPassword(
  context: Context,
  realm: Realm,
  { code, nonce, password, source }: Recovery,
  caller: Caller,
): Promise<UpdatedPassword> {
  const credential = await ownerOf(context, realm.name, code, nonce);
  const newest = credential && (await newestPassword(context.store.db, realm.name, credential.id));
  if (credential === undefined || newest === undefined) throw new Problem('lost_password.code');
  const { rules, hash } = await accept(context, realm.name, credential, newest, password, 'mail');
  return write(context, async (tx) => {
    if (!(await useOneTimeCode(context, tx, realm.name, purpose, credential.id, nonce))) {
      throw new Problem('lost_password.code');
    }
    const row = await writeVersion(tx, credential, newest, rules, hash, realm.name);
    await renewSubject(tx, realm.name, credentialSubjectId(credential.id));
    await revokeOneTimeCodes(tx, realm.name, credential.id);
    await forgetDevices(tx, realm.name, credential.id);
    await record(context, tx, realm.name, row, 'password.recovered', caller, { source: source.address });
    await notifyChange(context, tx, realm.name, credential);
    // RFC 8176: what was shown is a one-time password.
    const logon = await logOn(context, tx, realm, credential, {
      version: row.version,
      amr: ['otp'],
      acr: 'aal1',
      source,
    });
    return { passwordInfo: toInfo(credential, row, tx.now), logon };
  });
}

async function ownerOf(context: Context, realm: string, code: string, nonce: string): Promise<Credential | undefined> {
  const owner = await ownerOfOneTimeCode(context, realm, purpose, nonce);
  const named = await lookUpCredentialByCode(context, realm, code);
  if (owner === undefined || named?.id !== owner) return undefined;
  const credential = await lookUpCredential(context, realm, owner);
  return credential?.live === true ? credential : undefined;
}
