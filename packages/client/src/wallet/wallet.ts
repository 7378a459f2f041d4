import { type By, type CallFields, requireBy } from './by.ts';

export type { By } from './by.ts';

import { type JsonObject, walletPrefix } from '@countersign/proof';
import { bytes, type Checks, optional, options as optionsOf, record, someText } from '@countersign/proof/argument';
import { ClientError } from '../error.ts';
import type { TokenSource } from '../token/token.ts';
import { type Access, accessOf } from './access.ts';
import { type CallOptions, callOptions } from './call-options.ts';
import {
  type Device,
  deviceOf,
  invocationOf,
  newNonce,
  requireLive,
  type WalletOptions,
  walletChecks,
} from './device.ts';
import { type Lock, lockChecks, unlock } from './lock.ts';
import { parseProfile, profileText, type WalletProfile } from './profile.ts';
import { callRealm } from './realm-call.ts';
import { type Recoveries, recoveriesOf } from './recoveries.ts';
import type { RpcPath } from './rpc.ts';
import { createServiceTokens, type ServiceOptions, type ServiceTokens, serviceChecks } from './service-token.ts';
import { actionFor, targetOf } from './target.ts';
import { type Pack, packer } from './tunnel.ts';
import {
  codeOf,
  createWalletTokens,
  invocationFields,
  type TokenKind,
  tokenKindCheck,
  type WalletTokens,
} from './wallet-token.ts';

/**
 * The protection of the key of a device, and how its wallet calls the realm. `now` is in milliseconds since the epoch.
 */
export type OpenOptions = WalletOptions & Lock & { readonly tokens?: TokenKind };

/** One device of a wallet. */
export interface Wallet extends Required<TokenSource>, Access, Recoveries, CallOptions {
  /** Undefined for a device that may only invite to the realm. */
  readonly id: string | undefined;
  readonly issuer: string;
  /** The DID of the device. */
  readonly did: string;
  /** Save it; the private key in it is sealed. */
  readonly profile: WalletProfile;
  /** The metadata of one call with a token: `authorization`, and `dpop` if the token is bound. */
  authorize(path: string): Promise<CallFields>;
  /** The metadata of one unary call, for exactly these bytes of its message: good once, within a minute. */
  invoke(path: string, message: Uint8Array, action?: string): Promise<CallFields>;
  /** A unary call in JSON. */
  call(path: RpcPath, request: JsonObject, by?: By, action?: string): Promise<JsonObject>;
  /** Tokens for another party's service. The service learns only the rights of this wallet there. */
  service(audience: string, options?: ServiceOptions): ServiceTokens;
  /** A unary call through the packed tunnel, which only the realm can read. */
  readonly pack: Pack;
}

const openChecks = { ...walletChecks, ...lockChecks, tokens: tokenKindCheck } as Checks<OpenOptions>;

/**
 * Opens a wallet from its profile: the document itself, its text, or its bytes. `now` is in milliseconds since the
 * epoch. It makes no network call before the first call needs one.
 *
 * It does not check that the capability is still good: the realm does, at every use.
 *
 * @throws {ClientError} `profile.*`, `signing_key.*`
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @example
 * const { profile } = await createWallet({ ...realm, ...lock, now: clock });
 * const opened = await openWallet(profile, { ...lock, fetch: realm.fetch, now: clock });
 * (await opened.describe()).id; // → 'alice'
 */
export async function openWallet(given: WalletProfile | string | Uint8Array, unchecked: OpenOptions): Promise<Wallet> {
  const options = optionsOf(unchecked, 'options', openChecks);
  const isText = typeof given === 'string' || given instanceof Uint8Array;
  const profile = parseProfile(isText ? given : profileText(given));
  if (profile.capability === undefined && profile.realmCapability === undefined) {
    throw new ClientError('profile.waiting', `The device ${profile.did} has no capability yet.`);
  }
  const key = await unlock(profile, options);
  return walletOf(profile, deviceOf(profile.issuer, key, options), options.tokens);
}

/** A wallet with an already unlocked key. */
export function walletOf(profile: WalletProfile, device: Device, kind: TokenKind | undefined): Wallet {
  const { capability, issuer, did } = profile;
  const tokens = capability === undefined ? noTokens : createWalletTokens(device, capability, kind);
  const invoke: Wallet['invoke'] = async (path, given, action) => {
    const message = bytes(given, 'message');
    someText(path, 'path');
    optional(someText)(action, 'action');
    const invoked = capabilityFor(profile, path);
    requireLive(invoked, device.now());
    const request = { kind: 'rpc', procedure: path, message } as const;
    const invoking = { capability: invoked, action: action ?? actionFor(path, invoked), request, nonce: newNonce() };
    return invocationFields(await invocationOf(device, invoking));
  };
  const call: Wallet['call'] = async (path, request, by = 'token', action) => {
    someText(path, 'path');
    const asked = record(request, 'request') as JsonObject;
    optional(someText)(action, 'action');
    if (requireBy(by, 'by') === 'invocation') {
      return callRealm(device, path, asked, (message) => invoke(path, message, action));
    }
    return withToken(tokens, path, (fields) => callRealm(device, path, asked, async () => fields));
  };
  const authorize: Wallet['authorize'] = async (path) => tokens.fieldsFor(someText(path, 'path'));
  const pack = packer(device, { authorize, invoke });
  return {
    id: capability && targetOf(capability).slice(walletPrefix.length),
    ...{ issuer, did, profile, authorize, invoke, call },
    token: tokens.token,
    discard: tokens.discard,
    service(audience, wanted = {}) {
      const options = optionsOf(wanted, 'options', serviceChecks);
      return createServiceTokens(
        device,
        capability ?? missing('wallet'),
        someText(audience, 'audience'),
        options,
        kind,
      );
    },
    ...accessOf(profile, device, call),
    ...recoveriesOf(profile, call),
    ...callOptions({ issuer, authorize, invoke, pack }),
    pack,
  };
}

/** A token may have died early, e.g. with the realm's key that signed it. So a new token is tried once. */
async function withToken<T>(
  tokens: WalletTokens,
  path: string,
  attempt: (fields: CallFields) => Promise<T>,
): Promise<T> {
  const token = await tokens.token();
  try {
    return await attempt(await tokens.fieldsFor(path));
  } catch (refusal) {
    if (codeOf(refusal) !== 'token.invalid') throw refusal;
    tokens.discard(token);
    if ((await tokens.token()) === token) throw dead(refusal);
    return attempt(await tokens.fieldsFor(path));
  }
}

/** The refused token was new, so another one would not help. */
function dead(cause: unknown): ClientError {
  const text =
    'The realm takes the token of this device no more: its capability was revoked, or the keys of the realm changed.';
  return new ClientError('token.invalid', text, { cause });
}

/** Invitations need the capability for the realm, all other calls the one for the wallet. */
function capabilityFor({ capability, realmCapability }: WalletProfile, path: string): JsonObject {
  if (!path.startsWith('/countersign.v1.ProviderService/')) return capability ?? missing('wallet');
  return realmCapability ?? missing('realm');
}

const noTokens: WalletTokens = {
  token: async () => missing('wallet'),
  fieldsFor: async () => missing('wallet'),
  discard() {},
};

function missing(what: 'wallet' | 'realm'): never {
  throw new ClientError(`wallet.no_${what}_capability`, `This device has no capability for the ${what}.`);
}
