import {
  createRootCapability,
  type ResolvedKey,
  type RootCapability,
  realmPrefix,
  rootCapabilityId,
  walletPrefix,
} from '@countersign/proof';
import type { Context } from '../context.ts';
import { realmKey } from '../kernel/id.ts';
import type { WalletRecoveryTable } from '../store/schema.ts';
import type { Writing } from '../store/write.ts';
import { lockRealm, type Realm } from '../subject/realm.ts';
import { custodialKey } from '../subject/secrets/custody.ts';
import { realmDid } from './realm-did.ts';
import { findPresent } from './recovery/recovery.store.ts';
import { findWallet, touchWallet } from './wallet.store.ts';

export const rootPrefix = 'urn:zcap:root:';

/**
 * The object of a capability: a wallet, or the realm itself. Each has one root, which is made here and never read from
 * the wire. The root cannot change, because a wallet keeps its owner for ever.
 */
export interface Target {
  readonly target: string;
  readonly root: RootCapability;
  readonly ownerDid: string;
  /** The owner's key, for a delegation that the owner has signed. */
  readonly keyOf: (url: string, purpose: string) => ResolvedKey | undefined;
  /** The running recovery of the wallet, else the newest. */
  readonly recovery?: WalletRecoveryTable | undefined;
  /** Milliseconds: until then it can only be read. */
  readonly readOnlyUntil?: number | undefined;
}

const idShape = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The wallet id of a request: bare, or in the form of the target. Undefined if no wallet can have it. */
export function walletIdOf(named: string): string | undefined {
  const id = named.startsWith(walletPrefix) ? named.slice(walletPrefix.length) : named;
  return idShape.test(id) ? id : undefined;
}

/** From the cache. Undefined if unknown, or if the wallet has no owner yet. */
export async function lookUpTarget(context: Context, realm: Realm, target: string): Promise<Target | undefined> {
  if (target === realmPrefix + realm.name) {
    const { peer, signingKey } = await realmDid(context, realm.name);
    return describe(target, peer.short, signingKey);
  }
  const id = target.startsWith(walletPrefix) ? target.slice(walletPrefix.length) : '';
  if (!idShape.test(id)) return undefined;
  return context.cache.get('wallet', realmKey(realm.name, id), async () => {
    const row = await findWallet(context.store.db, realm.name, id);
    if (row === undefined || row.owner_did === null || row.signing_key === null) return undefined;
    const recovery = await findPresent(context.store.db, realm.name, id);
    const readOnlyUntil = row.read_only_until ?? undefined;
    return { ...describe(target, row.owner_did, row.signing_key), recovery, readOnlyUntil };
  });
}

export function walletTarget(walletId: string): string {
  return walletPrefix + walletId;
}

/** The wallet's id, if the target is a wallet. */
export function walletOfTarget(target: string): string | undefined {
  return target.startsWith(walletPrefix) ? target.slice(walletPrefix.length) : undefined;
}

/**
 * Makes other grants and revocations of this target wait until the transaction ends. So a grant below a capability that
 * is being revoked is either refused or revoked with it.
 */
export async function lockTarget(tx: Writing, realm: string, target: string): Promise<void> {
  if (target.startsWith(walletPrefix)) await touchWallet(tx.db, realm, target.slice(walletPrefix.length));
  else await lockRealm(tx, realm);
}

/** The target by the id of its root, with which chains begin. */
export function targetOfRoot(rootId: string): string | undefined {
  if (!rootId.startsWith(rootPrefix)) return undefined;
  try {
    const target = decodeURIComponent(rootId.slice(rootPrefix.length));
    return rootCapabilityId(target) === rootId ? target : undefined;
  } catch {
    return undefined;
  }
}

function describe(target: string, ownerDid: string, signingKey: string): Target {
  const root = createRootCapability(target, ownerDid);
  return { target, root, ownerDid, keyOf: (url, purpose) => custodialKey(ownerDid, signingKey, url, purpose) };
}
