import {
  decodeBase64url,
  didKeyOf,
  encodeBase64url,
  type JsonObject,
  multikeyOf,
  ProofError,
  type PublicJwk,
  parseDidKey,
} from '@countersign/proof';
import type { OwnAgreementKey } from '@countersign/proof/didcomm';
import { ClientError } from '../error.ts';
import type { Sign } from '../message/private-jwk.ts';
import { importSigningKey } from '../message/signing-key.ts';

/** The key of a device. It can sign, but cannot be read. Others know only its did:key. */
export interface DeviceKey {
  readonly did: string;
  /** The DID URL of the key. */
  readonly verificationMethod: string;
  readonly publicJwk: PublicJwk;
  readonly sign: Sign;
  /** The key that opens packed messages. A key that cannot be exported has none: its device cannot make packed calls. */
  readonly agreement?: () => Promise<OwnAgreementKey>;
}

/** A key pair of WebCrypto. */
export interface KeyPair {
  readonly publicKey: Parameters<typeof crypto.subtle.exportKey>[1];
  readonly privateKey: Parameters<typeof crypto.subtle.exportKey>[1];
}

/** A readable key, which exists only until it is sealed. */
export interface NewKey {
  readonly did: string;
  /** The 32 bytes of RFC 8032 §5.1.5. */
  readonly seed: Uint8Array;
}

export async function makeKey(): Promise<NewKey> {
  const pair = (await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify'])) as KeyPair;
  const { x, d } = (await crypto.subtle.exportKey('jwk', pair.privateKey)) as { x: string; d: string };
  return { did: didOf(decodeBase64url(x, 64) as Uint8Array), seed: decodeBase64url(d, 64) as Uint8Array };
}

/** The did:key of an Ed25519 key of 32 bytes. */
export function didOf(publicKey: Uint8Array): string {
  return didKeyOf(multikeyOf('Ed25519', publicKey)).did;
}

/** @throws {ClientError} `signing_key.private` if the seed does not belong to the DID, `signing_key.public` */
export async function deviceKeyOfSeed(did: string, seed: Uint8Array): Promise<DeviceKey> {
  const { sign } = await importSigningKey({ ...publicJwkOf(did), d: encodeBase64url(seed) });
  // Curves and ciphers are loaded only for the first packed message.
  const agreement = async () => (await import('@countersign/proof/didcomm')).didKeyAgreement(seed);
  return deviceKey(did, sign, agreement);
}

/** A key that cannot be read: it is known by its did:key and by a function that signs with it. */
export function deviceKey(did: string, sign: Sign, agreement?: () => Promise<OwnAgreementKey>): DeviceKey {
  const publicJwk = publicJwkOf(did);
  const { verificationMethod } = parseDidKey(did);
  return { did, verificationMethod, publicJwk, sign, ...(agreement && { agreement }) };
}

/** @throws {ClientError} `signing_key.public` unless it is a did:key of an Ed25519 key */
export function publicJwkOf(did: string): PublicJwk {
  try {
    const { keyType, jwk } = parseDidKey(did);
    if (keyType === 'Ed25519' && jwk !== undefined) return jwk;
  } catch (refusal) {
    if (!(refusal instanceof ProofError)) throw refusal;
  }
  throw new ClientError('signing_key.public', 'The DID is no did:key of an Ed25519 key.');
}

/** Only the members that define the public key (RFC 7638 §3.2). */
export function bareJwk(key: PublicJwk): JsonObject {
  const { kty, crv, x } = key as { readonly kty: string; readonly crv: string; readonly x: string };
  return { kty, crv, x };
}
