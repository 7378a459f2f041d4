/** The parameters of each content encryption, in one table (RFC 7518 §5.2.5, §5.3; draft-amringer-jose-chacha for XC20P). */
import { cbc, gcm } from '@noble/ciphers/aes.js';
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { equalBytes } from '@noble/ciphers/utils.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { concatBytes } from '@noble/hashes/utils.js';

/** The name of a content encryption (RFC 7518 §5; draft-amringer-jose-chacha for XC20P). */
export type ContentEncryptionName = 'A256CBC-HS512' | 'A256GCM' | 'XC20P';

export interface Sealed {
  readonly ciphertext: Uint8Array;
  readonly tag: Uint8Array;
}

export interface ContentEncryption {
  readonly keyBytes: number;
  readonly ivBytes: number;
  readonly tagBytes: number;
  /** A ciphertext is a multiple of this, and is not empty. */
  readonly blockBytes: number;
  seal(key: Uint8Array, iv: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Sealed;
  /** Undefined for every kind of fault. */
  open(key: Uint8Array, iv: Uint8Array, aad: Uint8Array, sealed: Sealed): Uint8Array | undefined;
}

/**
 * RFC 7518 §5.2.2: the ciphertext is authenticated first, so that an attacker without the key learns nothing from a wrong
 * padding.
 */
const cbcHmac: ContentEncryption = {
  keyBytes: 64,
  ivBytes: 16,
  tagBytes: 32,
  blockBytes: 16,
  seal(key, iv, aad, plaintext) {
    const ciphertext = cbc(key.subarray(32), iv).encrypt(plaintext);
    return { ciphertext, tag: cbcTag(key, iv, aad, ciphertext) };
  },
  open(key, iv, aad, { ciphertext, tag }) {
    if (!equalBytes(tag, cbcTag(key, iv, aad, ciphertext))) return undefined;
    return orUndefined(() => cbc(key.subarray(32), iv).decrypt(ciphertext));
  },
};

type Aead = (
  key: Uint8Array,
  iv: Uint8Array,
  aad: Uint8Array,
) => {
  encrypt(plaintext: Uint8Array): Uint8Array;
  decrypt(sealed: Uint8Array): Uint8Array;
};

function aead(cipher: Aead, ivBytes: number): ContentEncryption {
  return {
    keyBytes: 32,
    ivBytes,
    tagBytes: 16,
    blockBytes: 1,
    seal(key, iv, aad, plaintext) {
      const sealed = cipher(key, iv, aad).encrypt(plaintext);
      return { ciphertext: sealed.subarray(0, -16), tag: sealed.subarray(-16) };
    },
    open: (key, iv, aad, { ciphertext, tag }) =>
      orUndefined(() => cipher(key, iv, aad).decrypt(concatBytes(ciphertext, tag))),
  };
}

export const contentEncryptions: Readonly<Record<ContentEncryptionName, ContentEncryption>> = {
  'A256CBC-HS512': cbcHmac,
  A256GCM: aead(gcm, 12),
  XC20P: aead(xchacha20poly1305, 24),
};

export function isContentEncryptionName(name: unknown): name is ContentEncryptionName {
  return typeof name === 'string' && Object.hasOwn(contentEncryptions, name);
}

function cbcTag(key: Uint8Array, iv: Uint8Array, aad: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  const aadBits = new Uint8Array(8);
  new DataView(aadBits.buffer).setBigUint64(0, BigInt(aad.length) * 8n);
  return hmac(sha512, key.subarray(0, 32), concatBytes(aad, iv, ciphertext, aadBits)).subarray(0, 32);
}

/** noble throws for a wrong tag or padding; the lengths were checked before. */
function orUndefined(open: () => Uint8Array): Uint8Array | undefined {
  try {
    return open();
  } catch {
    return undefined;
  }
}
