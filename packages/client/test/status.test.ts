import type { Ancestor } from '@countersign/proof';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createRemoteJwks } from '../src/index.ts';
import { separateKeys } from '../src/message/key-purpose.ts';
import { cryptoPort } from '../src/node-crypto.ts';
import { createStatusFollower, type StatusFollower, type StatusPolicy } from '../src/status/status.ts';
import { eventually } from './support/eventually.ts';
import { realm, startIssuer, type TestIssuer, testClock } from './support/issuer.ts';

type SigningKey = Awaited<ReturnType<typeof generateKeyPair>>['privateKey'];

let server: TestIssuer;
let signing: { key: SigningKey; kid: string };
let clock: ReturnType<typeof testClock>;
const open: StatusFollower[] = [];
const path = (after: number) => `${realm}/status?after=${after}`;

beforeEach(async () => {
  server = await startIssuer();
  const pair = await generateKeyPair('ES256');
  signing = { key: pair.privateKey, kid: 'status-1' };
  server.keys.push({ ...(await exportJWK(pair.publicKey)), kid: 'status-1', alg: 'ES256', use: 'sig' });
  clock = testClock(Math.floor(Date.now() / 1000) * 1000);
});
afterEach(async () => {
  for (const follower of open.splice(0)) follower.close();
  await server[Symbol.asyncDispose]();
});

interface Statement {
  readonly incarnation?: unknown;
  readonly seq?: unknown;
  readonly after?: unknown;
  readonly revoked?: unknown;
  readonly iat?: number;
  readonly exp?: number;
  readonly iss?: string;
}

const seconds = () => Math.floor(clock.now() / 1000);

function statement(change: Statement = {}, header: object = {}, key = signing.key): Promise<string> {
  const iat = change.iat ?? seconds();
  const claims = {
    iss: server.issuer,
    iat,
    exp: iat + 30,
    incarnation: 'i-1',
    seq: 5,
    after: 0,
    revoked: [],
    ...change,
  };
  return new SignJWT(claims as Record<string, unknown>)
    .setProtectedHeader({ alg: 'ES256', typ: 'status+jwt', kid: signing.kid, ...header })
    .sign(key);
}

const entry = (kind: string, id: string, change: object = {}) => ({
  kind,
  id,
  seq: 5,
  exp: seconds() + 3600,
  ...change,
});

function follow(
  policy: StatusPolicy = {},
  onRevoked?: () => void,
): StatusFollower & { tokens: ReturnType<typeof separateKeys>['tokens'] } {
  const keys = separateKeys(createRemoteJwks({ uri: `${server.issuer}/certs`, now: clock.now }));
  const follower = createStatusFollower({
    issuer: server.issuer,
    token: { token: async () => 'reader' },
    keys: keys.status,
    crypto: cryptoPort,
    now: clock.now,
    random: () => 0.5,
    pollSeconds: 3600,
    ...policy,
    ...(onRevoked && { onRevoked }),
  });
  open.push(follower);
  return Object.assign(follower, { tokens: keys.tokens });
}

const serve = (after: number, text: string) => {
  server.routes[path(after)] = { body: text };
};
const state = async (follower: StatusFollower) => {
  try {
    await follower.ready();
    return 'fresh';
  } catch (error) {
    return (error as { code?: string }).code;
  }
};
const token = (id: string, generation = 0, jti: string | undefined = undefined) => ({ id, generation, jti });

test('what a statement says is dead, and nothing else', async () => {
  const revoked = [
    entry('subject', 's-1', { generation: 2 }),
    entry('token', 'j-1'),
    entry('key', 'print'),
    entry('something-new', 'x'),
  ];
  serve(0, await statement({ revoked }));
  const follower = follow();
  await follower.ready();
  expect(follower.fate(token('s-1', 1))).toBe('subject');
  expect(follower.fate(token('s-1', 2))).toBe('subject');
  expect(follower.fate(token('s-1', 3))).toBeUndefined();
  expect(follower.fate(token('s-2', 0, 'j-1'))).toBe('token');
  expect(follower.fate(token('j-1', 0, 's-1'))).toBeUndefined();
  expect([follower.isKeyRevoked('print'), follower.isKeyRevoked('j-1')]).toEqual([true, false]);
});

test('a session that has ended takes its tokens with it, whatever else is alive', async () => {
  const revoked = [entry('session', 'session-1'), entry('token', 'session-2')];
  serve(0, await statement({ revoked }));
  const follower = follow();
  await follower.ready();
  const ofSession = (sessionId: string) => follower.fate({ id: 's-1', generation: 1, jti: 'j-1', sessionId });
  expect([ofSession('session-1'), ofSession('session-2')]).toEqual(['session', undefined]);
  expect(follower.fate(token('session-1', 0, 'session-1'))).toBeUndefined();
});

test('a service that was shut out takes with it what it passed on before', async () => {
  serve(0, await statement({ revoked: [entry('subject', 'service', { generation: 2 })] }));
  const follower = follow();
  await follower.ready();
  const passedOn = (generation: number) =>
    follower.fate({
      ...token('s-1', 1),
      actors: [
        { id: 'other', generation: 0 },
        { id: 'service', generation },
      ],
    });
  expect([passedOn(0), passedOn(2), passedOn(3)]).toEqual(['actor', 'actor', undefined]);
});

test('whatever a token was made from takes it along, by its kind and no other', async () => {
  const revoked = [
    entry('subject', 'one', { generation: 2 }),
    ...(['token', 'session', 'capability'] as const).map((kind) => entry(kind, `a ${kind}`)),
  ];
  serve(0, await statement({ revoked }));
  const follower = follow();
  await follower.ready();
  const madeFrom = (...ancestors: Ancestor[]) => follower.fate({ ...token('s-1', 1), ancestors });
  const other = { kind: 'token', id: 'another' } as const;
  for (const kind of ['token', 'session', 'capability'] as const) {
    expect(madeFrom(other, { kind, id: `a ${kind}` })).toBe('ancestor');
    expect(madeFrom(other, { kind, id: 'one' })).toBeUndefined();
  }
  const ofGeneration = (generation: number) => madeFrom({ kind: 'subject', id: 'one', generation });
  expect([ofGeneration(1), ofGeneration(2), ofGeneration(3)]).toEqual(['ancestor', 'ancestor', undefined]);
});

test('a feed of very many revocations is read like any other, at its start and as news', async () => {
  const many = (from: number) => Array.from({ length: 20_000 }, (_, i) => entry('token', `token-${from + i}`));
  const follower = follow({ pollSeconds: 1 });
  serve(0, await statement({ revoked: many(0) }));
  serve(5, await statement({ seq: 6, after: 5, revoked: many(20_000) }));
  await follower.ready();
  expect(follower.fate(token('s-1', 0, 'token-19999'))).toBe('token');
  await eventually(() => follower.fate(token('s-1', 0, 'token-39999')) === 'token', 5_000);
});

test('deltas add, and what has expired is forgotten', async () => {
  const subject = entry('subject', 's-9', { generation: 1 });
  serve(
    0,
    await statement({ revoked: [entry('token', 'short', { exp: seconds() + 40 }), entry('token', 'long'), subject] }),
  );
  let told = 0;
  const follower = follow({}, () => {
    told++;
  });
  await follower.ready();
  expect(told).toBe(1);
  clock.advance(61_000);
  serve(5, await statement({ seq: 7, after: 5, revoked: [entry('token', 'new')] }));
  await follower.ready();
  expect(['short', 'long', 'new'].map((jti) => follower.fate(token('s', 0, jti)))).toEqual([
    undefined,
    'token',
    'token',
  ]);
  expect(told).toBe(1);
  for (const [seq, revoked, times] of [
    [8, subject, 1],
    [9, entry('key', 'print'), 2],
    [10, { ...subject, generation: 2 }, 3],
  ] as const) {
    clock.advance(61_000);
    serve(seq - 1, await statement({ seq, after: seq - 1, revoked: [revoked] }));
    await follower.ready();
    expect(told).toBe(times);
  }
});

test.each([
  ['closed', 'status.stale'],
  ['open', 'fresh'],
] as const)('a feed that is cut: %s', async (onStale, then) => {
  serve(0, await statement());
  const follower = follow({ onStale });
  expect(await state(follower)).toBe('fresh');
  server.routes[path(5)] = { status: 503 };
  clock.advance(59_999);
  expect(await state(follower)).toBe('fresh');
  clock.advance(1);
  expect(await state(follower)).toBe(then);
  // And it is back at once.
  clock.advance(1_000);
  serve(5, await statement({ seq: 6, after: 5, revoked: [entry('token', 'j')] }));
  expect(await state(follower)).toBe('fresh');
  expect(follower.fate(token('s', 0, 'j'))).toBe('token');
});

test('the bound is the one that was asked for, and an unreachable feed from the start is stale', async () => {
  server.routes[path(0)] = { status: 500 };
  expect(await state(follow())).toBe('status.stale');
  expect(await state(follow({ onStale: 'open' }))).toBe('fresh');
  serve(0, await statement());
  const follower = follow({ maxStalenessSeconds: 10 });
  expect(await state(follower)).toBe('fresh');
  server.routes[path(5)] = { status: 500 };
  clock.advance(9_999);
  expect(await state(follower)).toBe('fresh');
  clock.advance(1);
  expect(await state(follower)).toBe('status.stale');
});

test('while it cannot be had, it is asked for once a second', async () => {
  server.routes[path(0)] = { status: 500 };
  const follower = follow();
  for (let round = 0; round < 20; round++) await state(follower);
  expect(server.seen[path(0)]).toBe(1);
  clock.advance(1_000);
  for (let round = 0; round < 20; round++) await state(follower);
  expect(server.seen[path(0)]).toBe(2);
});

test('a frozen feed grows stale: a statement counts from when it was signed', async () => {
  const frozen = await statement();
  serve(0, frozen);
  serve(5, frozen);
  const follower = follow();
  expect(await state(follower)).toBe('fresh');
  for (let second = 0; second < 12; second++) {
    clock.advance(5_000);
    const expected = second < 11 ? 'fresh' : 'status.stale';
    expect(await state(follower)).toBe(expected);
  }
  // Signed anew in form, but of the same old moment.
  serve(5, await statement({ after: 5, iat: seconds() - 60, exp: seconds() + 200 }));
  clock.advance(1_000);
  expect(await state(follower)).toBe('status.stale');
});

describe('what is refused leaves everything as it was', () => {
  type Make = () => Promise<string>;
  const cases: [string, Make][] = [
    ['an older statement', () => statement({ iat: seconds() - 16, seq: 6 })],
    ['a smaller number', () => statement({ seq: 4 })],
    ['a smaller number in a delta', () => statement({ seq: 3, after: 3 })],
    ['another incarnation from before', () => statement({ incarnation: 'i-0', iat: seconds() - 20, seq: 90 })],
    ['another issuer', () => statement({ iss: 'https://evil.example/realms/dev' })],
    ['an expired statement', () => statement({ iat: seconds() - 40 })],
    ['a statement of the future', () => statement({ iat: seconds() + 60 })],
    ['a statement that holds for a year', () => statement({ exp: seconds() + 31_536_000 })],
    ['another type', () => statement({}, { typ: 'JWT' })],
    ['no type', () => statement({}, { typ: undefined })],
    ['an unknown key', async () => statement({}, {}, (await generateKeyPair('ES256')).privateKey)],
    ['the key id of nobody', () => statement({}, { kid: 'nobody' })],
    ['a number that is text', () => statement({ seq: '9' })],
    ['a negative number', () => statement({ seq: -1 })],
    ['no incarnation', () => statement({ incarnation: undefined })],
    ['more after than there is', () => statement({ after: 9, seq: 8 })],
    ['entries that are no list', () => statement({ revoked: {} })],
    ['an entry without an id', () => statement({ revoked: [{ kind: 'token', exp: 9e9 }] })],
    ['a subject without a generation', () => statement({ revoked: [{ kind: 'subject', id: 's', exp: 9e9 }] })],
    ['no JWT at all', async () => '{"revoked":[]}'],
    ['nothing', async () => ''],
    ['an access token of the same realm', () => server.sign()],
  ];

  test.each(cases)('%s', async (_name, make) => {
    serve(0, await statement({ revoked: [entry('token', 'dead')] }));
    const follower = follow({ maxStalenessSeconds: 15 });
    expect(await state(follower)).toBe('fresh');
    clock.advance(15_000);
    const bad = await make();
    serve(5, bad);
    serve(0, bad);
    expect(await state(follower)).toBe('status.stale');
    expect(follower.fate(token('s', 0, 'dead'))).toBe('token');
    clock.advance(1_000);
    serve(5, await statement({ after: 5, seq: 6 }));
    expect(await state(follower)).toBe('fresh');
  });

  test('a statement under a key that signs tokens', async () => {
    const follower = follow();
    // k-1 has signed a token. It is ES256, as the key of the feed is.
    follower.tokens.signedBy('k-1');
    const pair = await generateKeyPair('ES256', { extractable: true });
    const at = server.keys.findIndex(({ kid }) => kid === 'k-1');
    server.keys[at] = { ...(await exportJWK(pair.publicKey)), kid: 'k-1', alg: 'ES256', use: 'sig' };
    serve(0, await statement({}, { kid: 'k-1' }, pair.privateKey));
    expect(await state(follower)).toBe('status.stale');
    clock.advance(1_000);
    serve(0, await statement());
    expect(await state(follower)).toBe('fresh');
    // And no token passes under the key of the feed.
    expect((await follower.tokens.keys.keys()).map(({ kid }) => kid)).toEqual(['k-1']);
  });

  test('an RSA key never signs a statement: the realm has it for tokens', async () => {
    const pair = await generateKeyPair('RS256', { extractable: true });
    server.keys.push({ ...(await exportJWK(pair.publicKey)), kid: 'rsa', alg: 'RS256', use: 'sig' });
    serve(0, await statement({}, { alg: 'RS256', kid: 'rsa' }, pair.privateKey));
    expect(await state(follow())).toBe('status.stale');
  });
});

test('a new incarnation means a full reload, even when the answer to the old number is a delta', async () => {
  serve(0, await statement({ revoked: [entry('token', 'old')] }));
  const follower = follow();
  await follower.ready();
  clock.advance(60_000);
  serve(5, await statement({ incarnation: 'i-2', seq: 9, after: 5 }));
  serve(0, await statement({ incarnation: 'i-2', seq: 2, revoked: [entry('token', 'new')] }));
  expect(await state(follower)).toBe('fresh');
  expect(['old', 'new'].map((jti) => follower.fate(token('s', 0, jti)))).toEqual([undefined, 'token']);
});

test('an answer from the beginning replaces everything; one to another question is a gap', async () => {
  serve(0, await statement({ revoked: [entry('token', 'one')] }));
  const follower = follow();
  await follower.ready();
  clock.advance(60_000);
  serve(5, await statement({ seq: 8, after: 7, revoked: [] }));
  serve(0, await statement({ seq: 8, revoked: [entry('token', 'one'), entry('token', 'two')] }));
  expect(await state(follower)).toBe('fresh');
  expect(follower.fate(token('s', 0, 'two'))).toBe('token');
  clock.advance(60_000);
  // Of a moment before ours: nothing would be missed, and it is not what was asked for all the same.
  serve(8, await statement({ seq: 9, after: 7 }));
  serve(0, await statement({ seq: 9, revoked: [entry('token', 'three')] }));
  expect(await state(follower)).toBe('fresh');
  expect(follower.fate(token('s', 0, 'three'))).toBe('token');
  clock.advance(60_000);
  serve(9, await statement({ incarnation: 'i-3', seq: 1, after: 0 }));
  expect(await state(follower)).toBe('fresh');
  expect(follower.fate(token('s', 0, 'two'))).toBeUndefined();
});

test('it is asked again and again without anybody asking, and not after it was closed', async () => {
  serve(0, await statement());
  serve(5, await statement({ after: 5 }));
  const follower = follow({ pollSeconds: 0.02 });
  await follower.ready();
  await eventually(() => (server.seen[path(5)] ?? 0) >= 3, 10_000);
  follower.close();
  const polled = server.seen[path(5)] ?? 0;
  await new Promise((resolve) => setTimeout(resolve, 200));
  // One may have been under way.
  expect((server.seen[path(5)] ?? 0) - polled).toBeLessThanOrEqual(1);
});

test('a feed that pushes is believed at once; when it falls silent it is asked', async () => {
  serve(0, await statement());
  let push = (_jwt: string) => {};
  server.routes[`${realm}/status/events`] = (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    push = (jwt) => {
      const event = `event: status\r\nid: 1\r\ndata: ${jwt}\r\n\r\n`;
      response.write(': comment\n\nevent: other\ndata: x\n\n');
      response.write(event.slice(0, 30));
      response.write(event.slice(30));
    };
  };
  const follower = follow({ events: true, pollSeconds: 0.05 });
  await follower.ready();
  await eventually(() => server.seen[`${realm}/status/events`] === 1, 5_000);
  push(await statement({ seq: 6, after: 5, revoked: [entry('token', 'pushed')] }));
  await eventually(() => follower.fate(token('s', 0, 'pushed')) === 'token', 5_000);
  push('rubbish');
  // A delta that begins later than what we know: everything is asked for.
  serve(0, await statement({ seq: 9, revoked: [entry('token', 'reloaded')] }));
  push(await statement({ seq: 9, after: 8 }));
  await eventually(() => follower.fate(token('s', 0, 'reloaded')) === 'token', 5_000);
  serve(9, await statement({ seq: 10, after: 9, revoked: [entry('token', 'asked')], iat: seconds() + 13 }));
  clock.advance(13_000);
  await eventually(() => follower.fate(token('s', 0, 'asked')) === 'token', 5_000);
});
