/**
 * What is derived dies with what it came from, also when time ends the parent. The clock of two nodes, of the SDK and of the devices is
 * moved past the end of one parent; then the same is asked as in `descendants.test.ts`.
 */
import { calculateJwkThumbprint } from 'jose';
import { expect, onTestFinished, test, vi } from 'vitest';
import { eachDatabase } from './support/databases.ts';
import { familyRealm } from './support/descendants.ts';
import { asExpected, childrenOf, type Ending, observed } from './support/ended-family.ts';
import { signingPair } from './support/oauth.ts';
import { testServer } from './support/server.ts';
import { mailbox } from './support/smtp.ts';

const { own, client, sessions, credential } = childrenOf;

/** Everybody's clock; milliseconds. */
let passed = 0;
const pass = (seconds: number) => async () => {
  passed += seconds * 1000;
  return 200;
};
/** Made from a capability that lives for five minutes. */
const shortLived = own.filter((child) => child !== 'own token');

const endings: Readonly<Record<string, Ending & { readonly settings: object }>> = {
  'session-unused': { settings: { sessionIdleSeconds: 30 }, dies: sessions, end: pass(40) },
  'session-at-its-limit': { settings: { sessionMaxSeconds: 60 }, dies: sessions, end: pass(70) },
  'session-limit-lowered': {
    settings: {},
    dies: sessions,
    // docs/threat-model.md: in no feed.
    untilExpiry: [
      'subject',
      'subject, passed on',
      'service token of the session',
      'service token of the session, passed on',
    ],
    async end(family) {
      await pass(100)();
      return (await family.administer('/admin/settings', { settings: { sessionMaxSeconds: 60 } }, 'PATCH')).status;
    },
  },
  'access-tokens-at-their-end': {
    settings: { accessTokenSeconds: 60 },
    // A signed subject has its own minute.
    dies: [...client, 'subject', 'subject, passed on'],
    end: pass(70),
  },
  'code-at-its-end': {
    settings: {},
    dies: [...credential, ...shortLived],
    end: pass(3_700),
  },
};

eachDatabase('what is derived', (freshUrl) => {
  const title = 'dies when the time of what it came from is over, and nothing else does, on two nodes and offline';
  test(title, { timeout: 300_000 }, async () => {
    const now = Date.now.bind(Date);
    passed = 0;
    vi.spyOn(Date, 'now').mockImplementation(() => now() + passed);
    onTestFinished(() => void vi.restoreAllMocks());
    const { jwk } = await signingPair('ES256', 'orders-1');
    const thumbprint = await calculateJwkThumbprint(jwk);
    const mails = await mailbox();
    const databaseUrl = await freshUrl();
    const clock = { now: () => Date.now(), elapsed: () => performance.now() };
    const env = { COUNTERSIGN_SMTP_URL: mails.url, COUNTERSIGN_TRUSTED_PROXIES: '127.0.0.1,::1' };
    const realms = Object.entries(endings).map(([name, { settings }]) => familyRealm(name, jwk, settings));
    const one = await testServer({ databaseUrl, clock, env, network: { realms } });
    const two = await testServer({
      databaseUrl,
      clock,
      env: { ...env, COUNTERSIGN_PUBLIC_URL: one.url },
      network: { realms },
    });
    onTestFinished(async () => void (await Promise.all([one.close(), two.close()])));
    const urls = [one.url, `http://localhost:${two.context.config.port}`];
    for (const [name, ending] of Object.entries(endings)) {
      const admin = await one.adminToken();
      const cluster = { url: one.url, nodes: urls, mails, admin };
      expect([name, await observed(cluster, name, ending, thumbprint)]).toEqual([name, asExpected(ending)]);
    }
  });
});
