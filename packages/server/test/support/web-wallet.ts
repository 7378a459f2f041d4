/**
 * The SDK's wallet as a browser runs it: what the package has for the web in place of what it has for Node, and nothing of Node to be
 * imported. Argument: the issuer. Prints what it did as JSON.
 */
import { registerHooks } from 'node:module';
import type { KeyDatabase } from '../../../client/src/wallet/indexed-db-keys.ts';

const client = new URL('../../../client/src/', import.meta.url);
const web: Readonly<Record<string, string>> = {
  '#platform-crypto': new URL('web-crypto.ts', client).href,
  '#platform-scrypt': new URL('wallet/web-scrypt.ts', client).href,
};
const taken = new Set<string>();

registerHooks({
  resolve(specifier, context, next) {
    if (/^node:/.test(specifier)) throw new Error(`${context.parentURL} imports ${specifier}`);
    const replaced = web[specifier];
    if (replaced !== undefined) taken.add(specifier);
    return next(replaced ?? specifier, context);
  },
});

const { indexedDbKeys, profileText, Wallet } = await import('@countersign/client/wallet');
const { WalletService } = await import('@countersign/client/rpc');
const issuer = process.argv[2] as string;

const lock = { passphrase: 'correct horse battery', cost: { N: 16_384, r: 8, p: 1 } };
const sealed = await Wallet.open((await Wallet.create({ issuer, ...lock })).profile, lock);
const walletId = sealed.id as string;
const packed = await sealed.pack(WalletService.method.getWallet, { walletId });

const database = memoryDatabase();
const stored = await Wallet.create({ issuer, keyStore: indexedDbKeys(database) });
const text = profileText(stored.profile);
const again = await Wallet.open(text, { keyStore: indexedDbKeys(database) });
const refused = await again.pack(WalletService.method.getWallet, {}).catch(({ code }) => code);
process.stdout.write(
  JSON.stringify({
    taken: [...taken].sort(),
    described: (await sealed.describe()).id === walletId,
    packed: packed.walletId === walletId,
    stored: (await again.describe()).id === stored.id,
    invoked: (await again.list()).length,
    key: JSON.parse(text).key.store,
    refused,
  }),
);

/** IndexedDB as far as a key store needs it; like the real one, it keeps keys that cannot be exported. */
function memoryDatabase(): KeyDatabase {
  const stores = new Map<string, Map<string, unknown>>();
  const answering = (result: unknown) => {
    const request = { result, error: null, onsuccess: null as (() => void) | null, onerror: null };
    queueMicrotask(() => request.onsuccess?.());
    return request;
  };
  const opened = {
    createObjectStore: (name: string) => stores.set(name, new Map()),
    transaction: (name: string) => ({
      objectStore: () => ({
        get: (id: string) => answering(stores.get(name)?.get(id)),
        add: (value: unknown, id: string) => answering(stores.get(name)?.set(id, value) && id),
      }),
    }),
    close() {},
  };
  return {
    open: () => {
      const request = { ...answering(opened), onupgradeneeded: null as (() => void) | null };
      queueMicrotask(() => {
        if (stores.size === 0) request.onupgradeneeded?.();
        request.onsuccess?.();
      });
      return request as never;
    },
  };
}
