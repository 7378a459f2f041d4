import { expect, onTestFinished, test } from 'vitest';
import { temporaryDir } from './support/context.ts';
import { eachDatabase } from './support/databases.ts';
import { base64, rfc7797, type Sender, signed } from './support/message.ts';
import {
  assertionClaims,
  assertionForm,
  basic,
  form,
  networkKeys,
  oauthNetwork,
  post,
  secrets,
  signAssertion,
  tokenUrl,
  twoNodes,
} from './support/oauth.ts';
import { corporateAt, corporateNetwork, passwords, said } from './support/passwords.ts';
import { obtainToken } from './support/server.ts';

/** Two nodes of one database, and calls of the administrator at either. */
async function nodes(databaseUrl: string) {
  const keys = await networkKeys();
  const both = await twoNodes({ databaseUrl, network: oauthNetwork(keys) });
  onTestFinished(() => both.close());
  const token = await both.one.adminToken();
  const at =
    (node: 1 | 2) =>
    async (path: string, body?: object, headers: Record<string, string> = bearer(token)) => {
      const url = both.one.url + path;
      const response = await fetch(node === 1 ? url : both.atTwo(url), {
        headers: { ...headers, ...(body && { 'content-type': 'application/json' }) },
        ...(body && { method: 'POST', body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, body: text === '' ? {} : JSON.parse(text) };
    };
  return { ...both, keys, one: both.one, at };
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const participants = '/realms/dev/registry/participants';

eachDatabase('what was given up at one node a moment ago', (freshUrl) => {
  test('makes nothing that lasts at the next: a secret makes no secret', async () => {
    const { at, one, atTwo } = await nodes(await freshUrl());
    const agent = form({ grant_type: 'client_credentials', client_id: 'agent', client_secret: secrets.agent });
    expect((await post(atTwo(tokenUrl(one)), agent)).status).toBe(200);
    const { body } = await at(1)('/realms/dev/admin/participants/p-agent');
    const revoked = `${participants}/p-agent/secrets/${body.client.secrets[0].id}/revoke`;
    expect((await at(1)(revoked, { compromised: true })).status).toBe(204);
    const thief = basic('agent', secrets.agent);
    expect((await at(2)(`${participants}/p-agent/secrets`, {}, thief)).status).toBe(401);
  });

  test('nor does a key buy a token of the generation after it', async () => {
    const { at, one, keys, atTwo } = await nodes(await freshUrl());
    const reader = bearer(await obtainToken(one.issuer(), 'lender', secrets.lender));
    // The second node now knows the participant with its keys, and not its client.
    expect((await at(2)('/realms/dev/service/participant-roles/p-agent', undefined, reader)).status).toBe(200);
    const { body } = await at(1)('/realms/dev/admin/participants/p-agent');
    const { thumbprint } = body.keys.find(
      ({ publicKey }: { publicKey: { kid: string } }) => publicKey.kid === 'agent-es256',
    );
    const retired = `/realms/dev/admin/participants/p-agent/keys/${thumbprint}/retire`;
    expect((await at(1)(retired, { compromised: true })).status).toBe(200);
    const assertion = await signAssertion(keys.es256, assertionClaims(one.issuer(), 'agent'));
    expect((await post(atTwo(tokenUrl(one)), assertionForm(assertion))).status).toBe(401);
  });

  test('nor is there a receipt for what a key has signed', async () => {
    const { at, one, keys } = await nodes(await freshUrl());
    const lender = bearer(await obtainToken(one.issuer(), 'lender', secrets.lender));
    const sender = { alg: 'ES256', jwk: keys.es256.jwk, privateKey: keys.es256.privateKey } as unknown as Sender;
    const message = {
      signature: signed(sender, rfc7797(sender), '{}'),
      payload: base64('{}'),
      participantId: 'p-agent',
    };
    expect((await at(2)('/realms/dev/receipts', message, lender)).status).toBe(200);
    const { body } = await at(1)('/realms/dev/admin/participants/p-agent');
    for (const { thumbprint } of body.keys)
      await at(1)(`/realms/dev/admin/participants/p-agent/keys/${thumbprint}/retire`, {});
    expect((await at(2)('/realms/dev/receipts', message, lender)).status).toBe(422);
  });

  test('nor does an administrator make another', async () => {
    const { at, one, atTwo } = await nodes(await freshUrl());
    const wanted = { name: 'administration', scope: 'countersign:admin' };
    const { body } = await at(1)('/realms/dev/admin/clients', wanted);
    const { clientId: client_id, clientSecret: client_secret } = body;
    const asked = { grant_type: 'client_credentials', client_id, client_secret, resource: one.issuer() };
    const issued = await post(atTwo(tokenUrl(one)), form(asked));
    const { access_token } = (await issued.json()) as { readonly access_token: string };
    expect((await at(2)('/realms/dev/admin/clients', undefined, bearer(access_token))).status).toBe(200);
    expect((await at(1)(`/realms/dev/admin/clients/${client_id}/end`, {})).status).toBe(200);
    expect((await at(2)('/realms/dev/admin/clients', wanted, bearer(access_token))).status).toBe(401);
  });

  test('nor does a session make a credential', async () => {
    const both = await twoNodes({ databaseUrl: await freshUrl(), network: corporateNetwork() });
    onTestFinished(() => both.close());
    const one = corporateAt(both.one);
    const two = corporateAt(both.one, both.atTwo(both.one.url));
    await one.admin('/passwords/cred-1/create', { password: { value: passwords.first } });
    const token = await one.session('alice@acme.example');
    for (const node of [one, two]) expect(said(await node.call('/auth/subject', token))).toBe('200');
    expect((await one.admin('/auth/sessions/terminate', { credentialId: 'cred-1' })).status).toBe(204);
    const user = { type: 'USER', code: 'thief', email: 'thief@evil.example' };
    const made = await two.call('/identities/corp-1/credentials/_/create', token, user);
    expect(said(made)).toBe('401 SESSION_INVALID');
  });
});

test('a client whose id reads like another actor writes its events as a client', async () => {
  const { at, one } = await nodes(`sqlite:${temporaryDir()}/countersign.db`);
  const { body } = await at(1)('/realms/dev/admin/clients', { id: 'system', name: 'x', scope: 'countersign:admin' });
  const own = bearer(await obtainToken(one.issuer(), 'system', body.clientSecret, [['resource', one.issuer()]]));
  expect((await at(1)(`${participants}/p-lender/suspend`, {}, own)).status).toBe(200);
  const ofSuspension = one.context.store.db.selectFrom('event').where('type', '=', 'participant.suspended');
  expect(await ofSuspension.select('actor').execute()).toEqual([{ actor: 'client:system' }]);
});
