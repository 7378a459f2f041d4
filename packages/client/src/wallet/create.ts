import type { JsonObject } from '@countersign/proof';
import { type Checks, callable, object, optional, options as optionsOf, text } from '@countersign/proof/argument';
import { ClientError } from '../error.ts';
import { type Device, deviceOf, type WalletOptions, walletChecks } from './device.ts';
import { type Lock, lockChecks, makeDevice, type Unlocked, unlock } from './lock.ts';
import { issuerIn, parseProfile, profileText, type WalletProfile } from './profile.ts';
import { callSigned, capabilityIn } from './signed-request.ts';
import { type Wallet, walletOf } from './wallet.ts';
import { type TokenKind, tokenKindCheck } from './wallet-token.ts';

/** The realm, and the protection of the key of a new device. */
export type PrepareOptions = Lock & {
  /** The realm: `https://…/realms/{name}`. */
  readonly issuer: string;
};

/**
 * The realm, the invitation, and the protection of the key of a new wallet. `now` is in milliseconds since the epoch.
 */
export type CreateOptions = WalletOptions &
  Lock & {
    /** The realm; for a prepared device, the one that it was prepared for. */
    readonly issuer: string;
    /** The security code of the invitation; not needed if the realm is open. */
    readonly code?: string;
    /** One line that describes the wallet. */
    readonly description?: string;
    /** The profile of a prepared device, or of an interrupted first attempt. Without it, a new key is made. */
    readonly profile?: WalletProfile;
    /** Saves the profile: once before the wallet is requested, so that its key is never lost, and again with the capability. */
    readonly save?: (profile: WalletProfile) => void | Promise<void>;
    readonly tokens?: TokenKind;
  };

const prepareChecks = { ...lockChecks, issuer: text } as Checks<PrepareOptions>;

const createChecks = {
  ...walletChecks,
  ...lockChecks,
  issuer: text,
  code: optional(text),
  description: optional(text),
  profile: optional(object),
  save: optional(callable),
  tokens: tokenKindCheck,
} as Checks<CreateOptions>;

/**
 * Makes a key and the profile of a device that waits for a capability. It makes no network call. Another device grants
 * a capability to its DID, and it accepts (`acceptCapability`).
 *
 * It does not check that the passphrase is hard to guess, only that it has 8 to 1,024 characters.
 *
 * @throws {ClientError} `profile.passphrase`, `profile.malformed` if `issuer` is not the https URL of a realm,
 * `profile.key_store`, `signing_key.*`
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @example
 * const profile = await prepareDevice({ issuer: issuer.url, ...lock });
 * profile.did.startsWith('did:key:z6Mk'); // → true
 */
export async function prepareDevice(options: PrepareOptions): Promise<WalletProfile> {
  const { issuer, ...lock } = optionsOf(options, 'options', prepareChecks);
  return (await makeDevice(issuerIn(issuer), lock)).profile;
}

/**
 * Returns the profile with a capability that was granted to its DID. It replaces an earlier capability for the same
 * target.
 *
 * It does not verify the capability: the realm does, at every use.
 *
 * @throws {ClientError} `profile.malformed` if it was granted to another DID, or is neither for a wallet nor for the
 * realm
 * @throws {TypeError} if `capability` is not an object
 * @example
 * const profile = await prepareDevice({ issuer: issuer.url, ...lock });
 * const times = { created: clock(), expires: clock() + 86_400_000 };
 * const to = { parent: root, id: `urn:uuid:${crypto.randomUUID()}`, controller: profile.did, allowedAction: ['read'] };
 * const granted = await delegateCapability({ ...to, ...times }, owner.signer);
 * acceptCapability(profile, granted).capability?.invocationTarget; // → wallet
 */
export function acceptCapability(profile: WalletProfile, capability: JsonObject): WalletProfile {
  object(capability, 'capability');
  const isRealm = String(capability.invocationTarget).startsWith('urn:countersign:realm:');
  return parseProfile(profileText({ ...profile, [isRealm ? 'realmCapability' : 'capability']: capability }));
}

/**
 * Registers a new wallet: a device key, the realm's challenge signed with it, and a wallet whose owner delegates to the
 * device. `now` is in milliseconds since the epoch.
 *
 * The caller must save the profile in `save`: without it the key is lost. It does not verify the capability that the
 * realm returns.
 *
 * @throws {ClientError} with the code of the realm's refusal: `wallet.invitation` if no open invitation has the code,
 * `wallet.uninvited` if an invitation is needed; `wallet.exists`, `profile.*`, `challenge.audience`, `rpc.malformed`,
 * `http.*`
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @example
 * const saved: unknown[] = [];
 * const opened = await createWallet({ ...realm, ...lock, now: clock, save: (profile) => void saved.push(profile) });
 * [opened.id, saved.length]; // → ['alice', 2]
 */
export async function createWallet(given: CreateOptions): Promise<Wallet> {
  const options = optionsOf(given, 'options', createChecks);
  const { profile, key } = await deviceFor(options);
  await options.save?.(profile);
  const device = deviceOf(profile.issuer, key, options);
  const capability = await requestWallet(device, options);
  const opened = acceptCapability(profile, capability);
  await options.save?.(opened);
  return walletOf(opened, device, options.tokens);
}

async function deviceFor(options: CreateOptions): Promise<Unlocked> {
  const { profile, issuer } = options;
  if (profile === undefined) return makeDevice(issuerIn(issuer), options);
  if (profile.capability !== undefined) throw new ClientError('wallet.exists', 'This device has a wallet already.');
  if (profile.issuer !== issuer) {
    throw new ClientError('profile.issuer', `The device was prepared for another realm: ${profile.issuer}.`);
  }
  return { profile, key: await unlock(profile, options) };
}

async function requestWallet(device: Device, { code, description }: CreateOptions): Promise<JsonObject> {
  const members = { type: 'CreateWallet', ...(code === undefined ? {} : { securityCode: code }) };
  const more = description === undefined ? {} : { description };
  return capabilityIn(await callSigned(device, '/countersign.v1.WalletService/CreateWallet', members, more));
}
