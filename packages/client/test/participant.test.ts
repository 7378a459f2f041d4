import { createHash, generateKeyPairSync } from 'node:crypto';
import { signatureField } from '@countersign/proof';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import {
  createParticipant,
  type Fetch,
  type Participant,
  type ParticipantDetail,
  type ParticipantOptions,
  type PrivateJwk,
  type PublicJwk,
  parsePublicJwk,
  type RegisteredKey,
  type Registry,
  webCrypto,
} from '../src/index.ts';
import { eventually } from './support/eventually.ts';
import { startProvider } from './support/providers.ts';
import { agent, ecKey, lender, publicPart, type RealmServer, serveRealm } from './support/realm-server.ts';

let realm: RealmServer;
const open: Participant[] = [];
beforeAll(async () => {
  realm = await serveRealm();
});
afterEach(() => {
  for (const participant of open.splice(0)) participant.close();
});
afterAll(() => realm?.[Symbol.asyncDispose]());

function participant(who: typeof agent | typeof lender, change: Partial<ParticipantOptions> = {}): Participant {
  const one = createParticipant({
    issuer: realm.issuer,
    clientId: who.clientId,
    clientSecret: who.secret,
    privateKey: who === agent ? realm.agentKey : realm.lenderKey,
    ...change,
  });
  open.push(one);
  return one;
}

/** A fetch that counts by the last part of the path. */
function counting(): { readonly fetch: Fetch; readonly calls: Record<string, number> } {
  const calls: Record<string, number> = {};
  return {
    calls,
    fetch(url, init) {
      const name = new URL(url).pathname.split('/').at(-1) ?? '';
      calls[name] = (calls[name] ?? 0) + 1;
      return fetch(url, init);
    },
  };
}

const total = (calls: Record<string, number>) => Object.values(calls).reduce((sum, one) => sum + one, 0);

async function incoming(sender: Participant, body: string, options: { form?: 'strict' | 'rfc7797' } = {}) {
  const message = {
    kind: 'request',
    method: 'POST',
    target: 'https://lender.example/loans',
    requestTarget: '/loans',
    body: Buffer.from(body),
  } as const;
  const fields = await sender.sign(message, { to: lender.id, ...options });
  return { ...message, headers: { authorization: `Bearer ${await sender.token()}`, ...fields } };
}

test('a thousand first requests at once make one token and one registry call; warm ones make none', async () => {
  const sender = participant(agent);
  const { fetch: counted, calls } = counting();
  // The feed is asked in the background, here once an hour.
  const receiver = participant(lender, { fetch: counted, status: { pollSeconds: 3600 } });
  const requests = await Promise.all(Array.from({ length: 1000 }, (_, n) => incoming(sender, `{"n":${n}}`)));
  const verdicts = await Promise.all(requests.map((request) => receiver.verifyRequest(request)));
  expect(new Set(verdicts.map(({ participant: { id } }) => id))).toEqual(new Set([agent.id]));
  expect(calls).toEqual({ 'openid-configuration': 2, certs: 1, token: 1, status: 1, [agent.id]: 1 });
  const before = total(calls);
  for (const form of ['rfc7797', 'strict'] as const) {
    const warm = await incoming(sender, '{"warm":true}', { form });
    const verdict = await receiver.verifyRequest(warm);
    await receiver.signResponse(verdict, { status: 200, body: new Uint8Array(0) });
  }
  expect(total(calls)).toBe(before);
});

test('a thousand first calls at once make one token and one look at the registry', async () => {
  // A busy machine answers a thousand at once in more than ten seconds.
  const timeoutMilliseconds = 60_000;
  const receiver = participant(lender, { timeoutMilliseconds });
  await using provider = await startProvider('node', (url) => ({ participant: receiver, publicUrl: url }));
  const { fetch: counted, calls } = counting();
  const sender = participant(agent, { fetch: counted, timeoutMilliseconds, status: { pollSeconds: 3600 } });
  const began = performance.now();
  const answers = await Promise.all(
    Array.from({ length: 1000 }, () =>
      sender.fetch(`${provider.url}/blind`, { method: 'POST', body: 'x', to: lender.id, timeoutMilliseconds }),
    ),
  );
  expect(answers.every(({ status, countersign }) => status === 200 && countersign !== undefined)).toBe(true);
  expect(calls).toMatchObject({ token: 1, status: 1, blind: 1000 });
  // The registry's answer is fresh for ten seconds.
  expect(calls[lender.id]).toBeLessThanOrEqual(1 + Math.floor((performance.now() - began) / 10_000));
});

test('the verdict says who, what and how', async () => {
  const [sender, receiver] = [participant(agent), participant(lender)];
  const verdict = await receiver.verifyRequest(await incoming(sender, '{"a":1}'));
  expect(verdict.subject).toMatchObject({ kind: 'participant', participantId: agent.id, clientId: agent.clientId });
  expect(verdict.participant).toMatchObject({ id: agent.id, kcClientId: agent.clientId });
  expect(verdict.signature).toMatchObject({
    form: 'rfc7797',
    binding: 'bytes',
    alg: 'RS256',
    kid: 'la-sig-2024-01',
    replay: 'first',
  });
  expect(verdict.signature.thumbprint).toMatch(/^[\w-]{43}$/);
  expect(verdict.digest).toBe(createHash('sha256').update('{"a":1}').digest('base64url'));
  const strict = await receiver.verifyRequest(await incoming(sender, '{"a":1}', { form: 'strict' }));
  expect(strict.signature).toMatchObject({ form: 'strict', binding: 'message', replay: 'first' });
});

test('a response of somebody else, of another request or with other bytes is not believed', async () => {
  const receiver = participant(lender);
  await using provider = await startProvider('node', (url) => ({ participant: receiver, publicUrl: url }));
  const url = `${provider.url}/blind`;
  const changed = (change: (response: Response) => Response | Promise<Response>) =>
    participant(agent, {
      fetch: async (to, init) => {
        const response = await fetch(to, init);
        return to.startsWith(provider.url) ? change(response) : response;
      },
    });
  const call = (sender: Participant, form: 'strict' | 'rfc7797' = 'strict') =>
    sender.fetch(url, { method: 'POST', body: '{}', to: lender.id, form });
  const { status, headers } = await call(participant(agent));
  const replayed = headers.get(signatureField) ?? '';
  const cases: [string, (response: Response) => Response | Promise<Response>][] = [
    ['message.signature', (response) => new Response('{"ok":false}', response)],
    ['message.signature', async (response) => new Response(`${await response.text()} `, response)],
    ['message.sts', (response) => new Response(response.body, { status: 201, headers: response.headers })],
    [
      'message.req',
      async (r) => new Response(await r.arrayBuffer(), { status, headers: { [signatureField]: replayed } }),
    ],
    ['response.unsigned', async (response) => new Response(await response.arrayBuffer(), { status: 200 })],
    [
      'message.signature_repeated',
      async (r) => {
        const twice = new Headers(r.headers);
        twice.append(signatureField, replayed);
        return new Response(await r.arrayBuffer(), { status, headers: twice });
      },
    ],
  ];
  for (const [code, change] of cases) await expect(call(changed(change))).rejects.toMatchObject({ code });
  // A response in a weaker form could be the answer to something else.
  const weak = participant(lender);
  const downgraded = {
    ...weak,
    signResponse: (
      verified: Parameters<Participant['signResponse']>[0],
      answer: { status: number; body: Uint8Array },
    ) => weak.signResponse({ ...verified, signature: { ...verified.signature, form: 'rfc7797' } }, answer),
  };
  await using lax = await startProvider('node', (to) => ({ participant: downgraded, publicUrl: to }));
  const asked = participant(agent).fetch(`${lax.url}/blind`, {
    method: 'POST',
    body: '{}',
    to: lender.id,
    form: 'strict',
  });
  await expect(asked).rejects.toMatchObject({ code: 'message.form' });
  // Signed by the receiver, and expected from another.
  const self = participant(agent).fetch(url, { method: 'POST', body: '{}', to: agent.id });
  await expect(self).rejects.toMatchObject({ code: 'message.signature' });
});

test('nothing is sent without a recipient, to a host without TLS, or after a redirect', async () => {
  const { fetch: counted, calls } = counting();
  const sender = participant(agent, { fetch: counted });
  await expect(sender.fetch('https://lender.example/x')).rejects.toMatchObject({ code: 'message.recipient_missing' });
  await expect(sender.fetch('https://lender.example/x', { response: 'ignored', form: 'strict' })).rejects.toMatchObject(
    { code: 'message.recipient_missing' },
  );
  await expect(sender.fetch('http://lender.example/x', { to: lender.id })).rejects.toMatchObject({
    code: 'message.url',
  });
  expect(calls).toEqual({});
});

test('a peer that does not answer, and one that never ends, are given up', async () => {
  const sender = participant(agent);
  await using silent = await startProvider('node', () => ({
    participant: { ...sender, verifyRequest: () => new Promise(() => {}) },
  }));
  const init = { method: 'POST', body: 'x', to: lender.id } as const;
  await expect(sender.fetch(silent.url, { ...init, timeoutMilliseconds: 200 })).rejects.toMatchObject({
    code: 'http.timeout',
  });
  const aborted = sender.fetch(silent.url, { ...init, signal: AbortSignal.timeout(100) });
  await expect(aborted).rejects.toThrow();
  const large = participant(lender);
  await using provider = await startProvider('node', () => ({ participant: large }));
  await expect(sender.fetch(`${provider.url}/big`, { to: lender.id, maxResponseBytes: 1000 })).rejects.toMatchObject({
    code: 'response.too_large',
  });
});

test('tokens that are for somebody else are refused where we name ourselves, and our own does not have to be for us', async () => {
  const receiver = participant(lender, { audience: 'https://lender.example' });
  const request = await incoming(participant(agent), '{}', { form: 'strict' });
  await expect(receiver.verifyRequest(request)).rejects.toMatchObject({ code: 'jwt.audience', status: 401 });
  const usual = participant(lender, { audience: realm.issuer });
  expect((await usual.verifyRequest(request)).signature.form).toBe('strict');
});

test('what cannot be had is 503, and no fault of the sender', async () => {
  const sender = participant(agent);
  const request = await incoming(sender, '{}');
  const without = (path: string) =>
    participant(lender, {
      fetch: async (url, init) => {
        if (url.includes(path)) throw new TypeError('cut');
        return fetch(url, init);
      },
    });
  const cases = { '/certs': 'keys.unavailable', '/status': 'status.unavailable', '/service/': 'registry.unavailable' };
  for (const [path, code] of Object.entries(cases)) {
    await expect(without(path).verifyRequest(request)).rejects.toMatchObject({ code, status: 503 });
  }
  const full = participant(lender, { replay: { seen: () => Promise.reject(new Error('away')) } });
  const strict = await incoming(sender, '{}', { form: 'strict' });
  await expect(full.verifyRequest(strict)).rejects.toMatchObject({ code: 'replay.unavailable', status: 503 });
  expect((await full.verifyRequest(request)).signature.replay).toBe('unchecked');
});

test('an own token that does not verify is no fault of the sender', async () => {
  const request = await incoming(participant(agent), '{}');
  const receiver = participant(lender, {
    fetch: async (url, init) => {
      if (!url.endsWith('/token')) return fetch(url, init);
      return Response.json({ access_token: 'not.a.token', token_type: 'Bearer', expires_in: 60 });
    },
    status: 'none',
  });
  await expect(receiver.verifyRequest(request)).rejects.toMatchObject({ code: 'keys.unavailable', status: 503 });
});

test('a key is rotated under traffic without one refusal', async () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const newKey = { ...privateKey.export({ format: 'jwk' }), alg: 'RS256', kid: 'la-sig-2' };
  const receiver = participant(lender);
  const [before, after] = [participant(agent), participant(agent, { privateKey: newKey })];
  await using provider = await startProvider('express', (url) => ({ participant: receiver, publicUrl: url }));
  let [sender, sent, isDone] = [before, 0, false];
  const traffic = Promise.all(
    Array.from({ length: 4 }, async () => {
      while (!isDone) {
        const response = await sender.fetch(`${provider.url}/echo`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: `{"n":${sent}}`,
          to: lender.id,
        });
        expect(response.status).toBe(200);
        sent++;
      }
    }),
  );
  const more = (count: number) => {
    const goal = sent + count;
    return eventually(() => sent >= goal, 20_000);
  };
  await more(50);
  await realm.administer(`/admin/participants/${agent.id}/keys`, { publicKey: publicPart(newKey) });
  // With the very next message, long before a cached entry has grown old.
  sender = after;
  await more(50);
  sender = before;
  await more(50);
  isDone = true;
  await traffic;
  expect(provider.refusals).toEqual([]);
});

test('what travels is what is signed: nothing asks for a coding', async () => {
  const receiver = participant(lender);
  await using provider = await startProvider('node', () => ({ participant: receiver }));
  const asked: unknown[] = [];
  const sender = participant(agent, {
    fetch: (url, init) => {
      if (url.startsWith(provider.url)) asked.push(new Headers(init.headers).get('accept-encoding'));
      return fetch(url, init);
    },
  });
  await sender.fetch(`${provider.url}/blind`, { to: lender.id, headers: { 'accept-encoding': 'gzip' } });
  expect(asked).toEqual(['identity']);
});

/** What a remembered entry may have wrong, and the newest has right. */
const outdated: [string, (entry: ParticipantDetail, stranger: RegisteredKey) => Partial<ParticipantDetail>][] = [
  ['participant.not_approved', () => ({ participantRoleStatus: 'UNDER_REVIEW', approved: false })],
  ['participant.client', () => ({ kcClientId: 'an-older-client' })],
  ['message.signature', (_entry, key) => ({ keys: [key] })],
  ['message.signature_length', (_entry, key) => ({ keys: [{ ...key, key: publicKeyOf(rsa3072) }] })],
  ['message.alg_mismatch', () => ({ keys: [registered(publicKeyOf(ecKey('x')))] })],
  ['message.kid_unknown', (_entry, key) => ({ keys: [{ ...key, key: publicKeyOf(stranger, 'y') }] })],
  ['message.key_missing', () => ({ keys: [] })],
  ['message.key_form', (entry) => ({ keys: entry.keys.map((key) => ({ ...key, form: 'strict' as const })) })],
  ['message.key_not_yet_valid', (entry) => ({ keys: entry.keys.map((key) => ({ ...key, notBefore: 4e9 })) })],
];
const rsa = (modulusLength: number) =>
  generateKeyPairSync('rsa', { modulusLength }).privateKey.export({ format: 'jwk' }) as PrivateJwk;
const [stranger, rsa3072] = [rsa(2048), rsa(3072)];

function publicKeyOf(jwk: PrivateJwk, kid?: string): PublicJwk {
  const parsed = parsePublicJwk({ ...publicPart(jwk), ...(kid === undefined ? {} : { kid }) });
  if (!parsed.ok) throw new Error(parsed.reason);
  return parsed.key;
}

function registered(key: PublicJwk): RegisteredKey {
  return { key, notBefore: undefined, notAfter: undefined, form: undefined };
}

test.each(outdated)('a remembered entry that would refuse with %s is looked up once more', async (code, change) => {
  const sender = participant(agent);
  const right = await sender.registry.participant(agent.id);
  const wrong = { ...right, ...change(right, registered(publicKeyOf(stranger))) };
  const form = code === 'message.kid_unknown' ? 'strict' : 'rfc7797';
  const request = await incoming(sender, '{}', { form });
  const network = async () => ({});
  let refreshed = 0;
  const refresh = async () => {
    refreshed++;
    return right;
  };
  const verify = (registry: Registry) => participant(lender, { registry }).verifyRequest(request);
  await expect(verify({ network, participant: async () => wrong })).rejects.toMatchObject({ code });
  await expect(verify({ network, participant: async () => wrong, refresh: async () => wrong })).rejects.toMatchObject({
    code,
  });
  expect((await verify({ network, participant: async () => wrong, refresh })).participant).toBe(right);
  expect(refreshed).toBe(1);
});

test('a retired key is refused without another look', async () => {
  const sender = participant(agent);
  const right = await sender.registry.participant(agent.id);
  const wrong = { ...right, keys: right.keys.map((key) => ({ ...key, notAfter: 1 })) };
  let refreshed = 0;
  const registry: Registry = {
    network: async () => ({}),
    participant: async () => wrong,
    refresh: async () => {
      refreshed++;
      return right;
    },
  };
  const receiver = participant(lender, { registry });
  await expect(receiver.verifyRequest(await incoming(sender, '{}'))).rejects.toMatchObject({
    code: 'message.key_retired',
  });
  expect(refreshed).toBe(0);
});

test('what the feed says of a participant makes us ask the registry again', async () => {
  const { fetch: counted, calls } = counting();
  const receiver = participant(lender, { fetch: counted, status: { pollSeconds: 0.1 } });
  const sender = participant(agent);
  await receiver.verifyRequest(await incoming(sender, '{"a":1}'));
  const before = calls[agent.id] ?? 0;
  await realm.administer(`/registry/participants/${lender.id}/suspend`);
  await realm.administer(`/registry/participants/${lender.id}/reinstate`);
  await eventually(async () => {
    await receiver.verifyRequest(await incoming(sender, '{"a":1}')).catch(() => {});
    return (calls[agent.id] ?? 0) > before;
  }, 8_000);
});

test('a participant that is suspended is refused within seconds, and welcome again once reinstated', async () => {
  const sender = participant(agent);
  const receiver = participant(lender);
  const outcome = async () =>
    receiver.verifyRequest(await incoming(sender, '{}')).then(
      () => 'passed',
      (error) => error.code as string,
    );
  expect(await outcome()).toBe('passed');
  await realm.administer(`/registry/participants/${agent.id}/suspend`);
  await eventually(async () => (await outcome()) === 'token.subject_revoked', 10_000);
  await realm.administer(`/registry/participants/${agent.id}/reinstate`);
  // The token from before stays dead: a new one is needed, and a new sender has one.
  expect(await outcome()).toBe('token.subject_revoked');
  const again = await incoming(participant(agent), '{}');
  expect((await receiver.verifyRequest(again)).subject.participantId).toBe(agent.id);
});

test('a participant whose own token was killed takes a new one', async () => {
  const receiver = participant(lender, { status: { pollSeconds: 0.2 } });
  const old = await receiver.token();
  await fetch(`${realm.issuer}/protocol/openid-connect/revoke`, {
    method: 'POST',
    body: new URLSearchParams({ token: old, client_id: lender.clientId, client_secret: lender.secret }),
  });
  const request = await incoming(participant(agent), '{}');
  await receiver.verifyRequest(request).catch(() => {});
  await eventually(async () => (await receiver.token()) !== old, 10_000);
  await eventually(
    () =>
      receiver.verifyRequest(request).then(
        () => true,
        () => false,
      ),
    10_000,
  );
});

test('a feed that pushes tells of a revoked token without being asked', async () => {
  const sender = participant(agent);
  const { fetch: counted, calls } = counting();
  const receiver = participant(lender, { fetch: counted, status: { events: true, pollSeconds: 3600 } });
  const request = await incoming(sender, '{}');
  await receiver.verifyRequest(request);
  await fetch(`${realm.issuer}/protocol/openid-connect/revoke`, {
    method: 'POST',
    body: new URLSearchParams({
      token: await sender.token(),
      client_id: agent.clientId,
      client_secret: agent.secret,
    }),
  });
  const code = () =>
    receiver.verifyRequest(request).then(
      () => 'passed',
      (error) => error.code as string,
    );
  await eventually(async () => (await code()) === 'token.revoked', 10_000);
  expect(calls).toMatchObject({ status: 1, events: 1 });
});

test('WebCrypto proves the same', async () => {
  const sender = participant(agent, { crypto: webCrypto });
  const receiver = participant(lender, { crypto: webCrypto });
  for (const form of ['rfc7797', 'strict'] as const) {
    const request = await incoming(sender, '{"web":1}', { form });
    expect((await receiver.verifyRequest(request)).signature.form).toBe(form);
    const changed = { ...request, body: Buffer.from('{"web":2}') };
    await expect(receiver.verifyRequest(changed)).rejects.toMatchObject({ code: 'message.signature' });
  }
});

test.each([ecKey('e'), { ...ecKey('e'), alg: undefined }])(
  'a key that cannot sign as OCEN does signs as RFC 7797 says',
  async (key) => {
    const fields = await participant(agent, { privateKey: key }).sign(
      { kind: 'request', method: 'POST', target: '', requestTarget: '/x', body: Buffer.from('{}') },
      { form: 'ocen' },
    );
    const header = JSON.parse(Buffer.from(fields[signatureField].split('.')[0] ?? '', 'base64url').toString());
    expect(header).toEqual({ alg: 'ES256', kid: 'e', b64: false, crit: ['b64'] });
  },
);
