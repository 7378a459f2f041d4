import { actions, createRootCapability, delegateCapability, type JsonObject, walletPrefix } from '@countersign/proof';
import type { Context } from '../context.ts';
import type { WalletTable } from '../store/schema.ts';
import { type CustodialSecrets, custodialSigner, makeOwnerDid } from '../subject/secrets/custody.ts';
import { ownerBinding } from './realm-did.ts';

/** The owner of a wallet: a separate DID whose keys this server keeps. */
export type Owner = Pick<WalletTable, 'owner_did' | 'owner_long_did' | 'signing_key' | 'web_did' | 'sealed_keys'> & {
  readonly owner_did: string;
};

export const nobody = { owner_did: null, owner_long_did: null, signing_key: null, web_did: null, sealed_keys: null };

export async function makeOwner(
  context: Context,
  realm: string,
  walletId: string,
  webDid: string | null,
): Promise<Owner> {
  const { peer, signingKey, secrets } = await makeOwnerDid(context.random);
  return {
    owner_did: peer.short,
    owner_long_did: peer.long,
    signing_key: signingKey,
    web_did: webDid,
    sealed_keys: context.vault.seal(JSON.stringify(secrets), ownerBinding(realm, walletId)),
  };
}

/**
 * Years: as long as the wallet is expected to last, because the first device has no one above it who could renew the
 * delegation. It ends by revocation. Capabilities delegated from it end when they say.
 */
const firstDelegationYears = 10;

/**
 * A minute ago, in whole seconds. A device whose clock lags or has no milliseconds must not seem to pass the capability
 * on before it got it.
 */
export function delegationTime(now: number): number {
  return Math.floor(now / 1000) * 1000 - 60_000;
}

/** The owner's signed delegation of every action to the first device, or to the new one of a recovery. */
export async function delegateToDevice(
  context: Context,
  realm: string,
  walletId: string,
  owner: Owner,
  device: string,
): Promise<JsonObject> {
  const secrets = JSON.parse(
    context.vault.open(owner.sealed_keys as string, ownerBinding(realm, walletId)),
  ) as CustodialSecrets;
  const created = delegationTime(context.clock.now());
  const expires = new Date(created).setUTCFullYear(new Date(created).getUTCFullYear() + firstDelegationYears);
  const delegation = {
    parent: createRootCapability(walletPrefix + walletId, owner.owner_did),
    id: `urn:uuid:${context.random.uuid()}`,
    controller: device,
    allowedAction: actions,
    expires,
    created,
  };
  return delegateCapability(delegation, custodialSigner(owner.owner_did, secrets));
}
