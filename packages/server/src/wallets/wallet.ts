import { cryptoPort } from '@countersign/client/node-crypto';
import { type JsonObject, parseDidPeer4, walletPrefix } from '@countersign/proof';
import type { Context } from '../context.ts';
import type { Caller } from '../kernel/caller.ts';
import { realmKey } from '../kernel/id.ts';
import { Problem } from '../kernel/problem.ts';
import { unknownSource } from '../kernel/source.ts';
import type { WalletTable } from '../store/schema.ts';
import { type Writing, write } from '../store/write.ts';
import { lockRealm, type Realm } from '../subject/realm.ts';
import { createSubject, readSubjectState } from '../subject/subject.ts';
import { sharedRate } from '../subject/throttle/shared-rate.ts';
import { walletSubjectId } from '../subject/tokens/wallet-token.ts';
import { findFirstDelegation } from './capability.store.ts';
import { registerCapability } from './capability.ts';
import { requireDescription } from './description.ts';
import { completeInvitation, type OpenInvitation, openInvitation } from './invitation.ts';
import { requireSealer } from './invocation.ts';
import { findNameOf } from './name.store.ts';
import { urnOfName } from './name.ts';
import { delegateToDevice, makeOwner, type Owner } from './owner.ts';
import { rolesIn } from './roles.ts';
import { type SignedRequest, useRequest, verifySignedRequest } from './signed-request.ts';
import { rootPrefix } from './target.ts';
import { findWallet, insertWallet, openWaitingWallet } from './wallet.store.ts';

/** A wallet as its holders see it. */
export interface WalletView {
  readonly id: string;
  readonly type: 'individual' | 'organization';
  readonly description: string;
  readonly roles: readonly string[];
  /** The URN of its name, if it has one. */
  readonly name: string | undefined;
  readonly didDocument: JsonObject;
  /** Milliseconds. */
  readonly created: number;
}

export interface WalletRequest {
  readonly signedRequest: Uint8Array;
  readonly description: string;
  /** For a packed call, the DID that sealed it. */
  readonly sealedBy: string | undefined;
}

export interface CreatedWallet {
  readonly walletId: string;
  /** The DID document of the owner. */
  readonly didDocument: JsonObject;
  /** The target of all its delegations. */
  readonly capability: string;
  /** The DID URL of the device's key. */
  readonly invoker: string;
  /** The device's own capability. */
  readonly zcap: JsonObject;
}

/** Wallets per minute that one network may make without an invitation. */
const perSource = { budget: 60, window: 60_000, bound: 50_000 };
const sourceRate = sharedRate('wallet', perSource);

/**
 * New registration.
 *
 * 1. The signed request proves the device, and its nonce is used up.
 * 2. A security code tells which wallet waits for it. Without one, the realm must be open to all.
 * 3. The owner's DID and keys are made, unless an organization has them from its invitation.
 * 4. The owner signs the first delegation, to the device.
 * 5. All of it is written and the code used up, or nothing.
 */
export async function createWallet(
  context: Context,
  realm: Realm,
  { signedRequest, description, sealedBy }: WalletRequest,
  caller: Caller,
): Promise<CreatedWallet> {
  requireDescription(description);
  const request = await verifySignedRequest(context, realm, signedRequest);
  requireSealer(sealedBy, request.controller);
  const invitation = await invitationFor(context, realm, request, caller);
  await useRequest(context, realm, request);
  const walletId = invitation?.wallet.id ?? context.random.uuid();
  const owner = ownerOf(invitation?.wallet) ?? (await makeOwner(context, realm.name, walletId, null));
  const document = await delegateToDevice(context, realm.name, walletId, owner, request.controller);
  await write(context, { ...caller, actor: request.controller }, async (tx) => {
    if (invitation === undefined) await insertOpen(tx, realm, { walletId, owner, description, request });
    else await openInvited(context, tx, realm, { invitation, owner, description, request });
    const after = { owner: owner.owner_did, invitation: invitation?.id };
    const event = { realm: realm.name, type: 'wallet.created', object: `wallet:${walletId}`, after };
    await tx.record(event);
    await registerCapability(tx, realm.name, walletPrefix + walletId, document);
  });
  const didDocument = await ownerDocument(owner.owner_long_did as string);
  const { invoker } = request;
  return { walletId, didDocument, capability: walletPrefix + walletId, invoker, zcap: document };
}

/** Step 2. */
async function invitationFor(
  context: Context,
  realm: Realm,
  { securityCode }: SignedRequest,
  caller: Caller,
): Promise<OpenInvitation | undefined> {
  if (securityCode !== undefined) return openInvitation(context, realm.name, securityCode);
  if (realm.settings.walletCreation !== 'open') throw new Problem('wallet.uninvited');
  sourceRate(context).admit(`${realm.name} ${(caller.source ?? unknownSource).network}`);
  return undefined;
}

interface Opening {
  readonly owner: Owner;
  readonly description: string;
  readonly request: SignedRequest;
}

async function insertOpen(
  tx: Writing,
  realm: Realm,
  { walletId, owner, description, request }: Opening & { readonly walletId: string },
): Promise<void> {
  // Of two requests of one key at the same moment, the second sees the wallet of the first.
  await lockRealm(tx, realm.name);
  const wallets = { roots: rootPrefix, targets: walletPrefix };
  if (await findFirstDelegation(tx.db, realm.name, request.controller, wallets, tx.now)) {
    throw new Problem('wallet.exists');
  }
  await insertWallet(tx.db, {
    ...owner,
    realm: realm.name,
    id: walletId,
    type: 'individual',
    description,
    roles: JSON.stringify(['individual']),
    created_at: tx.now,
    opened_at: tx.now,
    read_only_until: null,
  });
  await createSubject(tx, { realm: realm.name, id: walletSubjectId(walletId), kind: 'wallet' }, false);
}

async function openInvited(
  context: Context,
  tx: Writing,
  realm: Realm,
  { invitation, owner, description, request }: Opening & { readonly invitation: OpenInvitation },
): Promise<void> {
  const { id, description: invited } = invitation.wallet;
  if (!(await readSubjectState(tx, realm.name, walletSubjectId(id)))?.live) throw new Problem('wallet.invitation');
  await completeInvitation(context, tx, realm.name, invitation, request.securityCode as string);
  const change = { ...owner, description: description === '' ? invited : description, opened_at: tx.now };
  if (!(await openWaitingWallet(tx.db, realm.name, id, change))) throw new Problem('wallet.invitation');
  tx.changed('wallet', realmKey(realm.name, id));
}

function ownerOf(wallet: WalletTable | undefined): Owner | undefined {
  return wallet === undefined || wallet.owner_did === null
    ? undefined
    : { ...ownerMembers(wallet), owner_did: wallet.owner_did };
}

function ownerMembers({ owner_long_did, signing_key, web_did, sealed_keys }: WalletTable) {
  return { owner_long_did, signing_key, web_did, sealed_keys };
}

/** @throws {Problem} `wallet.denied` for an unknown wallet, as for callers who may not see it */
export async function readWallet(context: Context, realm: Realm, id: string): Promise<WalletView> {
  const row = await findWallet(context.store.db, realm.name, id);
  if (row?.owner_long_did == null) throw new Problem('wallet.denied', { reason: 'no such wallet' });
  const name = await findNameOf(context.store.db, realm.name, id);
  return {
    id,
    type: row.type,
    description: row.description,
    roles: rolesIn(row),
    name: name === undefined ? undefined : urnOfName(name),
    didDocument: await ownerDocument(row.owner_long_did),
    created: row.created_at,
  };
}

export async function ownerDocument(longDid: string): Promise<JsonObject> {
  return (await parseDidPeer4(longDid, cryptoPort)).document.json;
}
