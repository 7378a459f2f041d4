import type { Sign } from '../message/private-jwk.ts';

/** The entry in a profile for a key that is in a store. */
export interface StoredKeyName {
  readonly store: string;
  readonly id: string;
}

/** A key in a store: it can sign, but cannot be read. Its public key has 32 bytes. */
export interface StoredKey {
  /** The id by which the store finds the key again. */
  readonly id: string;
  /** The 32 bytes of the Ed25519 public key. */
  readonly publicKey: Uint8Array;
  readonly sign: Sign;
}

/**
 * A store of the platform for keys that cannot be exported: the keychain of an operating system, a security token, WebCrypto
 * keys (`indexedDbKeys`). `open` returns undefined if the store has no key with that id.
 */
export interface KeyStore {
  /** The name of the store in the profiles of its keys. */
  readonly name: string;
  create(): Promise<StoredKey>;
  open(id: string): Promise<StoredKey | undefined>;
}
