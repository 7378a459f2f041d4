import { cryptoPort } from '@countersign/client/node-crypto';
import { type DidPeer4, parseDidPeer4 } from '@countersign/proof';
import type { Context } from '../context.ts';
import { system } from '../kernel/caller.ts';
import { write } from '../store/write.ts';
import { type CustodialSecrets, makeRealmDid } from '../subject/secrets/custody.ts';
import type { Resealing } from '../subject/secrets/vault.ts';
import {
  findRealmDid,
  insertRealmDid,
  listRealmDids,
  listSealedWallets,
  updateSealedRealmDid,
  updateSealedWallet,
} from './wallet.store.ts';

/** The DID of a realm. Calls are packed to it, and it is the controller of the realm's root capability. */
export interface RealmDid {
  readonly peer: DidPeer4;
  readonly signingKey: string;
  readonly secrets: CustodialSecrets;
}

/** Made at the first request, and never changed. If two nodes make it at once, both take the same one. */
export function realmDid(context: Context, realm: string): Promise<RealmDid> {
  return context.cache.get(
    'realm_did',
    realm,
    async () => (await storedDid(context, realm)) ?? makeDid(context, realm),
  );
}

async function makeDid(context: Context, realm: string): Promise<RealmDid> {
  const { peer, signingKey, secrets } = await makeRealmDid();
  const sealed_keys = context.vault.seal(JSON.stringify(secrets), realmDidBinding(realm));
  await write(context, system, async (tx) => {
    const row = { realm, did: peer.short, long_did: peer.long, signing_key: signingKey, sealed_keys };
    if (!(await insertRealmDid(tx.db, { ...row, created_at: tx.now }))) return;
    const event = { realm, type: 'realm.did_created', object: `realm:${realm}`, after: { did: peer.short } };
    await tx.record(event);
  });
  return (await storedDid(context, realm)) as RealmDid;
}

async function storedDid(context: Context, realm: string): Promise<RealmDid | undefined> {
  const row = await findRealmDid(context.store.db, realm);
  if (row === undefined) return undefined;
  return {
    peer: await parseDidPeer4(row.long_did, cryptoPort),
    signingKey: row.signing_key,
    secrets: JSON.parse(context.vault.open(row.sealed_keys, realmDidBinding(realm))) as CustodialSecrets,
  };
}

function realmDidBinding(realm: string): string {
  return `realm-did\0${realm}`;
}

/** The place that the envelope of an owner's keys is bound to. */
export function ownerBinding(realm: string, walletId: string): string {
  return `wallet\0${realm}\0${walletId}`;
}

/** Seals the keys of realms and owners again under another master key. */
export const resealWalletKeys: Resealing = async (tx, again) => {
  const realms = await listRealmDids(tx);
  for (const { realm, sealed_keys } of realms) {
    await updateSealedRealmDid(tx, realm, again(sealed_keys, realmDidBinding(realm)));
  }
  const wallets = await listSealedWallets(tx);
  for (const { realm, id, sealed_keys } of wallets) {
    await updateSealedWallet(tx, realm, id, again(sealed_keys as string, ownerBinding(realm, id)));
  }
  return realms.length + wallets.length;
};
