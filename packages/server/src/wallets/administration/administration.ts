import type { Context } from '../../context.ts';
import type { Caller } from '../../kernel/caller.ts';
import { isoDate } from '../../kernel/clock.ts';
import { realmKey } from '../../kernel/id.ts';
import type { Language } from '../../kernel/language.ts';
import { mailAddress } from '../../kernel/mail-address.ts';
import { type Page, type PageRequest, toPage } from '../../kernel/page.ts';
import { Problem } from '../../kernel/problem.ts';
import type { WalletInvitationTable, WalletTable } from '../../store/schema.ts';
import { type Writing, write } from '../../store/write.ts';
import type { Realm } from '../../subject/realm.ts';
import { revokeOneTimeCodes } from '../../subject/secrets/one-time-code.ts';
import { endSubject, lookUpSubjectState, reinstateSubject, suspendSubject } from '../../subject/subject.ts';
import { walletSubjectId } from '../../subject/tokens/wallet-token.ts';
import { statusOf } from '../invitation.ts';
import { wordsOf } from '../invitation-words.ts';
import { namesOf } from '../name.ts';
import { endRecovery } from '../recovery/notice.ts';
import { findRunning } from '../recovery/recovery.store.ts';
import { endAllCapabilities } from '../revoke.ts';
import { lockTarget, walletIdOf, walletTarget } from '../target.ts';
import { findInvitation, findWallet } from '../wallet.store.ts';
import {
  addressesOf,
  deleteInvitationsOf,
  deleteWalletRows,
  idsByAddress,
  idsByDid,
  listInvitations,
  listWallets,
} from './administration.store.ts';

/** Wallets as administrators see them. They see no key and no code. */
export interface AdministeredWallet {
  readonly id: string;
  readonly participant: WalletTable['type'];
  readonly description: string;
  readonly roles: readonly string[];
  /** The URN of its name. */
  readonly name: string | null;
  /** `WAITING`: no device has opened it yet. */
  readonly status: 'WAITING' | 'ACTIVE' | 'SUSPENDED';
  readonly did: string | null;
  readonly webDid: string | null;
  /** Its mail address; while it waits, that of its invitation. */
  readonly email: string | null;
  readonly createdAt: string;
  readonly openedAt: string | null;
  /** After a recovery: until then it can only be read. */
  readonly readOnlyUntil: string | null;
}

export interface WalletSearch {
  readonly email?: string | undefined;
  /** The owner's DID, or that of a holder of a live capability. */
  readonly did?: string | undefined;
}

/** Ordered by id. */
export async function pageOfWallets(
  context: Context,
  { name: realm }: Realm,
  search: WalletSearch,
  { after, limit }: PageRequest,
): Promise<Page<AdministeredWallet>> {
  const ids = await idsFound(context, realm, search);
  const rows = await listWallets(context.store.db, realm, ids, { after, limit: limit + 1 });
  return toPage(await viewsOf(context, realm, rows), limit, ({ id }) => id);
}

/** Undefined without a search. */
async function idsFound(
  { store, clock }: Context,
  realm: string,
  { email, did }: WalletSearch,
): Promise<readonly string[] | undefined> {
  const byAddress = email === undefined ? undefined : await idsByAddress(store.db, realm, mailAddress(email) ?? '');
  const byDid = did === undefined ? undefined : await idsByDid(store.db, realm, did, clock.now());
  return byAddress !== undefined && byDid !== undefined
    ? byAddress.filter((id) => byDid.includes(id))
    : (byAddress ?? byDid);
}

/** @throws {Problem} `wallet.unknown` */
export async function requireAdministered(context: Context, realm: Realm, id: string): Promise<AdministeredWallet> {
  const row = walletIdOf(id) === id ? await findWallet(context.store.db, realm.name, id) : undefined;
  const [view] = row === undefined ? [] : await viewsOf(context, realm.name, [row]);
  if (view === undefined) throw new Problem('wallet.unknown');
  return view;
}

async function viewsOf(
  context: Context,
  realm: string,
  rows: readonly WalletTable[],
): Promise<readonly AdministeredWallet[]> {
  const ids = rows.map(({ id }) => id);
  const addresses = await addressesOf(context.store.db, realm, ids);
  const names = await namesOf(context, realm, ids);
  return Promise.all(
    rows.map(async (row) => {
      const live = (await lookUpSubjectState(context, realm, walletSubjectId(row.id)))?.live === true;
      return {
        id: row.id,
        participant: row.type,
        description: row.description,
        roles: JSON.parse(row.roles) as string[],
        name: names.get(row.id) ?? null,
        status: live ? (row.opened_at === null ? 'WAITING' : 'ACTIVE') : 'SUSPENDED',
        did: row.owner_did,
        webDid: row.web_did,
        email: addresses.get(row.id) ?? null,
        createdAt: isoDate(row.created_at),
        openedAt: isoDate(row.opened_at),
        readOnlyUntil: isoDate(row.read_only_until),
      };
    }),
  );
}

const steps = {
  /** Its devices are refused, and its tokens end, those for services too. Capabilities and data stay. */
  suspend: { act: suspendSubject, type: 'wallet.suspended' },
  /** Earlier tokens stay dead. */
  reinstate: { act: reinstateSubject, type: 'wallet.reinstated' },
} as const;

export type WalletStep = keyof typeof steps;

/** Doing it twice changes nothing. @throws {Problem} `wallet.unknown` */
export async function stepWallet(
  context: Context,
  realm: Realm,
  id: string,
  step: WalletStep,
  caller: Caller,
): Promise<AdministeredWallet> {
  const { status } = await requireAdministered(context, realm, id);
  if ((status === 'SUSPENDED') !== (step === 'suspend')) {
    await write(context, caller, async (tx) => {
      await lockWallet(tx, realm.name, id);
      await steps[step].act(tx, realm.name, walletSubjectId(id));
      await tx.record({ realm: realm.name, type: steps[step].type, object: `wallet:${id}` });
    });
  }
  return requireAdministered(context, realm, id);
}

/**
 * Deletes a wallet with its owner's keys, its addresses and its invitations. Its tokens and capabilities end, and its id
 * is never used again.
 *
 * @throws {Problem} `wallet.unknown`
 */
export async function deleteWallet(context: Context, realm: Realm, id: string, caller: Caller): Promise<void> {
  const before = await requireAdministered(context, realm, id);
  await write(context, caller, async (tx) => {
    await lockWallet(tx, realm.name, id);
    const recovery = await findRunning(tx.db, realm.name, id);
    if (recovery !== undefined) await endRecovery(context, tx, recovery, 'failed', 'deleted');
    await endAllCapabilities(tx, realm.name, walletTarget(id), 'administrator');
    await endSubject(tx, realm.name, walletSubjectId(id));
    for (const invitation of await deleteInvitationsOf(tx.db, realm.name, id)) {
      await revokeOneTimeCodes(tx, realm.name, invitation);
    }
    await deleteWalletRows(tx.db, realm.name, id);
    tx.changed('wallet', realmKey(realm.name, id));
    const { participant, did, description } = before;
    const event = { realm: realm.name, type: 'wallet.deleted', object: `wallet:${id}` };
    await tx.record({ ...event, before: { participant, did, description } });
  });
}

async function lockWallet(tx: Writing, realm: string, id: string): Promise<void> {
  await lockTarget(tx, realm, walletTarget(id));
  if ((await findWallet(tx.db, realm, id)) === undefined) throw new Problem('wallet.unknown');
}

/** An invitation as administrators see it. */
export interface AdministeredInvitation {
  readonly id: string;
  readonly walletId: string;
  readonly email: string | null;
  readonly inviter: string;
  readonly status: 'SENT' | 'COMPLETED' | 'EXPIRED' | 'CANCELLED' | 'FAILED';
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly language: Language;
  readonly inviterName: string;
  readonly message: string;
}

/** Ordered by id. */
export async function pageOfInvitations(
  context: Context,
  { name: realm }: Realm,
  email: string | undefined,
  { after, limit }: PageRequest,
): Promise<Page<AdministeredInvitation>> {
  const wanted = email === undefined ? undefined : (mailAddress(email) ?? '');
  const rows = await listInvitations(context.store.db, realm, wanted, { after, limit: limit + 1 });
  const views = await Promise.all(rows.map((row) => invitationView(context, row)));
  return toPage(views, limit, ({ id }) => id);
}

/** @throws {Problem} `invitation.unknown` */
export async function requireAdministeredInvitation(
  context: Context,
  realm: Realm,
  id: string,
): Promise<AdministeredInvitation> {
  const row = walletIdOf(id) === id ? await findInvitation(context.store.db, realm.name, id) : undefined;
  if (row === undefined) throw new Problem('invitation.unknown');
  return invitationView(context, row);
}

async function invitationView(context: Context, row: WalletInvitationTable): Promise<AdministeredInvitation> {
  return {
    id: row.id,
    walletId: row.wallet_id,
    email: row.email,
    inviter: row.inviter,
    status: (await statusOf(context, row)).toUpperCase() as AdministeredInvitation['status'],
    createdAt: isoDate(row.created_at),
    expiresAt: isoDate(row.expires_at),
    ...wordsOf(row),
  };
}

/**
 * Deletes an invitation. A wallet that still waits for it is deleted with it. An opened wallet stays.
 *
 * @throws {Problem} `invitation.unknown`
 */
export async function deleteInvitation(context: Context, realm: Realm, id: string, caller: Caller): Promise<void> {
  const row = walletIdOf(id) === id ? await findInvitation(context.store.db, realm.name, id) : undefined;
  if (row === undefined) throw new Problem('invitation.unknown');
  const wallet = await findWallet(context.store.db, realm.name, row.wallet_id);
  if (wallet?.opened_at === null) return deleteWallet(context, realm, wallet.id, caller);
  await write(context, caller, async (tx) => {
    await deleteInvitationsOf(tx.db, realm.name, row.wallet_id);
    await revokeOneTimeCodes(tx, realm.name, id);
    await tx.record({ realm: realm.name, type: 'invitation.deleted', object: `invitation:${id}` });
  });
}
