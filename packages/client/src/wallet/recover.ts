import { type Checks, callable, object, optional, options as optionsOf, someText } from '@countersign/proof/argument';
import { ClientError } from '../error.ts';
import { acceptCapability } from './create.ts';
import { type Device, deviceOf, type WalletOptions, walletChecks } from './device.ts';
import { type Lock, lockChecks, unlock } from './lock.ts';
import type { WalletProfile } from './profile.ts';
import { recoveryIn, timeIn } from './recoveries.ts';
import type { RecoveryEntry } from './recovery-entry.ts';
import { callSigned, capabilityIn } from './signed-request.ts';
import { type Wallet, walletOf } from './wallet.ts';
import { type TokenKind, tokenKindCheck } from './wallet-token.ts';

/** The new device: its profile (of `prepareDevice`), and how its key is opened. `now` is in milliseconds since the epoch. */
export type RecoveringDevice = WalletOptions & Lock & { readonly profile: WalletProfile };

/** What is known of the lost wallet. */
export type StartRecoveryOptions = RecoveringDevice & {
  /** The mail address of the wallet. */
  readonly email: string;
  /** If several wallets have this address: the one that is meant. */
  readonly walletId?: string;
};

/** The new device, and the code of the mail. */
export type RecoveryCodeOptions = RecoveringDevice & { readonly code: string };

/** The new device, the code of the last mail, and where the profile is kept. */
export type CompleteRecoveryOptions = RecoveryCodeOptions & {
  /** Saves the profile with its capability. Without it, it is lost. */
  readonly save?: (profile: WalletProfile) => void | Promise<void>;
  readonly tokens?: TokenKind;
};

const deviceChecks = { ...walletChecks, ...lockChecks, profile: object } as Checks<RecoveringDevice>;
const startChecks = {
  ...deviceChecks,
  email: someText,
  walletId: optional(someText),
} as Checks<StartRecoveryOptions>;
const codeChecks = { ...deviceChecks, code: someText } as Checks<RecoveryCodeOptions>;
const completeChecks = {
  ...codeChecks,
  save: optional(callable),
  tokens: tokenKindCheck,
} as Checks<CompleteRecoveryOptions>;

/**
 * Asks for the recovery of a wallet whose devices are lost. A code goes to the mail address of the wallet. `now` is in
 * milliseconds since the epoch. Returns when the recovery can be completed at the earliest.
 *
 * It does not tell whether there is a wallet with this address: the answer is the same for every address.
 *
 * @throws {ClientError} `recovery.off` if wallets of the realm cannot be recovered, `attempt.throttled`, `request.invalid`,
 *   `profile.*`, `signing_key.*`, `challenge.audience`, `rpc.malformed`, `http.*`
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @example
 * const profile = await prepareDevice({ issuer: issuer.url, ...lock });
 * const device = { profile, ...lock, fetch: realm.fetch, now: clock };
 * (await startRecovery({ ...device, email: 'ada@example.org' })).earliest > clock(); // → true
 */
export async function startRecovery(given: StartRecoveryOptions): Promise<{ readonly earliest: number }> {
  const options = optionsOf(given, 'options', startChecks);
  const { email, walletId } = options;
  const members = { type: 'StartRecovery', email, ...(walletId === undefined ? {} : { walletId }) };
  const answer = await callSigned(await opened(options), '/countersign.v1.RecoveryService/StartRecovery', members);
  return { earliest: timeIn(answer, 'earliest') };
}

/**
 * Begins the delay of a recovery with the code of the first mail. The end comes by mail. `now` is in milliseconds since
 * the epoch. `needsApproval` tells that a device of the wallet was used within 30 days: without its approval the
 * recovery fails.
 *
 * It does not check who reads the mailbox: the delay is there so that the owner can stop a thief.
 *
 * @throws {ClientError} `recovery.code`, `recovery.refused` if another one is running or the address is too new,
 *   `profile.*`, `signing_key.*`, `challenge.audience`, `rpc.malformed`, `http.*`
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @example
 * const profile = await prepareDevice({ issuer: issuer.url, ...lock });
 * const device = { profile, ...lock, fetch: realm.fetch, now: clock };
 * (await beginRecovery({ ...device, code: 'csb_…' })).state; // → 'running'
 */
export async function beginRecovery(given: RecoveryCodeOptions): Promise<RecoveryEntry> {
  const options = optionsOf(given, 'options', codeChecks);
  const members = { type: 'BeginRecovery', securityCode: options.code };
  return recoveryIn(await callSigned(await opened(options), '/countersign.v1.RecoveryService/BeginRecovery', members));
}

/**
 * Takes over the wallet with the code of the last mail, on the device that began the recovery. For 72 hours it can only
 * read. `now` is in milliseconds since the epoch.
 *
 * The caller must save the profile in `save`: without it the capability is lost. It does not verify the capability that
 * the realm returns.
 *
 * @throws {ClientError} `recovery.code`, `profile.*`, `signing_key.*`, `challenge.audience`, `rpc.malformed`, `http.*`;
 *   `wallet.exists` if the device has a wallet already
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @example
 * const profile = await prepareDevice({ issuer: issuer.url, ...lock });
 * const device = { profile, ...lock, fetch: realm.fetch, now: clock };
 * (await completeRecovery({ ...device, code: 'csr_…' })).id; // → 'alice'
 */
export async function completeRecovery(given: CompleteRecoveryOptions): Promise<Wallet> {
  const options = optionsOf(given, 'options', completeChecks);
  const { profile, code, save, tokens } = options;
  if (profile.capability !== undefined) throw new ClientError('wallet.exists', 'This device has a wallet already.');
  const device = await opened(options);
  const members = { type: 'CompleteRecovery', securityCode: code };
  const answer = await callSigned(device, '/countersign.v1.RecoveryService/CompleteRecovery', members);
  const recovered = acceptCapability(profile, capabilityIn(answer));
  await save?.(recovered);
  return walletOf(recovered, device, tokens);
}

async function opened(options: RecoveringDevice): Promise<Device> {
  const { profile } = options;
  const key = await unlock(profile, options);
  return deviceOf(profile.issuer, key, options);
}
