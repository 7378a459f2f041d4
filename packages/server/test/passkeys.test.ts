import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { publicJwkOf, weakKinds } from '../../proof/test/support/weak-rsa.ts';
import { nameOldPasskeys } from '../src/passwords/factor/passkey-factor.ts';
import { movedClock } from './support/clock.ts';
import { eachDatabase } from './support/databases.ts';
import { confirmedApp, subjectOf } from './support/factors.ts';
import {
  type Authenticator,
  authenticator,
  type Cbor,
  copyOf,
  register,
  rsaAuthenticator,
  show,
  type Twist,
} from './support/passkey.ts';
import { type Corporate, corporate, corporateNetwork, passwords, said } from './support/passwords.ts';
import { weakened } from './support/weakened.ts';

const alice = 'alice@acme.example';
const minute = 60_000;

async function enrol({ call, server }: Corporate, session: string, device: Authenticator, twist?: Twist) {
  const { body } = await call('/auth/factors/passkey/enrol/start', session);
  const credential = register(device, body.publicKey, server.url, twist);
  return call('/auth/factors/passkey/enrol/finish', session, { credential });
}

async function verify({ call, server }: Corporate, session: string, device: Authenticator, twist?: Twist) {
  const { body } = await call('/auth/factors/passkey/verify/start', session);
  const credential = show(device, body.publicKey, server.url, twist);
  return call('/auth/factors/passkey/verify/finish', session, { credential });
}

async function restricted({ login }: Corporate): Promise<string> {
  const refused = await login(alice, passwords.first);
  expect(said(refused)).toBe('409 SECOND_FACTOR_REQUIRED');
  return String(refused.body.token);
}

eachDatabase('passkeys', (freshUrl) => {
  async function setUp(network = corporateNetwork()) {
    const clock = movedClock();
    return { ...(await corporate({ databaseUrl: await freshUrl(), network, clock })), clock };
  }

  test('a passkey is made with a browser, and asked for at the next login', async () => {
    const at = await setUp();
    const device = authenticator();
    const session = await at.session();
    const started = await at.call('/auth/factors/passkey/enrol/start', session);
    expect(started.body.publicKey).toMatchObject({
      rp: { id: 'localhost', name: 'dev' },
      user: { name: alice },
      attestation: 'none',
      authenticatorSelection: { userVerification: 'required' },
      timeout: 300_000,
    });
    const credential = register(device, started.body.publicKey, at.server.url);
    const made = await at.call('/auth/factors/passkey/enrol/finish', session, { credential, name: 'My key' });
    expect(made).toMatchObject({ status: 200, body: { factor: { kind: 'passkey', name: 'My key' } } });
    expect(made.body.recoveryCodes).toHaveLength(10);
    const strong = { acr: 'aal2', amr: ['pwd', 'pop', 'user', 'mfa'] };
    expect(await subjectOf(at.call, String(made.body.token))).toMatchObject(strong);
    const refused = await at.login(alice, passwords.first);
    expect(refused.body.factors).toEqual(['passkey', 'recovery']);
    const asked = await at.call('/realms/dev/auth/factors/passkey/verify/start', String(refused.body.token));
    expect(asked.body.publicKey).toMatchObject({
      rpId: 'localhost',
      userVerification: 'required',
      allowCredentials: [{ id: device.id, type: 'public-key', transports: ['internal'] }],
    });
    const verified = await verify(at, String(refused.body.token), device);
    expect(verified).toMatchObject({ status: 200, body: { programmeId: 'dev', credential: { id: 'cred-1' } } });
    expect(await subjectOf(at.call, String(verified.body.token))).toMatchObject(strong);
    expect(said(await at.call('/auth/subject', String(refused.body.token)))).toBe('401 SESSION_INVALID');
  });

  test('a profile that requires a factor is content with a passkey', async () => {
    const at = await setUp(corporateNetwork({ ROOT: { secondFactor: 'required' } }));
    const refused = await at.login(alice, passwords.first);
    const made = await enrol(at, String(refused.body.token), authenticator());
    expect(await subjectOf(at.call, String(made.body.token))).toMatchObject({ acr: 'aal2' });
  });

  test('a credential has several, beside an app, and each opens a session', async () => {
    const at = await setUp();
    const [one, two] = [authenticator(), authenticator()];
    const { token, factorId } = await confirmedApp(at.call, await at.session(), at.clock);
    const first = await enrol(at, token, one);
    expect(first.body).not.toHaveProperty('recoveryCodes');
    const second = await enrol(at, String(first.body.token), two);
    for (const device of [one, two]) expect((await verify(at, await restricted(at), device)).status).toBe(200);
    const removed = await at.call(`/auth/factors/${factorId}/remove`, String(second.body.token));
    const { body } = await at.call('/auth/factors/get', String(removed.body.token));
    expect((body.factors as { kind: string }[]).map(({ kind }) => kind).sort()).toEqual([
      'passkey',
      'passkey',
      'recovery',
    ]);
    const again = await at.call('/auth/factors/passkey/enrol/start', String(removed.body.token));
    expect((again.body.publicKey as { excludeCredentials: object[] }).excludeCredentials).toHaveLength(2);
    expect(said(await enrol(at, String(removed.body.token), one))).toBe('409 FACTOR_INCORRECT');
  });

  test('a session that has not shown the factors there are adds no passkey', async () => {
    const at = await setUp();
    const made = await enrol(at, await at.session(), authenticator());
    const full = String(made.body.token);
    const { body } = await at.call('/auth/factors/passkey/enrol/start', full);
    const weak = await weakened(at.server, full);
    expect(said(await at.call('/auth/factors/passkey/enrol/start', weak))).toBe('403 SESSION_WEAK');
    const credential = register(authenticator(), body.publicKey, at.server.url);
    expect(said(await at.call('/auth/factors/passkey/enrol/finish', weak, { credential }))).toBe('403 SESSION_WEAK');
  });

  test('a challenge is good for one session, one purpose, five minutes, and once', async () => {
    const at = await setUp();
    const device = authenticator();
    const made = await enrol(at, await at.session(), device);
    const finish = (token: string, credential: object) =>
      at.call('/auth/factors/passkey/verify/finish', token, { credential });
    const full = String(made.body.token);
    const enrolling = await at.call('/auth/factors/passkey/enrol/start', full);
    const { challenge } = enrolling.body.publicKey as { challenge: string };
    expect(said(await verify(at, full, device, { challenge }))).toBe('409 FACTOR_INCORRECT');
    const [one, two, late] = [await restricted(at), await restricted(at), await restricted(at)];
    const { body } = await at.call('/auth/factors/passkey/verify/start', one);
    const credential = show(device, body.publicKey, at.server.url);
    expect(said(await finish(two, credential))).toBe('409 FACTOR_INCORRECT');
    const answers = await Promise.all([finish(one, credential), finish(one, credential)]);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(said(await finish(two, credential))).toBe('409 FACTOR_INCORRECT');
    const old = await at.call('/auth/factors/passkey/verify/start', full);
    for (let passed = 0; passed < 5; passed++) {
      at.clock.advance(minute);
      await at.call('/auth/subject', full);
    }
    expect(said(await finish(full, show(device, old.body.publicKey, at.server.url)))).toBe('409 FACTOR_INCORRECT');
    expect(said(await finish(late, credential))).toBe('401 SESSION_INVALID');
    expect((await verify(at, full, device)).status).toBe(200);
  });

  test('two responses at once with one session open one', async () => {
    const at = await setUp();
    const device = authenticator();
    await enrol(at, await at.session(), device);
    const token = await restricted(at);
    const answers = await Promise.all([verify(at, token, device), verify(at, token, device)]);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  });

  test('a counter that does not grow is that of a copy; a key without a counter is none', async () => {
    const at = await setUp();
    const [device, synchronised] = [authenticator(), authenticator()];
    const made = await enrol(at, await at.session(), device);
    await enrol(at, String(made.body.token), synchronised);
    expect((await verify(at, await restricted(at), device, { counter: 7 })).status).toBe(200);
    for (const counter of [7, 6, 0])
      expect(said(await verify(at, await restricted(at), device, { counter }))).toBe('409 FACTOR_INCORRECT');
    expect((await verify(at, await restricted(at), device, { counter: 8 })).status).toBe(200);
    for (let round = 0; round < 2; round++)
      expect((await verify(at, await restricted(at), synchronised, { counter: 0 })).status).toBe(200);
  });
});

eachDatabase('the id of a passkey', (freshUrl) => {
  async function setUp() {
    return corporate({ databaseUrl: await freshUrl(), withPassword: ['cred-1', 'cred-2', 'cred-3'] });
  }

  test('that another account of the realm has is refused; of two at the same moment one gets it', async () => {
    const at = await setUp();
    const first = authenticator();
    expect((await enrol(at, await at.session(), first)).status).toBe(200);
    const bob = await at.session('bob');
    expect(said(await enrol(at, bob, copyOf(first)))).toBe('409 FACTOR_INCORRECT');
    expect((await verify(at, await restricted(at), first)).status).toBe(200);
    const second = authenticator();
    const sessions = [bob, await at.session('carol@globex.example')];
    const outcomes = await Promise.all(sessions.map((session) => enrol(at, session, copyOf(second))));
    expect(outcomes.map(({ status }) => status).sort()).toEqual([200, 409]);
  });

  test('is free again when its owner has removed it', async () => {
    const at = await setUp();
    const device = authenticator();
    const { body } = await enrol(at, await at.session(), device);
    const { factor, token } = body as { factor: { id: string }; token: string };
    const removed = await at.call(`/auth/factors/${factor.id}/remove`, token, {});
    expect(removed.status).toBeLessThan(300);
    expect((await enrol(at, await at.session('bob'), copyOf(device))).status).toBe(200);
  });

  test('that an older release stored is known before long, and two of those go on', async () => {
    const at = await setUp();
    const [alices, bobs] = [authenticator(), authenticator()];
    await enrol(at, await at.session(), alices);
    await enrol(at, await at.session('bob'), bobs);
    const { db } = at.server.context.store;
    const rows = await db.selectFrom('factor').selectAll().where('kind', '=', 'passkey').execute();
    const [state] = rows.filter((row) => row.credential_id === 'cred-1').map((row) => row.state);
    await db.updateTable('factor').set({ passkey: null, state }).where('kind', '=', 'passkey').execute();
    await nameOldPasskeys(at.server.context);
    await nameOldPasskeys(at.server.context);
    const carol = await at.session('carol@globex.example');
    expect(said(await enrol(at, carol, copyOf(alices)))).toBe('409 FACTOR_INCORRECT');
    expect((await verify(at, await restricted(at), alices)).status).toBe(200);
    const told = at.server.logged.filter((line) => line.includes('another account has the same passkey'));
    expect(told).toHaveLength(1);
  });
});

describe('a passkey that is not what it says', () => {
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const chain = new Map<string, Cbor>([
    ['alg', -7],
    ['sig', Buffer.alloc(8)],
    ['x5c', [Buffer.alloc(16)]],
  ]);

  const twists: readonly [string, Twist][] = [
    ['for another origin', { origin: 'https://evil.example' }],
    ['for another port', { origin: 'http://localhost:1' }],
    ['for another relying party', { rpId: 'evil.example' }],
    ['of another ceremony', { type: 'webauthn.get' }],
    ['with a challenge of its own', { challenge: Buffer.from('x'.repeat(75)).toString('base64url') }],
    ['without its person', { flags: 1 }],
    ['without a touch', { flags: 4 }],
    ['with certificates', { format: 'packed', statement: chain }],
    ['of Android', { format: 'android-safetynet', statement: new Map([['ver', '1']]) }],
    ['of a format that is none', { format: 'x'.repeat(100) }],
    ['with a statement where there is none', { statement: new Map([['alg', -7]]) }],
    ['made in a frame of another site', { crossOrigin: true }],
    ['made in a frame of a site that it names', { topOrigin: 'https://evil.example' }],
  ];

  test('is not enrolled', async () => {
    const at = await corporate();
    const token = await at.session();
    for (const [name, twist] of twists)
      expect([name, said(await enrol(at, token, authenticator(), twist))]).toEqual([name, '409 FACTOR_INCORRECT']);
  });

  test('is not enrolled with an RSA key whose private half can be computed', async () => {
    const at = await corporate();
    const token = await at.session();
    const { n } = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' });
    for (const [, make] of weakKinds)
      expect(said(await enrol(at, token, rsaAuthenticator(publicJwkOf(make()).n)))).toBe('409 FACTOR_INCORRECT');
    expect((await enrol(at, token, rsaAuthenticator(n ?? ''))).status).toBe(200);
  });

  test('is looked at thirty times an hour, because a large RSA key keeps a thread busy', async () => {
    const at = await corporate();
    const token = await at.session();
    const answers: string[] = [];
    for (let i = 0; i < 31; i++) answers.push(said(await enrol(at, token, authenticator(), { flags: 1 })));
    expect(answers.slice(0, 30).every((one) => one === '409 FACTOR_INCORRECT')).toBe(true);
    expect(answers[30]).toBe('429 ATTEMPT_THROTTLED');
  });

  test('may vouch for itself, as some browsers pass it on, with a signature that is right', async () => {
    const at = await corporate();
    const token = await at.session();
    const wrong = {
      format: 'packed',
      statement: new Map<string, Cbor>([
        ['alg', -7],
        ['sig', Buffer.alloc(70)],
      ]),
    };
    expect(said(await enrol(at, token, authenticator(), wrong))).toBe('409 FACTOR_INCORRECT');
    expect((await enrol(at, token, authenticator(), { format: 'packed' })).status).toBe(200);
  });

  test('is not accepted', async () => {
    const at = await corporate();
    const device = authenticator();
    await enrol(at, await at.session(), device);
    const token = await restricted(at);
    const twists: Twist[] = [
      { origin: 'https://evil.example' },
      { rpId: 'evil.example' },
      { type: 'webauthn.create' },
      { challenge: Buffer.from('x'.repeat(75)).toString('base64url') },
      { flags: 1 },
      { flags: 4 },
      { key: other },
      { id: authenticator().id },
      { crossOrigin: true },
      { crossOrigin: true, topOrigin: 'https://evil.example' },
    ];
    for (const twist of twists) expect(said(await verify(at, token, device, twist))).toBe('409 FACTOR_INCORRECT');
    expect((await verify(at, token, device)).status).toBe(200);
  });

  test('is refused by the name of the field, where it is not even one', async () => {
    const at = await corporate();
    const token = await at.session();
    const device = authenticator();
    const { body } = await at.call('/auth/factors/passkey/enrol/start', token);
    const good = register(device, body.publicKey, at.server.url);
    const finish = '/auth/factors/passkey/enrol/finish';
    const response = (more: object) => ({ credential: { ...good, response: { ...good.response, ...more } } });
    const refusals = [
      [finish, {}, '400 credential'],
      [finish, { credential: 'x' }, '400 credential'],
      [finish, { credential: { ...good, id: 'a b' } }, '400 credential.id'],
      [finish, { credential: { ...good, id: 'a'.repeat(2_000) } }, '400 credential.id'],
      [finish, { credential: { ...good, type: 'password' } }, '400 credential.type'],
      [finish, { credential: { ...good, response: null } }, '400 credential.response'],
      [finish, response({ clientDataJSON: '' }), '400 credential.response.clientDataJSON'],
      [finish, response({ clientDataJSON: 'a'.repeat(20_000) }), '400 credential.response.clientDataJSON'],
      [finish, response({ attestationObject: 7 }), '400 credential.response.attestationObject'],
      [finish, response({ transports: ['\u0000'] }), '400 credential.response.transports.0'],
      [finish, response({ clientDataJSON: 'AAAA' }), '409 FACTOR_INCORRECT'],
      [finish, response({ clientDataJSON: 'bnVsbA' }), '409 FACTOR_INCORRECT'],
      [finish, response({ attestationObject: 'AAAA' }), '409 FACTOR_INCORRECT'],
      [finish, response({ attestationObject: 'v_8' }), '409 FACTOR_INCORRECT'],
      [finish, response({ attestationObject: '_____w' }), '409 FACTOR_INCORRECT'],
      [finish, { credential: good, name: 'a\nb' }, '400 name'],
      ['/auth/factors/passkey/verify/start', {}, '404 FACTOR_UNKNOWN'],
      ['/auth/factors/passkey/verify/finish', { credential: good }, '400 credential.response.authenticatorData'],
      ['/auth/factors/passkey/enrol/start', { more: 1 }, '400'],
    ] as const;
    const answers: (readonly [string, unknown, string])[] = [];
    for (const [path, sent] of refusals) answers.push([path, sent, said(await at.call(path, token, sent))]);
    expect(answers).toEqual(refusals);
    expect((await at.call(finish, token, { credential: good })).status).toBe(200);
  });
});
