/**
 * @countersign/client/wallet: wallets, in Node and browsers. It is a separate entry, so that programs without wallets do not
 * load it.
 */

export type { CallFields } from './by.ts';
export type { RecoveryEntry } from './recovery-entry.ts';

import { acceptCapability, createWallet, prepareDevice } from './create.ts';
import { beginRecovery, completeRecovery, startRecovery } from './recover.ts';
import { openWallet } from './wallet.ts';

export type { Action } from '@countersign/proof';
export type {
  Access,
  CapabilityEntry,
  Granted,
  GrantOptions,
  Invited,
  InviteOptions,
  WalletDescription,
} from './access.ts';
export type { CallOptions } from './call-options.ts';
export { acceptCapability, type CreateOptions, createWallet, type PrepareOptions, prepareDevice } from './create.ts';
export type { WalletOptions } from './device.ts';
export type { GrpcInterceptor, GrpcJs } from './grpc-call.ts';
export { indexedDbKeys } from './indexed-db-keys.ts';
export type { KeyStore, StoredKey, StoredKeyName } from './key-store.ts';
export type { Lock } from './lock.ts';
export { parseProfile, profileText, type WalletProfile } from './profile.ts';
export {
  beginRecovery,
  type CompleteRecoveryOptions,
  completeRecovery,
  type RecoveringDevice,
  type RecoveryCodeOptions,
  type StartRecoveryOptions,
  startRecovery,
} from './recover.ts';
export type { Recoveries } from './recoveries.ts';
export type { RpcPath } from './rpc.ts';
export type { ScryptCost } from './scrypt.ts';
export type { ServiceOptions, ServiceTokens } from './service-token.ts';
export type { Pack } from './tunnel.ts';
export { type By, type OpenOptions, openWallet, type Wallet as OpenedWallet } from './wallet.ts';
export type { TokenKind } from './wallet-token.ts';

/** The functions by their names in the document. */
export const Wallet = {
  create: createWallet,
  open: openWallet,
  prepare: prepareDevice,
  accept: acceptCapability,
  startRecovery,
  beginRecovery,
  completeRecovery,
} as const;
