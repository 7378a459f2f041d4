import { type Action, type OpenedWallet, Wallet } from '@countersign/client/wallet';
import { onTestFinished } from 'vitest';
import { type TestServer, type TestServerOptions, testServer } from './server.ts';

/** The least that a profile may cost: what a guess costs is for other tests. */
export const lock = { passphrase: 'correct horse battery', cost: { N: 16_384, r: 8, p: 1 } } as const;

/** A server that is closed when the test ends. */
export async function startServer(options: TestServerOptions = {}): Promise<TestServer> {
  const started = await testServer(options);
  onTestFinished(() => started.close());
  return started;
}

/** A realm whose settings differ from what `dev` has by itself. */
export function devRealm(settings: object): TestServerOptions {
  return {
    network: { realms: [{ name: 'dev', profile: 'ocen4', settings: { accessTokenAlg: 'ES256', ...settings } }] },
  };
}

/** Another device, prepared there and granted here. */
export async function deviceOf(
  wallet: OpenedWallet,
  actions: readonly Action[],
  expires: number,
): Promise<OpenedWallet> {
  const waiting = await Wallet.prepare({ issuer: wallet.issuer, ...lock });
  const { capability } = await wallet.grant(waiting.did, { actions, expires });
  return Wallet.open(Wallet.accept(waiting, capability), lock);
}

/** The same fetch, with what it was asked. */
export function watchedFetch() {
  const asked: { readonly path: string; readonly headers: Headers; readonly body: string }[] = [];
  return {
    asked,
    paths: () => asked.map(({ path }) => path.slice(path.lastIndexOf('/') + 1)),
    fetch: (url: string, init: RequestInit) => {
      const { pathname: path } = new URL(url);
      asked.push({ path, headers: new Headers(init.headers), body: String(init.body) });
      return fetch(url, init);
    },
  };
}
