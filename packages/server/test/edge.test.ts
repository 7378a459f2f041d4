/** The edge: one login for a name and a password, dropped when the session ends. The SDK against a real server, over real HTTP. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { MessageProblem } from '@countersign/client';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { system } from '../src/kernel/caller.ts';
import { write } from '../src/store/write.ts';
import { movedClock } from './support/clock.ts';
import { temporaryDir } from './support/context.ts';
import { basicCall, edgeOf, edgeServer } from './support/edge.ts';
import { audience } from './support/edge-client.ts';
import { eventually } from './support/eventually.ts';
import { type Corporate, passwords } from './support/passwords.ts';

let place: Corporate;
beforeAll(async () => {
  place = await edgeServer();
});
afterAll(() => place.server.close());

/** The code of the refusal; `passed` where there was none. */
function said(act: Promise<unknown>): Promise<string> {
  return act.then(
    () => 'passed',
    (error) => (error instanceof MessageProblem ? error.code : String(error)),
  );
}

async function sessionsOf(credentialId: string): Promise<{ id: string; source: string }[]> {
  const { body } = await place.admin('/auth/sessions/get', { credentialId });
  return body.sessions as { id: string; source: string }[];
}

/** An edge and a server of its own, whose clock is moved together. */
async function moved(settings: object = {}) {
  const clock = movedClock();
  const own = await edgeServer({ clock, settings });
  onTestFinished(() => own.server.close());
  const edge = edgeOf(own.server, { now: clock.now });
  async function advance(milliseconds: number): Promise<void> {
    clock.advance(milliseconds);
    // The feed signs anew once something was committed: its own time does not move.
    await write(own.server.context, system, (tx) => tx.sequence());
  }
  return { own, edge, clock, advance };
}

describe('a burst', () => {
  test('10,000 calls of one name and password at once make one login and one signed subject', async () => {
    const edge = edgeOf(place.server);
    const before = (await sessionsOf('cred-1')).length;
    const answers = await Promise.all(Array.from({ length: 10_000 }, () => edge.authenticateBasic(basicCall())));
    expect(new Set(answers.map(({ token }) => token)).size).toBe(1);
    expect(answers[0]?.subject).toMatchObject({
      kind: 'credential',
      credential: { id: 'cred-1', code: 'alice@acme.example' },
      audience: [audience],
      requestContext: { address: '192.0.2.1' },
    });
    expect([edge.logins(), edge.signed()]).toEqual([1, 1]);
    const sessions = await sessionsOf('cred-1');
    expect(sessions).toHaveLength(before + 1);
    expect(sessions[0]?.source).toBe('192.0.2.1');
  });

  test('leaves nothing of the pair in the heap', { timeout: 60_000 }, async () => {
    const password = passwords.first;
    const pair = `bob:${password}`;
    const file = join(temporaryDir(), 'edge.heapsnapshot');
    const script = fileURLToPath(new URL('support/edge-heap.ts', import.meta.url));
    const hex = Buffer.from(pair).toString('hex');
    const { stdout } = await promisify(execFile)(process.execPath, [script, place.server.issuer(), hex, file]);
    expect(JSON.parse(stdout)).toEqual({ distinct: 1 });
    const heap = readFileSync(file, 'utf8');
    // What is held is found: the session token, and the pair backwards, which the process keeps on purpose.
    expect(heap.includes('css_')).toBe(true);
    expect(heap.includes([...pair].reverse().join(''))).toBe(true);
    const held = [password, pair, Buffer.from(pair).toString('base64')].filter((secret) => heap.includes(secret));
    expect(held).toEqual([]);
  });
});

describe('a session that is held', () => {
  test('is dropped within ten seconds when it is ended by force, and the pair opens another', async () => {
    const edge = edgeOf(place.server);
    const { token, subject } = await edge.authenticateBasic(basicCall());
    expect((await edge.authenticateBasic(basicCall())).token).toBe(token);
    expect(edge.logins()).toBe(1);
    await place.admin(`/auth/sessions/${(subject as { sessionId: string }).sessionId}/terminate`);
    const next = await eventually(async () => {
      const caller = await edge.authenticateBasic(basicCall());
      return caller.token === token ? undefined : caller;
    }, 10_000);
    expect(next.subject).not.toMatchObject({ sessionId: (subject as { sessionId: string }).sessionId });
    expect(edge.logins()).toBe(2);
  });

  test('is dropped when the password changes: the old one is refused, the new one is let in', async () => {
    const edge = edgeOf(place.server);
    const [old, fresh] = [basicCall('carol@globex.example'), basicCall('carol@globex.example', passwords.second)];
    await edge.authenticateBasic(old);
    const session = await place.session('carol@globex.example');
    const body = { oldPassword: { value: passwords.first }, password: { value: passwords.second } };
    expect((await place.call('/passwords/cred-3/update', `Bearer ${session}`, body)).status).toBe(200);
    await eventually(async () => (await said(edge.authenticateBasic(old))) === 'login.failed', 10_000);
    expect(await said(edge.authenticateBasic(fresh))).toBe('passed');
    expect(edge.logins()).toBe(3);
  });

  test('is dropped when the credential is disabled', async () => {
    const edge = edgeOf(place.server);
    const call = basicCall('bob');
    await edge.authenticateBasic(call);
    expect((await place.admin('/identities/corp-1/credentials/cred-2/disable')).status).toBe(204);
    await eventually(async () => (await said(edge.authenticateBasic(call))) === 'login.failed', 10_000);
    expect((await place.admin('/identities/corp-1/credentials/cred-2/enable')).status).toBe(204);
  });

  test('goes on over many signed subjects, and no use extends its absolute limit', async () => {
    const { edge, advance, clock } = await moved({ sessionMaxSeconds: 1_300 });
    const { subject } = await edge.authenticateBasic(basicCall());
    const { sessionId } = subject as { sessionId: string };
    for (let minute = 4; minute <= 20; minute += 4) {
      await advance(240_000);
      const caller = await edge.authenticateBasic(basicCall());
      expect(caller.subject).toMatchObject({ sessionId });
      expect(caller.subject.expiresAt).toBeGreaterThan(clock.now() / 1000);
    }
    expect([edge.logins(), edge.signed()]).toEqual([1, 6]);
    await advance(110_000);
    expect((await edge.authenticateBasic(basicCall())).subject).not.toMatchObject({ sessionId });
    expect(edge.logins()).toBe(2);
    // Nor does the edge keep one alive that nobody uses.
    const asked = edge.signed();
    await advance(301_000);
    await edge.authenticateBasic(basicCall());
    // What has idled out is not even tried.
    expect([edge.logins(), edge.signed()]).toEqual([3, asked + 1]);
  });

  test('gives out no signed subject that has less than fifteen seconds left', async () => {
    const { edge, advance } = await moved();
    const { token } = await edge.authenticateBasic(basicCall());
    await advance(44_000);
    expect((await edge.authenticateBasic(basicCall())).token).toBe(token);
    await advance(1_000);
    expect((await edge.authenticateBasic(basicCall())).token).not.toBe(token);
    expect([edge.logins(), edge.signed()]).toEqual([1, 2]);
  });

  test('is no longer held than the edge allows, however long the realm would', async () => {
    const clock = movedClock();
    const edge = edgeOf(place.server, { now: clock.now, maxSessionSeconds: 8 });
    await edge.authenticateBasic(basicCall());
    clock.advance(5_000);
    await edge.authenticateBasic(basicCall());
    expect(edge.logins()).toBe(1);
    clock.advance(3_500);
    await edge.authenticateBasic(basicCall());
    expect(edge.logins()).toBe(2);
  });

  test('gives way to others when there are too many', async () => {
    const edge = edgeOf(place.server, { maxSessions: 1 });
    for (const name of ['alice@acme.example', 'alice@acme.example', 'bob', 'alice@acme.example']) {
      await edge.authenticateBasic(basicCall(name));
    }
    expect(edge.logins()).toBe(3);
  });

  test('is not for another name, another password, or the same letters cut elsewhere', async () => {
    const edge = edgeOf(place.server);
    await edge.authenticateBasic(basicCall('bob', passwords.first));
    const others = [
      basicCall('bob', `${passwords.first} `),
      basicCall('bob2', passwords.first),
      basicCall('bob:c', passwords.first.slice(1)),
      basicCall('bo', `b:${passwords.first}`),
    ];
    for (const call of others) expect(await said(edge.authenticateBasic(call))).toBe('login.failed');
    expect(edge.logins()).toBe(1 + others.length);
  });
});

describe('while the status feed cannot be had', () => {
  test('nothing that is held answers: the realm is asked, and tells at once of a session that ended', async () => {
    const { own, edge, advance } = await moved();
    const { token, subject } = await edge.authenticateBasic(basicCall());
    edge.wire.cut.add('/status');
    await advance(10_000);
    const again = await edge.authenticateBasic(basicCall());
    expect(again.token).not.toBe(token);
    expect([edge.logins(), edge.signed()]).toEqual([1, 2]);
    await edge.authenticateBasic(basicCall());
    expect([edge.logins(), edge.signed()]).toEqual([1, 3]);
    await own.admin(`/auth/sessions/${(subject as { sessionId: string }).sessionId}/terminate`);
    await edge.authenticateBasic(basicCall());
    expect([edge.logins(), edge.signed()]).toEqual([2, 5]);
    edge.wire.cut.clear();
    await advance(1_000);
    await edge.authenticateBasic(basicCall());
    const asked = edge.signed();
    await edge.authenticateBasic(basicCall());
    expect(edge.signed()).toBe(asked);
  });

  test('for five minutes, everything is dropped', async () => {
    const { edge, advance } = await moved();
    edge.wire.cut.add('/status');
    await edge.authenticateBasic(basicCall());
    await advance(100_000);
    await edge.authenticateBasic(basicCall());
    await advance(100_000);
    await edge.authenticateBasic(basicCall());
    expect(edge.logins()).toBe(1);
    await advance(101_000);
    await edge.authenticateBasic(basicCall());
    expect(edge.logins()).toBe(2);
  });

  test('nor the realm: nobody is let in, and the next call tries again', async () => {
    const { edge, advance } = await moved();
    await edge.authenticateBasic(basicCall());
    for (const path of ['/status', '/auth/login', '/auth/subject']) edge.wire.cut.add(path);
    await advance(10_000);
    expect(await said(edge.authenticateBasic(basicCall()))).toBe('login.unavailable');
    expect(await said(edge.authenticateBasic(basicCall('bob')))).toBe('login.unavailable');
    edge.wire.cut.clear();
    expect(await said(edge.authenticateBasic(basicCall()))).toBe('passed');
    expect(await said(edge.authenticateBasic(basicCall('bob')))).toBe('passed');
  });
});

describe('what is refused', () => {
  test('is refused again without a login, for a moment, and nobody else with it', async () => {
    const clock = movedClock();
    const edge = edgeOf(place.server, { now: clock.now });
    const wrong = basicCall('alice@acme.example', 'not the password at all');
    const tried = await Promise.all(Array.from({ length: 50 }, () => said(edge.authenticateBasic(wrong))));
    for (let i = 0; i < 50; i++) tried.push(await said(edge.authenticateBasic(wrong)));
    expect(new Set(tried)).toEqual(new Set(['login.failed']));
    expect(edge.logins()).toBe(1);
    expect(await said(edge.authenticateBasic(basicCall()))).toBe('passed');
    clock.advance(10_001);
    expect(await said(edge.authenticateBasic(wrong))).toBe('login.failed');
    expect(edge.logins()).toBe(3);
  });

  test('has its own reason where a name and a password cannot do more', async () => {
    const edge = edgeOf(place.server);
    const newest = await place.admin('/passwords/cred-2/get');
    const { version } = newest.body.passwordInfo as { version: number };
    const { context } = place.server;
    const factor = { realm: 'dev', credential_id: 'cred-2', id: 'f', kind: 'totp', name: '' } as const;
    const shown = { sealed: null, state: '{}', created_at: 1, confirmed_at: 1, used_at: null };
    await context.store.db
      .insertInto('factor')
      .values({ ...factor, ...shown })
      .execute();
    expect(await said(edge.authenticateBasic(basicCall('bob')))).toBe('login.second_factor');
    expect(await said(edge.authenticateBasic(basicCall('bob')))).toBe('login.second_factor');
    expect(edge.logins()).toBe(1);
    await context.store.db.deleteFrom('factor').where('id', '=', 'f').execute();
    expect((await place.admin(`/passwords/cred-2/${version}/expire`)).status).toBe(204);
    expect(await said(edgeOf(place.server).authenticateBasic(basicCall('bob')))).toBe('login.expired_password');
    expect((await place.admin(`/passwords/cred-2/${version}/expire`, { reason: 'COMPROMISED' })).status).toBe(204);
    expect(await said(edgeOf(place.server).authenticateBasic(basicCall('bob')))).toBe('login.failed');
  });

  test('is what an end client tries too often, whatever it tries, and no other client pays for it', async () => {
    const clock = movedClock();
    const edge = edgeOf(place.server, { now: clock.now, limits: { failuresPerMinute: 3 } });
    const from = (address: string) => ({ address });
    const guess = (n: number, address: string) =>
      said(edge.authenticateBasic(basicCall(`somebody ${n}`, 'a guess', from(address))));
    const guesses = await Promise.all(Array.from({ length: 10 }, (_, n) => guess(n, '198.51.100.7')));
    expect(guesses.filter((code) => code === 'login.failed')).toHaveLength(3);
    expect(guesses.filter((code) => code === 'login.throttled')).toHaveLength(7);
    expect(edge.logins()).toBe(3);
    expect(await said(edge.authenticateBasic(basicCall(undefined, undefined, from('198.51.100.7'))))).toBe(
      'login.throttled',
    );
    expect(await said(edge.authenticateBasic(basicCall(undefined, undefined, from('198.51.100.8'))))).toBe('passed');
    // What is held costs nothing, so it is for everybody who knows the pair.
    expect(await said(edge.authenticateBasic(basicCall(undefined, undefined, from('198.51.100.7'))))).toBe('passed');
    // One host has a whole network of IPv6 addresses.
    const addresses = ['2001:db8::1', '2001:db8:0:0:ffff::2', '2001:0db8::a:b', '2001:db8::4%eth0'];
    const spread = [];
    for (const [n, address] of addresses.entries()) spread.push(await guess(20 + n, address));
    expect(spread).toEqual(['login.failed', 'login.failed', 'login.failed', 'login.throttled']);
    expect(await guess(30, '2001:db8:0:1::1')).toBe('login.failed');
    clock.advance(60_001);
    expect(await guess(40, '198.51.100.7')).toBe('login.failed');
  });

  test('keeps out strangers who have guessed too often, and not whoever logged in from there before', async () => {
    const { own, edge, advance } = await moved();
    const from = (address: string, password: string = passwords.first) =>
      said(edge.authenticateBasic(basicCall('bob', password, { address })));
    expect(await from('192.0.2.1')).toBe('passed');
    const guesses: string[] = [];
    while (!guesses.includes('login.throttled') && guesses.length < 50) {
      guesses.push(await from(`203.0.113.${guesses.length}`, `guess ${guesses.length}`));
    }
    expect(new Set(guesses)).toEqual(new Set(['login.failed', 'login.throttled']));
    await own.admin('/auth/sessions/terminate', { credentialId: 'cred-2' });
    await advance(301_000);
    expect(await from('192.0.2.2')).toBe('login.throttled');
    expect(await from('192.0.2.1')).toBe('passed');
  });

  test('is not shared as a device by clients that cannot be told apart', async () => {
    const clock = movedClock();
    const edge = edgeOf(place.server, { now: clock.now, maxSessionSeconds: 1 });
    const known = async (address: string | undefined) => {
      await edge.authenticateBasic({ ...basicCall(), address });
      clock.advance(1_000);
      return edge.wire.count('/auth/login of a known device');
    };
    expect([await known(undefined), await known(undefined), await known('unknown')]).toEqual([0, 0, 0]);
    expect([await known('192.0.2.1'), await known('192.0.2.1'), await known('192.0.2.2')]).toEqual([0, 1, 1]);
  });

  test('is what the realm finds too much, with its time', async () => {
    const edge = edgeOf(place.server, { limits: { failuresPerMinute: 100 } });
    const address = '198.51.100.30';
    const attempt = (n: number) => edge.authenticateBasic(basicCall('nobody-else', `guess ${n}`, { address }));
    let refused: unknown;
    for (let n = 0; n < 50 && (refused as MessageProblem | undefined)?.status !== 429; n++) {
      refused = await attempt(n).catch((error: unknown) => error);
    }
    expect(refused).toMatchObject({ code: 'login.throttled', status: 429 });
    expect((refused as MessageProblem).retryAfter).toBeGreaterThan(1);
  });

  test('are more logins at once than the edge is allowed, of all clients together', async () => {
    const edge = edgeOf(place.server, { limits: { concurrentLogins: 2 } });
    const from = (n: number) => basicCall(`anybody ${n}`, 'a guess', { address: `203.0.113.${n}` });
    const tries = await Promise.all([1, 2, 3].map((n) => said(edge.authenticateBasic(from(n)))));
    expect(tries.sort()).toEqual(['login.busy', 'login.failed', 'login.failed']);
  });
});
