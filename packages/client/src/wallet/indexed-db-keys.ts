import { encodeBase64url } from '@countersign/proof';
import { having, optional, someText } from '@countersign/proof/argument';
import { ClientError } from '../error.ts';
import type { KeyPair } from './device-key.ts';
import type { KeyStore, StoredKey } from './key-store.ts';

/** The part of IndexedDB that is used here; the global `indexedDB` of a browser has it. */
export interface KeyDatabase {
  open(name: string, version: number): Request<Database> & { onupgradeneeded: (() => void) | null };
}

interface Request<T> {
  readonly result: T;
  readonly error: unknown;
  onsuccess: (() => void) | null;
  onerror: (() => void) | null;
}

interface Database {
  createObjectStore(name: string): unknown;
  transaction(
    stores: string,
    mode: 'readonly' | 'readwrite',
  ): {
    objectStore(name: string): { get(id: string): Request<unknown>; add(value: unknown, id: string): Request<unknown> };
  };
  close(): void;
}

const table = 'keys';

/**
 * Makes a store of keys of a browser's WebCrypto that cannot be exported, neither by the SDK nor by a hostile script in
 * the page: such a script could sign while it runs, but cannot steal the key.
 *
 * The keys live as long as the site's storage: the caller must call `navigator.storage.persist()`. Such keys cannot
 * open packed messages.
 *
 * @throws {ClientError} by its methods: `profile.key_store` if there is no IndexedDB, or it does not keep keys now
 * @throws {TypeError} if `database` is not one, or `name` is not a string that is not empty
 * @example
 * const store = indexedDbKeys(undefined, 'my-wallet');
 * store.name; // → 'indexed-db'
 * await store.create(); // throws profile.key_store
 */
export function indexedDbKeys(
  database = (globalThis as { readonly indexedDB?: KeyDatabase }).indexedDB,
  name = 'countersign-wallet',
): KeyStore {
  optional(having('open'))(database, 'database');
  someText(name, 'name');
  return {
    name: 'indexed-db',
    async create() {
      const pair = (await crypto.subtle.generateKey('Ed25519', false, ['sign', 'verify'])) as KeyPair;
      const id = encodeBase64url(crypto.getRandomValues(new Uint8Array(16)));
      await withKeys(database, name, 'readwrite', (keys) => keys.add(pair, id));
      return storedKey(id, pair);
    },
    async open(id) {
      const pair = await withKeys(database, name, 'readonly', (keys) => keys.get(id));
      return pair === undefined ? undefined : storedKey(id, pair as KeyPair);
    },
  };
}

async function storedKey(id: string, { publicKey, privateKey }: KeyPair): Promise<StoredKey> {
  return {
    id,
    publicKey: new Uint8Array(await crypto.subtle.exportKey('raw', publicKey)),
    sign: async (bytes) => new Uint8Array(await crypto.subtle.sign('Ed25519', privateKey, Uint8Array.from(bytes))),
  };
}

type Keys = ReturnType<ReturnType<Database['transaction']>['objectStore']>;

async function withKeys(
  database: KeyDatabase | undefined,
  name: string,
  mode: 'readonly' | 'readwrite',
  ask: (keys: Keys) => Request<unknown>,
): Promise<unknown> {
  if (database === undefined) throw new ClientError('profile.key_store', 'There is no IndexedDB here.');
  const opening = database.open(name, 1);
  opening.onupgradeneeded = () => void opening.result.createObjectStore(table);
  const opened = await answerOf(opening);
  try {
    return await answerOf(ask(opened.transaction(table, mode).objectStore(table)));
  } finally {
    opened.close();
  }
}

function answerOf<T>(request: Request<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(new ClientError('profile.key_store', 'The browser does not keep keys now.'));
  });
}
