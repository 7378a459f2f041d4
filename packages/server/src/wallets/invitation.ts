import type { Context } from '../context.ts';
import type { Caller } from '../kernel/caller.ts';
import { latestPast } from '../kernel/clock.ts';
import type { Language } from '../kernel/language.ts';
import { requireMailAddress } from '../kernel/mail-address.ts';
import { Problem } from '../kernel/problem.ts';
import { mailState } from '../mail/outbox.ts';
import type { WalletInvitationTable, WalletTable } from '../store/schema.ts';
import { type Writing, write } from '../store/write.ts';
import type { Realm } from '../subject/realm.ts';
import { ownerOfOneTimeCode, revokeOneTimeCodes, useOneTimeCode } from '../subject/secrets/one-time-code.ts';
import { createSubject } from '../subject/subject.ts';
import { walletSubjectId } from '../subject/tokens/wallet-token.ts';
import { requireDescription } from './description.ts';
import { codePurpose, type Inviter, mailCode, mailReference, requireMailAllowed } from './invitation-mail.ts';
import { requireWords, wordsOf } from './invitation-words.ts';
import { makeOwner, nobody } from './owner.ts';
import { replaceAddress } from './recovery/address.store.ts';
import { rolesOf } from './roles.ts';
import { findInvitation, findWallet, insertInvitation, insertWallet, settleInvitation } from './wallet.store.ts';
import { webDidOf } from './web-did.ts';

/**
 * Onboarding, in the order of the document: the wallet is made, an organization gets its DID, the role is assigned, the
 * mail is sent. The inviter knows the invitation by its id. Its code is only in the mail.
 */
export interface Invite {
  readonly participant: WalletTable['type'];
  readonly description: string;
  readonly email: string;
  /** Roles besides the one that every participant of its type has. */
  readonly roles: readonly string[];
  /** For an organization: a did:web besides its did:peer:4. */
  readonly didWeb: boolean;
  /** Empty: English. */
  readonly language: string;
  /** For the invited person to read; both may be empty. */
  readonly inviterName: string;
  readonly message: string;
}

export type InvitationStatus = 'sent' | 'completed' | 'expired' | 'cancelled' | 'failed';

export interface Invitation {
  readonly id: string;
  readonly walletId: string;
  readonly participant: WalletTable['type'];
  readonly description: string;
  readonly status: InvitationStatus;
  /** Milliseconds. */
  readonly expires: number;
  readonly language: Language;
}

export async function invite(
  context: Context,
  realm: Realm,
  wanted: Invite,
  inviter: Inviter,
  caller: Caller,
): Promise<Invitation> {
  const { participant, description } = wanted;
  requireDescription(description);
  const to = requireMailAddress(wanted.email, 'email');
  const roles = rolesOf(participant, wanted.roles);
  const words = requireWords(wanted);
  const id = context.random.uuid();
  const walletId = context.random.uuid();
  if (wanted.didWeb && participant !== 'organization') throw invalid('did_web', 'A did:web is for organizations.');
  const webDid = wanted.didWeb ? webDidOf(context, realm, walletId) : null;
  requireMailAllowed(context, realm.name, inviter, to);
  // Only now, because keys take many times as long as a refusal.
  const owner = participant === 'organization' ? await makeOwner(context, realm.name, walletId, webDid) : nobody;
  await write(context, caller, async (tx) => {
    const wallet = { realm: realm.name, id: walletId, type: participant, description, roles: JSON.stringify(roles) };
    await insertWallet(tx.db, { ...wallet, ...owner, created_at: tx.now, opened_at: null, read_only_until: null });
    await createSubject(tx, { realm: realm.name, id: walletSubjectId(walletId), kind: 'wallet' }, false);
    await insertInvitation(tx.db, {
      realm: realm.name,
      id,
      wallet_id: walletId,
      inviter: inviter.name,
      created_at: tx.now,
      expires_at: await mailCode(context, tx, realm, { id, type: participant, description, to, words }),
      completed_at: null,
      cancelled_at: null,
      email: to,
      language: words.language,
      inviter_name: words.inviterName,
      message: words.message,
    });
    const after = { wallet: walletId, participant, roles, did: owner.owner_did };
    const event = { realm: realm.name, type: 'wallet.invited', object: `invitation:${id}`, after };
    await tx.record(event);
  });
  return (await readInvitation(context, realm, id, inviter)) as Invitation;
}

/** @throws {Problem} `invitation.unknown`, also if another caller made the invitation */
export async function readInvitation(
  context: Context,
  realm: Realm,
  id: string,
  inviter: Inviter,
): Promise<Invitation> {
  const row = await requireInvitation(context, realm, id, inviter);
  const wallet = (await findWallet(context.store.db, realm.name, row.wallet_id)) as WalletTable;
  const { type: participant, description } = wallet;
  const status = await statusOf(context, row);
  const { language } = wordsOf(row);
  return { id, walletId: row.wallet_id, participant, description, status, expires: row.expires_at, language };
}

/** Ends the mailed code. @throws {Problem} `invitation.unknown`, `invitation.closed` */
export async function cancelInvitation(
  context: Context,
  realm: Realm,
  id: string,
  inviter: Inviter,
  caller: Caller,
): Promise<Invitation> {
  await requireInvitation(context, realm, id, inviter);
  await write(context, caller, async (tx) => {
    if (!(await settleInvitation(tx.db, realm.name, id, { cancelled_at: tx.now }, tx.now))) {
      throw new Problem('invitation.closed');
    }
    await revokeOneTimeCodes(tx, realm.name, id);
    const event = { realm: realm.name, type: 'invitation.cancelled', object: `invitation:${id}` };
    await tx.record(event);
  });
  return readInvitation(context, realm, id, inviter);
}

/** An invitation whose code was presented, with the waiting wallet. */
export interface OpenInvitation {
  readonly id: string;
  readonly wallet: WalletTable;
  /** The address that the code went to. Null for an invitation of an older release. */
  readonly email: string | null;
}

/**
 * Does not use the code up.
 *
 * @throws {Problem} `wallet.invitation` alike for an unknown, used, cancelled or expired code
 */
export async function openInvitation(context: Context, realm: string, code: string): Promise<OpenInvitation> {
  const id = await ownerOfOneTimeCode(context, realm, codePurpose, code);
  const row = id === undefined ? undefined : await findInvitation(context.store.db, realm, id);
  const wallet = row && (await findWallet(context.store.db, realm, row.wallet_id));
  if (wallet === undefined || wallet.opened_at !== null) throw new Problem('wallet.invitation');
  return { id: id as string, wallet, email: row?.email ?? null };
}

/**
 * Uses the code up, in the transaction that opens the wallet. The address that it went to becomes the wallet's.
 *
 * @throws {Problem} `wallet.invitation`
 */
export async function completeInvitation(
  context: Context,
  tx: Writing,
  realm: string,
  { id, email, wallet }: OpenInvitation,
  code: string,
): Promise<void> {
  const isUsed = await useOneTimeCode(context, tx, realm, codePurpose, id, code);
  const isSettled = isUsed && (await settleInvitation(tx.db, realm, id, { completed_at: tx.now }, tx.now));
  if (!isSettled) throw new Problem('wallet.invitation');
  if (email !== null) await replaceAddress(tx.db, { realm, wallet_id: wallet.id, email }, tx.now);
}

/** @throws {Problem} `invitation.unknown`, also if another caller made the invitation */
export async function requireInvitation(
  context: Context,
  realm: Realm,
  id: string,
  { kind, name }: Inviter,
): Promise<WalletInvitationTable> {
  const row = isInvitationId(id) ? await findInvitation(context.store.db, realm.name, id) : undefined;
  if (row === undefined || !(kind === 'administrator' || row.inviter === name)) throw new Problem('invitation.unknown');
  return row;
}

export async function statusOf(context: Context, row: WalletInvitationTable): Promise<InvitationStatus> {
  if (row.completed_at !== null) return 'completed';
  if (row.cancelled_at !== null) return 'cancelled';
  const now = context.clock.now();
  if (row.expires_at <= now || row.created_at > latestPast(now)) return 'expired';
  const mail = await mailState(context, row.realm, mailReference(row.id));
  return mail?.state === 'failed' ? 'failed' : 'sent';
}

export function isInvitationId(text: string): boolean {
  return /^[0-9a-f-]{36}$/.test(text);
}

function invalid(pointer: string, detail: string): Problem {
  return new Problem('request.invalid', { detail, pointer });
}
