import { expect, onTestFinished, test } from 'vitest';
import { exchangeGrant, sessionType } from './support/chain.ts';
import { eachDatabase } from './support/databases.ts';
import { eventually } from './support/eventually.ts';
import { form, twoNodes } from './support/oauth.ts';
import { type Corporate, corporateAt, corporateNetwork, passwords, said } from './support/passwords.ts';

const alice = 'alice@acme.example';
const bob = 'bob';
const change = (from: string, to: string) => ({ oldPassword: { value: from }, password: { value: to } });

/** Two nodes of one database, where `cred-1` and `cred-2` have their first password. */
async function nodes(databaseUrl: string) {
  const both = await twoNodes({ databaseUrl, network: corporateNetwork() });
  onTestFinished(() => both.close());
  const one = corporateAt(both.one);
  const two = corporateAt(both.one, both.atTwo(both.one.url));
  for (const id of ['cred-1', 'cred-2']) {
    await one.admin(`/passwords/${id}/create`, { password: { value: passwords.first } });
  }
  return { one, two };
}

const subjectAt = async (node: Corporate, token: string) => said(await node.call('/auth/subject', token));

/** The status of an exchange of the session for a signed subject. */
async function exchangedAt({ call }: Corporate, token: string): Promise<number> {
  const body = form({ grant_type: exchangeGrant, subject_token: token, subject_token_type: sessionType });
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  return (await call('/realms/dev/protocol/openid-connect/token', undefined, body, headers)).status;
}

/** A session that both nodes know, from their caches. */
async function known({ one, two }: { readonly one: Corporate; readonly two: Corporate }, code = alice) {
  const token = await one.session(code);
  for (const node of [one, two, one, two]) expect(await subjectAt(node, token)).toBe('200');
  return token;
}

type Ending = readonly [what: string, end: (node: Corporate, token: string, id: string) => Promise<number>];

/** What ends a session, and the status that says it is done. */
const endings: readonly Ending[] = [
  ['logout', async ({ call }, token) => (await call('/auth/logout', token)).status],
  ['forced termination', async ({ admin }, _, id) => (await admin(`/auth/sessions/${id}/terminate`)).status],
  [
    'forced termination of all',
    async ({ admin }) => (await admin('/auth/sessions/terminate', { credentialId: 'cred-1' })).status,
  ],
  [
    'disabling the credential',
    async ({ admin }) => (await admin('/realms/dev/admin/credentials/cred-1/disable')).status,
  ],
  ['disabling the identity', async ({ admin }) => (await admin('/realms/dev/admin/identities/corp-1/disable')).status],
  // The last one: no login after it.
  ['expiry of the password', async ({ admin }) => (await admin('/passwords/cred-1/1/expire')).status],
];

eachDatabase('of two nodes', (freshUrl) => {
  test('the one that ends a session refuses it at once, the other within two seconds', async () => {
    const both = await nodes(await freshUrl());
    const { one, two } = both;
    for (const [what, end] of endings) {
      const token = await known(both);
      const { sessions } = (await one.call('/auth/sessions/get', token)).body as {
        sessions: { id: string; current: boolean }[];
      };
      const own = sessions.find(({ current }) => current)?.id as string;
      const ended = performance.now();
      expect([what, (await end(one, token, own)) < 300]).toEqual([what, true]);
      expect([what, await subjectAt(one, token)]).toEqual([what, '401 SESSION_INVALID']);
      // Nothing more is made of it anywhere, from this moment on.
      expect([what, await subjectAt(two, token)]).toEqual([what, '401 SESSION_INVALID']);
      expect([what, await exchangedAt(two, token)]).toEqual([what, 400]);
      await eventually(
        async () => said(await two.call('/auth/sessions/get', token)) === '401 SESSION_INVALID',
        2_000 - (performance.now() - ended),
      );
      for (const path of ['credentials/cred-1', 'identities/corp-1'])
        await one.admin(`/realms/dev/admin/${path}/enable`);
    }
  });

  test('the one that a password is changed at ends the session at the other, which takes the new token at once', async () => {
    const both = await nodes(await freshUrl());
    const { one, two } = both;
    const before = await known(both);
    const updated = await one.call('/passwords/cred-1/update', before, change(passwords.first, passwords.second));
    const at = performance.now();
    expect(await subjectAt(two, String(updated.body.token))).toBe('200');
    expect(said(await two.login(alice, passwords.first))).toBe('403 FAILED_LOGIN');
    expect(await subjectAt(one, before)).toBe('401 SESSION_INVALID');
    await eventually(
      async () => (await subjectAt(two, before)) === '401 SESSION_INVALID',
      2_000 - (performance.now() - at),
    );
  });

  test('the one that has not heard of the change opens sessions that live, there and here', async () => {
    const both = await nodes(await freshUrl());
    const { one, two } = both;
    let [password, next]: string[] = [passwords.first, passwords.second];
    for (let round = 0; round < 4; round++) {
      const token = await two.session(alice, password);
      expect(await subjectAt(one, token)).toBe('200');
      await two.call('/passwords/cred-1/update', token, change(password as string, next as string));
      // Node one knows the generation before, from its cache.
      const fresh = await one.session(alice, next);
      for (const node of [one, two, one]) expect(await subjectAt(node, fresh)).toBe('200');
      [password, next] = [next, `${passwords.third} ${round}`];
    }
  });

  test('the one that has not heard that a credential was enabled again takes the sessions that it opens', async () => {
    const both = await nodes(await freshUrl());
    const { one, two } = both;
    const token = await known(both, bob);
    await one.admin('/realms/dev/admin/credentials/cred-2/disable');
    await eventually(async () => (await subjectAt(two, token)) === '401 SESSION_INVALID', 2_000);
    await one.admin('/realms/dev/admin/credentials/cred-2/enable');
    const fresh = await two.session(bob);
    for (const node of [two, one]) expect(await subjectAt(node, fresh)).toBe('200');
    expect(await subjectAt(two, token)).toBe('401 SESSION_INVALID');
  });

  test('both refuse what was made from a session that has ended: its subject token is not exchanged, nor alive', async () => {
    const both = await nodes(await freshUrl());
    const { one, two } = both;
    const token = await known(both);
    const signed = String((await two.call('/auth/subject', token)).body.token);
    await one.call('/auth/logout', token);
    for (const node of [one, two]) expect(await subjectAt(node, signed)).toMatch(/^401/);
  });
});
