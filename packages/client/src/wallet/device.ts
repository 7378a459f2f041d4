import {
  type CapabilitySigner,
  type CryptoPort,
  createInvocation,
  encodeBase64url,
  type InvokedRequest,
  type JsonObject,
} from '@countersign/proof';
import { type Checks, callable, optional } from '@countersign/proof/argument';
import { cryptoPort } from '#platform-crypto';
import { ClientError } from '../error.ts';
import { type Transport, transportChecks } from '../fetch-json.ts';
import type { DeviceKey } from './device-key.ts';
import type { RecoveryEntry } from './recovery-entry.ts';
import { callUnary, type RpcPath } from './rpc.ts';

/** The options that hold for every call of a wallet. */
export interface WalletOptions extends Transport {
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number;
  /** From 0 to 1; spreads the renewals of many processes. Default `Math.random`. */
  readonly random?: () => number;
  /**
   * Told, with a new token, of a recovery of the wallet that began or changed since. Show it to the owner: a device that
   * is used stops a recovery that it has not approved.
   */
  readonly onRecovery?: (recovery: RecoveryEntry) => void;
}

export const walletChecks: Checks<WalletOptions> = {
  ...transportChecks,
  now: optional(callable),
  random: optional(callable),
  onRecovery: optional(callable),
};

/** A device key in use for one realm. */
export interface Device extends Required<Pick<WalletOptions, 'now' | 'random'>> {
  readonly issuer: string;
  readonly onRecovery: WalletOptions['onRecovery'] | undefined;
  readonly transport: Transport;
  readonly key: DeviceKey;
  readonly crypto: CryptoPort;
  readonly signer: CapabilitySigner;
  call(path: RpcPath, message: Uint8Array, fields?: Readonly<Record<string, string>>): Promise<JsonObject>;
}

export function deviceOf(issuer: string, key: DeviceKey, options: WalletOptions): Device {
  const { now = Date.now, random = Math.random, onRecovery, ...transport } = options;
  const { verificationMethod, sign } = key;
  return {
    issuer,
    onRecovery,
    transport,
    key,
    now,
    random,
    crypto: cryptoPort,
    signer: { alg: 'Ed25519', verificationMethod, sign, crypto: cryptoPort },
    call: (path, message, fields = {}) => callUnary(issuer, path, message, fields, transport),
  };
}

export interface Invoking {
  readonly capability: JsonObject;
  readonly action: string;
  readonly request: InvokedRequest;
  readonly nonce: string;
}

/** An invocation document, which is good once. */
export function invocationOf({ issuer, now, signer }: Device, invoking: Invoking): Promise<JsonObject> {
  const id = newId();
  return createInvocation({ ...invoking, id, audience: issuer, created: now() }, signer);
}

/**
 * A capability is not used after its end, because the realm would refuse it.
 *
 * @throws {ClientError} `capability.expired`
 */
export function requireLive({ expires }: JsonObject, now: number): void {
  const end = typeof expires === 'string' ? Date.parse(expires) : Number.NaN;
  if (!(end <= now)) return;
  throw new ClientError(
    'capability.expired',
    `The capability of this device ended at ${expires}: ask for another one.`,
  );
}

export function newId(): string {
  return `urn:uuid:${crypto.randomUUID()}`;
}

/** 128 random bits. */
export function newNonce(): string {
  return encodeBase64url(crypto.getRandomValues(new Uint8Array(16)));
}

/** @throws {ClientError} `rpc.malformed` */
export function textIn(answer: JsonObject, name: string): string {
  const value = answer[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new ClientError('rpc.malformed', `The answer lacks ${name}.`);
}
