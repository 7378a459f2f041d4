/** Wraps a content key under shared secrets: RFC 7518 §4.6 (ECDH-ES), draft-madden-jose-ecdh-1pu-04 §2 (ECDH-1PU), RFC 3394. */
import { aeskw } from '@noble/ciphers/aes.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes } from '@noble/hashes/utils.js';

export type KeyAlgorithm = 'ECDH-1PU+A256KW' | 'ECDH-ES+A256KW';

/** The inputs of the key derivation. */
export interface WrapContext {
  readonly alg: KeyAlgorithm;
  /** Ze for ECDH-ES; Ze and Zs for ECDH-1PU. */
  readonly secrets: readonly Uint8Array[];
  readonly apu: Uint8Array;
  readonly apv: Uint8Array;
  /** ECDH-1PU §2.3: the wrapping key depends on the tag of the content, so that no recipient can write in the sender's name. */
  readonly tag: Uint8Array | undefined;
}

const encoder = new TextEncoder();
const keyBits = 256;

export function wrapKey(contentKey: Uint8Array, context: WrapContext): Uint8Array {
  return aeskw(wrappingKey(context)).encrypt(contentKey);
}

/** Undefined if the key cannot be unwrapped. The integrity check of RFC 3394 is compared in constant time. */
export function unwrapKey(encryptedKey: Uint8Array, context: WrapContext): Uint8Array | undefined {
  const wrap = aeskw(wrappingKey(context));
  try {
    return wrap.decrypt(encryptedKey);
  } catch {
    return undefined;
  }
}

/** NIST SP 800-56A §5.8.1 with SHA-256, which gives the 256 bits in one round. */
function wrappingKey({ alg, secrets, apu, apv, tag }: WrapContext): Uint8Array {
  return sha256(
    concatBytes(
      uint32(1),
      ...secrets,
      ...withLength(encoder.encode(alg)),
      ...withLength(apu),
      ...withLength(apv),
      uint32(keyBits),
      ...(tag === undefined ? [] : withLength(tag)),
    ),
  );
}

function withLength(bytes: Uint8Array): [Uint8Array, Uint8Array] {
  return [uint32(bytes.length), bytes];
}

function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}
