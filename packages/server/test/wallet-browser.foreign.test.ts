/**
 * Wallets in a real browser: the SDK's own modules, their types stripped and nothing else, in pages of Chromium that come from another
 * origin than the realm.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { stripTypeScriptTypes } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { startServer } from './support/wallet-client.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const chromium = '/usr/bin/chromium';
/** Debian's, which CI installs. */
const isThere = existsSync(chromium);

test.runIf(process.env.CI)('Chromium is there', () => expect(isThere, 'apt-get install chromium').toBe(true));

const imports = {
  '@countersign/client/wallet': '/packages/client/src/wallet/index.ts',
  '@countersign/proof': '/packages/proof/src/index.ts',
  '@countersign/proof/didcomm': '/packages/proof/src/didcomm/index.ts',
  '@countersign/proof/argument': '/packages/proof/src/argument.ts',
  '#platform-crypto': '/packages/client/src/web-crypto.ts',
  '#platform-scrypt': '/packages/client/src/wallet/web-scrypt.ts',
  '@noble/': '/node_modules/@noble/',
};

/** What the pages do: each posts what it saw to the server that it came from. */
const steps = {
  create: `
    const wallet = await Wallet.create({ issuer, keyStore, save });
    const [pair] = await everyKey();
    return {
      isExtractable: pair.privateKey.extractable,
      exported: await crypto.subtle.exportKey('pkcs8', pair.privateKey).then(() => 'exported', (error) => error.name),
      profile,
      id: (await wallet.describe()).id,
      token: (await wallet.token()).split('.').length,
    };`,
  reopen: `
    const wallet = await Wallet.open(given.profile, { keyStore });
    const { id } = await wallet.describe();
    const invoked = await wallet.call('/countersign.v1.WalletService/GetWallet', { walletId: wallet.id }, 'invocation');
    return { id, invoked: invoked.walletId, did: wallet.did };`,
  prepare: `
    await save(await Wallet.prepare({ issuer, keyStore }));
    return { profile, did: JSON.parse(profile).did };`,
  grant: `
    const wallet = await Wallet.open(given.profile, { keyStore });
    const { capability } = await wallet.grant(given.did, { actions: ['read'], expires: Date.now() + 600_000 });
    return { capability };`,
  accept: `
    const wallet = await Wallet.open(Wallet.accept(parseProfile(given.profile), given.capability), { keyStore });
    return {
      id: (await wallet.describe()).id,
      grant: await wallet.grant('did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK', { actions: ['read'], expires: Date.now() + 60_000 })
        .then(() => 'granted', (error) => error.code ?? String(error)),
    };`,
  refused: `
    return { create: await Wallet.create({ issuer, keyStore, save }).then(() => 'created', (error) => error.code) };`,
} as const;

function page(issuer: string, step: keyof typeof steps, given: unknown): string {
  const script = `
    import { indexedDbKeys, parseProfile, profileText, Wallet } from '@countersign/client/wallet';
    const issuer = ${JSON.stringify(issuer)};
    const given = ${JSON.stringify(given)};
    const keyStore = indexedDbKeys();
    let profile;
    const save = async (next) => { profile = profileText(next); };
    const settled = (request) => new Promise((resolve) => { request.onsuccess = () => resolve(request.result); });
    const everyKey = async () =>
      settled((await settled(indexedDB.open('countersign-wallet', 1))).transaction('keys').objectStore('keys').getAll());
    const run = async () => { ${steps[step]} };
    const seen = await run().catch((error) => ({ error: String(error?.code ?? error), message: String(error?.message) }));
    await fetch('/seen', { method: 'POST', body: JSON.stringify(seen) });`;
  return `<!doctype html><script type="importmap">${JSON.stringify({ imports })}</script><script type="module">${script}</script>`;
}

/** Files of the clone below the packages, and one page, which posts to it. */
async function site(): Promise<{
  origin: string;
  show(html: string): Promise<Record<string, unknown>>;
  server: Server;
}> {
  let html = '';
  let seen: (what: Record<string, unknown>) => void = () => {};
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    if (pathname === '/seen') {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      response.end();
      return seen(JSON.parse(Buffer.concat(chunks).toString()));
    }
    if (pathname === '/') return response.setHeader('content-type', 'text/html').end(html);
    const path = join(root, normalize(pathname));
    if (!/^\/(packages|node_modules)\/[\w@./-]+\.(ts|js)$/.test(pathname) || !existsSync(path)) {
      return response.writeHead(404).end();
    }
    const text = readFileSync(path, 'utf8');
    response.setHeader('content-type', 'text/javascript');
    return response.end(path.endsWith('.ts') ? stripTypeScriptTypes(text) : text);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://localhost:${(server.address() as AddressInfo).port}`,
    show(next) {
      html = next;
      return new Promise((resolve) => (seen = resolve));
    },
    server,
  };
}

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

type Browser = (url: string, until: Promise<Record<string, unknown>>) => Promise<Record<string, unknown>>;

/**
 * One person's browser: what it keeps is its own. It ends with each visit, with the test if that times out, and, because
 * its pipe for debugging closes, with this process.
 */
function browser(): Browser {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-browser-'));
  folders.push(folder);
  const options = ['headless', 'no-sandbox', 'disable-gpu', 'disable-quic', 'no-first-run', 'disable-sync'];
  const quiet = ['disable-background-networking', 'disable-component-update', `user-data-dir=${folder}`];
  return async (url, until) => {
    const all = [...options, ...quiet, 'remote-debugging-pipe'].map((option) => `--${option}`);
    const child = spawn(chromium, [...all, url], {
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    });
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    onTestFinished(() => end(child));
    try {
      return await Promise.race([until, ended.then(() => Promise.reject(new Error('Chromium ended by itself')))]);
    } finally {
      // What it keeps is on the disk only after a quiet end.
      signal(child, 'SIGTERM');
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 5_000).unref())]);
      end(child);
      await ended;
    }
  };
}

/** Its helpers too, which outlive it for a moment. */
function end(child: ChildProcess): void {
  signal(child, 'SIGKILL');
}

function signal(child: ChildProcess, name: NodeJS.Signals): void {
  try {
    process.kill(-(child.pid as number), name);
  } catch {
    // The whole group has ended.
  }
}

test.skipIf(!isThere)(
  'Chromium makes a wallet with a key that nobody can export, finds it again, and passes it on (skipped where it is not installed)',
  { timeout: 120_000 },
  async () => {
    const { origin, show, server: pages } = await site();
    onTestFinished(() => void pages.close());
    const settings = { walletCreation: 'open', accessTokenAlg: 'ES256' };
    const realm = await startServer({
      network: { realms: [{ name: 'dev', profile: 'ocen4', settings }] },
      env: { COUNTERSIGN_CORS_ORIGINS: origin },
    });
    const [ada, bob] = [browser(), browser()];
    const visit = (who: typeof ada, step: keyof typeof steps, given: unknown = null, at = origin) =>
      who(at, show(page(realm.issuer(), step, given)));

    const created = await visit(ada, 'create');
    expect(created).toMatchObject({ isExtractable: false, exported: 'InvalidAccessError', token: 3 });
    // The browser has ended and begun again: the profile, which holds no secret, is kept here, the key is there.
    const { profile } = created;
    const reopened = await visit(ada, 'reopen', { profile });
    expect(reopened).toEqual({ id: created.id, invoked: created.id, did: expect.stringMatching(/^did:key:z6Mk/) });

    const prepared = await visit(bob, 'prepare');
    const { capability } = await visit(ada, 'grant', { profile, did: prepared.did });
    const accepted = await visit(bob, 'accept', { profile: prepared.profile, capability });
    expect(accepted).toMatchObject({ id: created.id, grant: 'wallet.denied' });

    // The same site by another name is another origin, which the realm does not know.
    expect(await visit(browser(), 'refused', null, origin.replace('localhost', '127.0.0.1'))).toEqual({
      create: 'http.unreachable',
    });
  },
);
