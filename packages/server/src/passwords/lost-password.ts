import type { Context } from '../context.ts';
import type { Caller } from '../kernel/caller.ts';
import { addressKey, type MailAddress, mailAddress } from '../kernel/mail-address.ts';
import { Problem } from '../kernel/problem.ts';
import { type Source, unknownSource } from '../kernel/source.ts';
import { tellOwner } from '../mail/notice.ts';
import { allowMail, enqueueMail, type Mail } from '../mail/outbox.ts';
import { verifiedAddressOf } from '../mail/owner.ts';
import { write } from '../store/write.ts';
import { foldCredentialCode } from '../subject/credential-code.ts';
import type { Realm } from '../subject/realm.ts';
import {
  type CodePurpose,
  countLiveCodes,
  isOneTimeCode,
  issueOneTimeCode,
  type OneTimeCode,
  ownerOfOneTimeCode,
  takeTurn,
  useOneTimeCode,
} from '../subject/secrets/one-time-code.ts';
import { credentialSubjectId, renewSubject } from '../subject/subject.ts';
import { sharedRate } from '../subject/throttle/shared-rate.ts';
import { openCredentialSession } from './credential-session.ts';
import { forgetDevices } from './device.ts';
import { unknownCode } from './guess/throttle.ts';
import {
  type Credential,
  lookUpCredential,
  lookUpCredentialByCode,
  lookUpCredentialsByAddress,
} from './identity/credential.ts';
import type { UpdatedPassword } from './password.ts';
import { accept, record, toInfo, writeVersion } from './password-version.ts';
import { newestPassword } from './passwords.store.ts';

/**
 * A new password for the reader of the credential's mail.
 *
 * 1. `start` gives every caller the same answer for every name, and then does the same work: for a name without a
 *    recipient it makes a one-time code that opens nothing, a mail that is dropped at the last step, and an event.
 *    Otherwise the time of the next request would tell the difference.
 * 2. A one-time code is 256 random bits and works once, for half an hour. A new request does not end the earlier codes,
 *    or a stranger could keep the owner from ever using one.
 * 3. If no code is live, one mail is sent, however many ask at the same moment. While one is live, a network may ask
 *    three times in half an hour, and a credential gets five mails an hour; further requests do nothing. So strangers
 *    can neither fill a mailbox nor keep its owner from a code.
 * 4. Mail goes to verified addresses only. If several credentials have the address, one mail lists their codes, and none
 *    gets a one-time code: the owner asks again with the name of one. So no credential is told apart, and no more is sent
 *    than for one.
 * 5. `resume` makes the next version as an update does: every session and every other code ends, and all devices become
 *    unknown. A second factor is still required.
 */
const purpose = 'lost-password';
/** Milliseconds. */
const life = 30 * 60_000;

/**
 * How a caller names the credential: by its code, or by `email`. An e-mail is first a verified address, and a code only
 * if no credential has that address.
 */
export type RecoveryName = { readonly credentialCode: string } | { readonly email: string };

/** Returns at once. Later errors go to the log only. */
export function startLostPassword(context: Context, realm: Realm, name: RecoveryName, caller: Caller): void {
  setImmediate(() => {
    sendRecoveryCode(context, realm.name, name, caller).catch((cause: unknown) => {
      const reason = cause instanceof Error ? cause.message : 'unknown';
      context.log.warn({ requestId: caller.requestId, reason }, 'a lost-password mail could not be prepared');
    });
  });
}

/** The work of `start` after its answer. */
export async function sendRecoveryCode(
  context: Context,
  realm: string,
  name: RecoveryName,
  caller: Caller,
): Promise<void> {
  const { owner } = await recipientOf(context, realm, name);
  const isWithin = isWithinBudgets(context, realm, owner, caller.source ?? unknownSource);
  if ((await countLiveCodes(context, realm, purpose, owner)) > 0 && !isWithin) return;
  await write(context, caller, async (tx) => {
    await takeTurn(tx, realm, owner);
    // Requests of the same moment had their turn before this one, and the owner's address may have changed.
    const inTurn = { store: tx, clock: context.clock, vault: context.vault };
    const { owner: present, to, object, shared } = await recipientOf(inTurn, realm, name);
    if (present !== owner || ((await countLiveCodes(inTurn, realm, purpose, owner)) > 0 && !isWithin)) return;
    const secret = await issueOneTimeCode(context, tx, realm, purpose, owner, life, to ?? undefined);
    await enqueueMail(context, tx, { realm, to, ...letterFor(secret, shared, tx.now), until: secret.until });
    const event = { realm, type: 'password.recovery_started', object };
    await tx.record({ ...event, after: { source: caller.source?.address } });
  });
}

function letterFor(
  { code, until }: OneTimeCode,
  shared: readonly string[] | undefined,
  at: number,
): Pick<Mail<'lost-password' | 'lost-password-shared'>, 'purpose' | 'values'> {
  return shared === undefined
    ? { purpose, values: { code, until } }
    : { purpose: 'lost-password-shared', values: { at, credentialCodes: shared } };
}

interface Recipient {
  /** The owner of the one-time code. */
  readonly owner: string;
  /** Null if the credential is unknown, or cannot recover a password. */
  readonly to: MailAddress | null;
  /** The object of the event. */
  readonly object: string;
  /** The codes of the credentials that share the address. */
  readonly shared?: readonly string[];
}

type Readable = Pick<Context, 'vault'> & { readonly store: Pick<Context['store'], 'db'> };

/** Makes the same reads for every name of a kind. */
async function recipientOf(context: Readable, realm: string, name: RecoveryName): Promise<Recipient> {
  const byAddress = 'email' in name ? await holdersOf(context, realm, name.email) : [];
  const text = 'email' in name ? name.email : name.credentialCode;
  const byCode = await lookUpCredentialByCode(context, realm, text);
  const password = await newestPassword(context.store.db, realm, byCode?.id ?? text);
  const unknown = unknownCode(context, realm, text);
  const [first, another] = byAddress;
  const credential = first ?? byCode;
  const canRecover = first !== undefined || (byCode?.live === true && password !== undefined);
  const to = credential && canRecover ? verifiedAddressOf(credential) : undefined;
  // A credential's id has no blank, so a code with this owner opens nothing.
  const owner = `nobody ${unknown}`;
  if (to !== undefined && another !== undefined) {
    return { owner, to, object: unknown, shared: byAddress.map(({ code }) => code) };
  }
  const object = credential === undefined ? unknown : `credential:${credential.id}`;
  if (credential === undefined || to === undefined) return { owner, to: null, object };
  return { owner: credential.id, to, object };
}

/** Most names that a mail lists. */
const listed = 20;

async function holdersOf(context: Readable, realm: string, email: string): Promise<readonly Credential[]> {
  const address = mailAddress(foldCredentialCode(email));
  // A text that is no address is the address of no credential, after the same read.
  const key = address === undefined ? '' : addressKey(address);
  const found = await lookUpCredentialsByAddress(context, realm, key, listed);
  return found.filter((credential) => credential.live && verifiedAddressOf(credential) !== undefined);
}

/** Requests of one network while a code is live. */
const perNetwork = { budget: 3, window: life, bound: 50_000 };
const networkRate = sharedRate('lost password', perNetwork);

/** Counts this start if both budgets have one left. */
function isWithinBudgets(context: Context, realm: string, owner: string, { network }: Source): boolean {
  const rate = networkRate(context);
  const key = `${realm}\0${owner}\0${network}`;
  if (!rate.take(key)) return false;
  if (allowMail(context, realm, purpose, owner)) return true;
  rate.giveBack(key);
  return false;
}

export interface Recovery {
  readonly name: RecoveryName;
  /** The one-time code from the mail, or from an administrator who resets the password. */
  readonly nonce: string;
  readonly password: string;
  readonly source: Source;
}

/**
 * For the codes of `start`, and for those of a reset by an administrator.
 *
 * A wrong one-time code, one of another credential, and a disabled or unknown credential all give the same
 * `lost_password.code`. If the rules refuse the password, the one-time code stays valid.
 */
export async function resumeLostPassword(
  context: Context,
  realm: Realm,
  { name, nonce, password, source }: Recovery,
  caller: Caller,
): Promise<UpdatedPassword> {
  const kind = isOneTimeCode('password-reset', nonce) ? 'password-reset' : purpose;
  const credential = await ownerOf(context, realm.name, kind, name, nonce);
  const newest = credential && (await newestPassword(context.store.db, realm.name, credential.id));
  if (credential === undefined || newest === undefined) throw new Problem('lost_password.code');
  const { rules, hash } = await accept(context, realm.name, credential, newest, password, 'mail');
  return write(context, caller, async (tx) => {
    const used = await useOneTimeCode(context, tx, realm.name, kind, credential.id, nonce);
    if (used === undefined) throw new Problem('lost_password.code');
    const row = await writeVersion(tx, credential, newest, rules, hash, realm.name);
    await renewSubject(tx, realm.name, credentialSubjectId(credential.id));
    await forgetDevices(tx, realm.name, credential.id);
    await record(tx, realm.name, row, 'password.recovered', { by: kind, source: source.address });
    await tellOwner(context, tx, realm.name, credential, 'password-changed', {});
    // RFC 8176: the proof was a one-time password.
    const opened = await openCredentialSession(context, tx, realm, credential, {
      version: row.version,
      amr: ['otp'],
      acr: 'aal1',
      source,
    });
    return { passwordInfo: toInfo(credential, row, tx.now), opened };
  });
}

async function ownerOf(
  context: Context,
  realm: string,
  kind: CodePurpose,
  name: RecoveryName,
  nonce: string,
): Promise<Credential | undefined> {
  const owner = await ownerOfOneTimeCode(context, realm, kind, nonce);
  const credential = owner === undefined ? undefined : await lookUpCredential(context, realm, owner);
  return credential?.live === true && isNamed(credential, name) ? credential : undefined;
}

function isNamed(credential: Credential, name: RecoveryName): boolean {
  const code = foldCredentialCode('email' in name ? name.email : name.credentialCode);
  const to = 'email' in name ? verifiedAddressOf(credential) : undefined;
  return code === credential.code || (to !== undefined && code === addressKey(to));
}
