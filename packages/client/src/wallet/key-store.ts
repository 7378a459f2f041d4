import type { Sign } from '../private-jwk.ts';

/** What a profile says of a key that is not in it. */
export interface StoredKeyName {
  readonly store: string;
  readonly id: string;
}

export interface StoredKey {
  /** By which the store finds it again. */
  readonly id: string;
  /** 32 bytes, Ed25519. */
  readonly publicKey: Uint8Array;
  readonly sign: Sign;
}

/**
 * Where the platform keeps keys that it does not give out: the keychain of an operating system, a security token, WebCrypto keys that
 * cannot be exported (`indexedDbKeys`). `open` answers undefined where it has no key of that id.
 */
export interface KeyStore {
  /** Stands in the profiles of its keys. */
  readonly name: string;
  create(): Promise<StoredKey>;
  open(id: string): Promise<StoredKey | undefined>;
}
