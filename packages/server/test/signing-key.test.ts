import { createRemoteJWKSet, decodeProtectedHeader, importJWK, type JWK, jwtVerify } from 'jose';
import { describe, expect, test } from 'vitest';
import type { Context } from '../src/context.ts';
import { ensureRealms } from '../src/start.ts';
import { requireRealm, type SigningAlg, signingAlgs } from '../src/subject/realm.ts';
import { changeRealm, createRealm } from '../src/subject/realm-change.ts';
import type { Subject } from '../src/subject/subject.ts';
import {
  currentKey,
  ensureSigningKeys,
  jwksMaxAge,
  type Purpose,
  publishedKeys,
  removeDeadKeys,
  rotateSigningKeys,
  signingKeys,
} from '../src/subject/tokens/signing-key.ts';
import { issueToken } from '../src/subject/tokens/token.ts';
import { manualClock } from './support/clock.ts';
import { openContext, tester } from './support/context.ts';
import { eachDatabase } from './support/databases.ts';
import { testServer } from './support/server.ts';

const subject: Subject = {
  kind: 'client',
  realm: 'dev',
  id: 'subject-1',
  clientId: 'client-1',
  participantId: undefined,
  generation: 1,
  roles: [],
  scopes: [],
  resourceAccess: {},
  amr: [],
};
const grant = { audience: ['https://api.example'], scopes: [], resourceAccess: {} };
const day = 86_400_000;

const tokenOf = async (context: Context, realm = 'dev') =>
  (await issueToken(context, await requireRealm(context, realm), subject, grant)).accessToken;
const kidOf = (token: string) => decodeProtectedHeader(token).kid;
const jwks = async (context: Context, realm = 'dev') =>
  publishedKeys(await signingKeys(context, realm), context.clock.now()) as readonly (JWK & { kid: string })[];
const published = async (context: Context, realm = 'dev') => (await jwks(context, realm)).map(({ kid }) => kid);
const rows = (context: Context, realm = 'dev', purpose: Purpose = 'token') =>
  context.store.db
    .selectFrom('signing_key')
    .selectAll()
    .where('realm', '=', realm)
    .where('purpose', '=', purpose)
    .orderBy('created_at')
    .execute();
const nextOf = async (context: Context) => (await rows(context)).find(({ active_at }) => active_at === null)?.kid;
const rotate = (context: Context, immediately = false) =>
  rotateSigningKeys(context, 'dev', 'token', immediately, tester);

async function verifies(context: Context, token: string, realm = 'dev') {
  const key = (await jwks(context, realm)).find(({ kid }) => kid === kidOf(token));
  if (key === undefined) return false;
  const { payload } = await jwtVerify(token, await importJWK(key), {
    issuer: `http://localhost:8080/realms/${realm}`,
    currentDate: new Date(context.clock.now()),
  });
  return payload.sub === 'subject-1';
}

eachDatabase('the signing keys of a realm', (freshUrl) => {
  async function ready() {
    const clock = manualClock();
    const context = await openContext(await freshUrl(), { clock });
    await ensureRealms(context);
    return { context, clock };
  }

  test('are made at the first start: for each purpose one that signs and one that comes next', async () => {
    const { context } = await ready();
    for (const [realm, alg] of [
      ['dev', 'RS256'],
      ['system', 'ES256'],
    ] as const) {
      for (const purpose of ['token', 'status', 'receipt'] as const) {
        const own = await rows(context, realm, purpose);
        expect(own).toHaveLength(2);
        expect(own.filter(({ active_at }) => active_at === null)).toHaveLength(1);
        expect(own.map((row) => row.alg)).toEqual(Array(2).fill(purpose === 'token' ? alg : 'ES256'));
      }
      // Receipts have a set of their own.
      const all = await context.store.db
        .selectFrom('signing_key')
        .select('kid')
        .where('realm', '=', realm)
        .where('purpose', '!=', 'receipt')
        .execute();
      expect((await published(context, realm)).sort()).toEqual(all.map(({ kid }) => kid).sort());
    }
    await ensureRealms(context);
    expect(await rows(context)).toHaveLength(2);
  });

  test('are made once when two nodes start at the same moment', async () => {
    const url = await freshUrl();
    const nodes = [await openContext(url), await openContext(url), await openContext(url)];
    await Promise.all(nodes.map((context) => ensureRealms(context)));
    for (const purpose of ['token', 'status', 'receipt'] as const) {
      const own = await rows(nodes[0] as Context, 'dev', purpose);
      expect(own).toHaveLength(2);
      expect(own.filter(({ active_at }) => active_at === null)).toHaveLength(1);
    }
    const signers = await Promise.all(nodes.map(async (context) => kidOf(await tokenOf(context))));
    expect(new Set(signers).size).toBe(1);
  });

  test('are public without their private parts, each with kid, alg and use', async () => {
    const { context } = await ready();
    for (const key of await jwks(context)) {
      expect(key).toMatchObject({ kid: expect.any(String), alg: expect.any(String), use: 'sig' });
      for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k', 'oth']) expect(key).not.toHaveProperty(member);
    }
  });

  test.each(signingAlgs)('sign with %s what jose verifies', async (alg: SigningAlg) => {
    const { context } = await ready();
    await createRealm(context, { name: 'other', profile: 'strict', settings: { accessTokenAlg: alg } }, tester);
    const token = await tokenOf(context, 'other');
    expect(decodeProtectedHeader(token)).toEqual({ alg, typ: 'at+jwt', kid: expect.any(String) });
    expect(await verifies(context, token, 'other')).toBe(true);
    const [head, body, signature] = token.split('.') as [string, string, string];
    const altered = `${head}.${body}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`;
    await expect(verifies(context, altered, 'other')).rejects.toThrow('signature verification failed');
  });

  test('sign and rotate at once where they were made while the clock was hours ahead', async () => {
    const clock = manualClock();
    const context = await openContext(await freshUrl(), { clock });
    clock.advance(5.5 * 3_600_000);
    await ensureRealms(context);
    clock.advance(-5.5 * 3_600_000);
    const first = kidOf(await tokenOf(context));
    expect((await published(context)).includes(first as string)).toBe(true);
    const { kid, activeAt } = await rotate(context);
    expect(activeAt).toBe(clock.now() + jwksMaxAge * 1000);
    clock.advance(jwksMaxAge * 1000);
    expect(kidOf(await tokenOf(context))).toBe(kid);
    // Also when the time of the first one comes at last.
    clock.advance(5.5 * 3_600_000);
    expect(kidOf(await tokenOf(context))).toBe(kid);
  });

  test('rotate while a rotation waits that a clock hours ahead began', async () => {
    const { context, clock } = await ready();
    clock.advance(5.5 * 3_600_000);
    await rotate(context);
    clock.advance(-5.5 * 3_600_000);
    const { kid } = await rotate(context);
    clock.advance(jwksMaxAge * 1000);
    expect(kidOf(await tokenOf(context))).toBe(kid);
  });

  test('rotate on schedule: published first, then signing, the old one until its last token has died', async () => {
    const { context, clock } = await ready();
    const old = kidOf(await tokenOf(context));
    const next = await nextOf(context);
    expect(await published(context)).toContain(next);

    // A rotation before verifiers can know the next key waits until they do.
    clock.advance(10_000);
    const { kid, activeAt } = await rotate(context);
    expect(kid).toBe(next);
    expect(activeAt).toBe(clock.now() - 10_000 + jwksMaxAge * 1000);
    await expect(rotate(context)).rejects.toMatchObject({ code: 'registry.transition' });
    clock.advance(activeAt - clock.now() - 1);
    expect(kidOf(await tokenOf(context))).toBe(old);
    const last = await tokenOf(context);
    clock.advance(1);
    expect(kidOf(await tokenOf(context))).toBe(next);

    // The last token of the old key verifies to its very end, whatever the housekeeping does.
    clock.advance(day - 2_000);
    await removeDeadKeys(context, 'dev');
    expect(await published(context)).toContain(old);
    expect(await verifies(context, last)).toBe(true);

    clock.advance(62_001);
    expect(await published(context)).not.toContain(old);
    await removeDeadKeys(context, 'dev');
    expect((await rows(context)).map((row) => row.kid)).not.toContain(old);
    expect(kidOf(await tokenOf(context))).toBe(next);
    expect(await rows(context)).toHaveLength(2);
  });

  test('rotate at once when the next key has been published for long enough', async () => {
    const { context, clock } = await ready();
    const next = await nextOf(context);
    clock.advance(jwksMaxAge * 1000);
    expect(await rotate(context)).toEqual({ kid: next, activeAt: clock.now() });
    expect(kidOf(await tokenOf(context))).toBe(next);
    expect(await published(context)).toEqual(expect.arrayContaining((await rows(context)).map(({ kid }) => kid)));
    expect(await rows(context)).toHaveLength(3);
  });

  test('stay for tokens from before the lifetime was lowered', async () => {
    const { context, clock } = await ready();
    const token = await tokenOf(context);
    await changeRealm(context, 'dev', { profile: 'strict' }, tester);
    await rotate(context);
    clock.advance(day - 1_000);
    await removeDeadKeys(context, 'dev');
    expect(await verifies(context, token)).toBe(true);
  });

  test('are destroyed at once when one is compromised', async () => {
    const { context, clock } = await ready();
    const token = await tokenOf(context);
    const next = await nextOf(context);
    expect(await rotate(context, true)).toEqual({ kid: next, activeAt: clock.now() });
    expect(await published(context)).not.toContain(kidOf(token));
    expect((await signingKeys(context, 'dev')).map(({ kid }) => kid)).not.toContain(kidOf(token));
    expect((await rows(context)).map(({ kid }) => kid)).not.toContain(kidOf(token));
    expect(kidOf(await tokenOf(context))).toBe(next);
    expect(await rows(context)).toHaveLength(2);
  });

  test('are destroyed at once also while a rotation is under way: none of them signs later', async () => {
    const { context, clock } = await ready();
    const pending = (await rotate(context)).kid;
    const { kid } = await rotate(context, true);
    expect(kid).not.toBe(pending);
    for (let i = 0; i < 3; i++) {
      expect(kidOf(await tokenOf(context))).toBe(kid);
      expect(await published(context)).toContain(kid);
      clock.advance(jwksMaxAge * 1000);
    }
  });

  test('change their algorithm with a rotation, by a new key that is published first', async () => {
    const { context, clock } = await ready();
    clock.advance(day);
    await changeRealm(context, 'dev', { settings: { accessTokenAlg: 'Ed25519' } }, tester);
    const old = await tokenOf(context);
    expect(decodeProtectedHeader(old).alg).toBe('RS256');
    const { kid, activeAt } = await rotate(context);
    expect(activeAt).toBe(clock.now() + jwksMaxAge * 1000);
    expect(await published(context)).toContain(kid);
    expect(kidOf(await tokenOf(context))).toBe(kidOf(old));
    clock.advance(jwksMaxAge * 1000);
    const fresh = await tokenOf(context);
    expect(decodeProtectedHeader(fresh)).toMatchObject({ alg: 'Ed25519', kid });
    expect(await verifies(context, fresh)).toBe(true);
    expect(await verifies(context, old)).toBe(true);
    expect((await rows(context)).map(({ alg }) => alg)).toEqual(['RS256', 'Ed25519', 'Ed25519']);
  });

  test('rotate once when two nodes rotate at the same moment', async () => {
    const url = await freshUrl();
    const nodes = [await openContext(url), await openContext(url), await openContext(url)];
    await ensureRealms(nodes[0] as Context);
    const results = await Promise.allSettled(nodes.map((context) => rotate(context)));
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected']);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'registry.transition' });
    }
    const own = await rows(nodes[0] as Context);
    expect(own).toHaveLength(3);
    expect(own.filter(({ active_at }) => active_at === null)).toHaveLength(1);
    const events = await (nodes[0] as Context).store.db
      .selectFrom('event')
      .selectAll()
      .where('type', '=', 'signing_key.rotated')
      .execute();
    expect(events).toHaveLength(1);
    expect(JSON.parse(events[0]?.after ?? '')).toMatchObject({ purpose: 'token', immediately: false });
    expect(events[0]).toMatchObject({ realm: 'dev', actor: 'test', object: 'realm:dev' });
  });

  test('survive several immediate rotations at once: one signs, one is next', async () => {
    const url = await freshUrl();
    const nodes = [await openContext(url), await openContext(url), await openContext(url)];
    await ensureRealms(nodes[0] as Context);
    await Promise.all(nodes.map((context) => rotate(context, true)));
    const own = await rows(nodes[0] as Context);
    expect(own.map(({ active_at }) => active_at === null).sort()).toEqual([false, true]);
    expect(await verifies(nodes[1] as Context, await tokenOf(nodes[1] as Context))).toBe(true);
  });

  test('are repaired when the next one is missing', async () => {
    const { context } = await ready();
    const signer = kidOf(await tokenOf(context));
    await context.store.db.deleteFrom('signing_key').where('active_at', 'is', null).execute();
    await ensureSigningKeys(context, 'dev');
    expect(await rows(context)).toHaveLength(2);
    expect(kidOf(await tokenOf(context))).toBe(signer);
  });

  test('of one purpose leave the other alone', async () => {
    const { context } = await ready();
    const before = await rows(context, 'dev', 'status');
    await rotate(context, true);
    expect(await rows(context, 'dev', 'status')).toEqual(before);
    const keys = await signingKeys(context, 'dev');
    const now = context.clock.now();
    expect(currentKey(keys, 'status', now).kid).not.toBe(currentKey(keys, 'token', now).kid);
  });

  const rotateReceipts = (context: Context, immediately = false) =>
    rotateSigningKeys(context, 'dev', 'receipt', immediately, tester);

  test('for receipts stay for good, however often they rotate, and are no keys for tokens', async () => {
    const { context, clock } = await ready();
    const kids = new Set((await rows(context, 'dev', 'receipt')).map(({ kid }) => kid));
    for (let year = 0; year < 4; year++) {
      clock.advance(400 * 86_400_000);
      kids.add((await rotateReceipts(context)).kid);
      clock.advance(10 * 60_000);
      await removeDeadKeys(context, 'dev');
    }
    const left = await rows(context, 'dev', 'receipt');
    for (const kid of kids) expect(left.map((row) => row.kid)).toContain(kid);
    expect(left.every(({ unpublished_at }) => unpublished_at === null)).toBe(true);
    for (const kid of await published(context)) expect(left.map((row) => row.kid)).not.toContain(kid);
  });

  test('for receipts: a compromised one is marked and signs no more; those before it are good', async () => {
    const { context, clock } = await ready();
    const now = () => clock.now();
    const signing = async () => currentKey(await signingKeys(context, 'dev'), 'receipt', now()).kid;
    const first = await signing();
    clock.advance(10 * 60_000);
    const second = (await rotateReceipts(context)).kid;
    expect(await signing()).toBe(second);
    clock.advance(60_000);
    // Under way, and never to sign: the one that is given up must not be followed by it.
    const planned = (await rotateReceipts(context)).kid;
    const third = (await rotateReceipts(context, true)).kid;
    expect(await signing()).toBe(third);
    const left = await rows(context, 'dev', 'receipt');
    const marks = Object.fromEntries(left.map((row) => [row.kid, row.unpublished_at]));
    expect(marks).toMatchObject({ [first]: null, [second]: now(), [third]: null });
    expect(marks).not.toHaveProperty(planned);
    clock.advance(1_000 * 86_400_000);
    await removeDeadKeys(context, 'dev');
    expect(await signing()).toBe(third);
    expect((await rows(context, 'dev', 'receipt')).map(({ kid }) => kid)).toContain(second);
  });
});

describe('without a key', () => {
  test('nothing is signed: the server cannot answer now', () => {
    expect(() => currentKey([], 'token', 0)).toThrow(expect.objectContaining({ code: 'store.unavailable' }));
  });
});

test('verifiers that fetch the JWKS over HTTP follow a rotation', async () => {
  const server = await testServer();
  try {
    const remote = createRemoteJWKSet(new URL(`${server.issuer('system')}/protocol/openid-connect/certs`));
    const before = await server.adminToken();
    await expect(jwtVerify(before, remote, { issuer: server.issuer('system') })).resolves.toBeDefined();
    await rotateSigningKeys(server.context, 'system', 'token', true, tester);
    const after = await server.adminToken();
    expect(kidOf(after)).not.toBe(kidOf(before));
    // The next key was published before it signed: no second fetch is needed.
    await expect(jwtVerify(after, remote, { issuer: server.issuer('system') })).resolves.toBeDefined();
    const answer = await fetch(`${server.url}/realms/dev/admin/clients`, {
      headers: { authorization: `Bearer ${before}` },
    });
    expect(answer.status).toBe(401);
  } finally {
    await server.close();
  }
});
