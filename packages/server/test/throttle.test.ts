import { fork } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import type { Context } from '../src/context.ts';
import { createGuessCounts } from '../src/passwords/guess/guess-count.ts';
import {
  forgetOldLoginFailures,
  guessesPerCredential,
  keepLoginCounts,
  unlockCredential,
  withinBudget,
} from '../src/passwords/guess/throttle.ts';
import { logIn } from '../src/passwords/login.ts';
import { applyNetwork } from '../src/registry/network-file/apply.ts';
import { recordFailedAttempts } from '../src/subject/failed-attempt.ts';
import { requireRealm } from '../src/subject/realm.ts';
import { manualClock, movedClock } from './support/clock.ts';
import { openContext, tester } from './support/context.ts';
import { corporateNetwork as identities } from './support/corporate.ts';
import { eachDatabase, type FreshUrl } from './support/databases.ts';
import { corporate, passwords, said } from './support/passwords.ts';
import { script } from './support/program.ts';
import { from } from './support/source.ts';

const day = 86_400_000;
const alice = 'alice@acme.example';

/** Guesses that need no hash: what `prove` answers is all that the throttle sees. */
function guesser(context: Context, realm = 'dev') {
  let next = 0;
  const guess = async (code = alice, source = `192.0.2.${next++ % 250}`, device?: string, ok = false) => {
    const guessing = { realm, code, source: from(source), device: device === undefined ? undefined : { id: device } };
    const credentialId = code === alice ? `${realm}-root` : undefined;
    try {
      await withinBudget(context, guessing, async () => ({ ok, credentialId }));
      return ok ? 'right' : 'wrong';
    } catch (thrown) {
      return (thrown as { code?: string }).code;
    }
  };
  return async (times: number, ...how: Parameters<typeof guess>) => {
    const tally: Record<string, number> = {};
    for (let i = 0; i < times; i++) {
      const what = String(await guess(...how));
      tally[what] = (tally[what] ?? 0) + 1;
    }
    return tally;
  };
}

async function node(freshUrl: FreshUrl, clock = manualClock()) {
  const context = await openContext(await freshUrl(), { clock });
  await applyNetwork(context, identities, tester);
  return { context, clock, guess: guesser(context) };
}

const eventsOf = async (context: Context, type: string) =>
  (await context.store.db.selectFrom('event').selectAll().where('type', '=', type).orderBy('object').execute()).map(
    ({ realm, object, after }) => ({ realm, object, after: JSON.parse(after ?? '{}') }),
  );

eachDatabase('guesses at a credential from unknown devices', (freshUrl) => {
  test('are 10 in any 24 hours, from wherever, whether there is such a credential or not', async () => {
    const { clock, guess } = await node(freshUrl);
    for (const code of [alice, 'nobody@acme.example']) {
      expect(await guess(25, code)).toEqual({ wrong: 10, 'attempt.throttled': 15 });
      expect(await guess(1, `  ${code.toUpperCase()} `)).toEqual({ 'attempt.throttled': 1 });
    }
    expect(await guess(1, 'bob@acme.example')).toEqual({ wrong: 1 });
    clock.advance(day - 1);
    expect(await guess(1)).toEqual({ 'attempt.throttled': 1 });
    clock.advance(1);
    expect(await guess(5)).toEqual({ wrong: 5 });
    clock.advance(day - 1);
    expect(await guess(10)).toEqual({ wrong: 5, 'attempt.throttled': 5 });
    clock.advance(1);
    expect(await guess(1)).toEqual({ 'attempt.throttled': 1 });
    clock.advance(day - 1);
    expect(await guess(25)).toEqual({ wrong: 10, 'attempt.throttled': 15 });
  });

  test('cost nothing when they are right or were none, and give nothing back but themselves', async () => {
    const { context, guess } = await node(freshUrl);
    expect(await guess(50, alice, undefined, undefined, true)).toEqual({ right: 50 });
    expect(await guess(7)).toEqual({ wrong: 7 });
    expect(await guess(50, alice, undefined, undefined, true)).toEqual({ right: 50 });
    const busy = withinBudget(
      context,
      { realm: 'dev', code: alice, source: from('192.0.2.1'), device: undefined },
      () => Promise.reject(new Error('busy')),
    );
    await expect(busy).rejects.toThrow('busy');
    expect(await guess(10)).toEqual({ wrong: 3, 'attempt.throttled': 7 });
  });

  test('are not more when they come at the same moment: they are counted before they are tried', async () => {
    const { context } = await node(freshUrl);
    let tried = 0;
    const all = Array.from({ length: 300 }, (_, i) =>
      withinBudget(
        context,
        { realm: 'dev', code: alice, source: from(`192.0.2.${i % 250}`), device: undefined },
        async () => {
          tried++;
          await new Promise((resolve) => setTimeout(resolve, 50));
          return { ok: false, credentialId: undefined };
        },
      ).catch(({ code }) => code),
    );
    const refused = (await Promise.all(all)).filter((answer) => answer === 'attempt.throttled');
    expect([tried, refused.length]).toEqual([10, 290]);
  });

  test('are counted by all nodes together, one more for each other node at most', async () => {
    const url = await freshUrl();
    const clock = manualClock();
    const nodes = [];
    for (let i = 0; i < 3; i++) nodes.push(await node(async () => url, clock));
    const answers = await Promise.all(nodes.map(({ guess }) => guess(30)));
    const wrong = answers.reduce((sum, tally) => sum + (tally.wrong ?? 0), 0);
    expect(wrong).toBeGreaterThanOrEqual(8);
    expect(wrong).toBeLessThanOrEqual(12);
    for (const { context } of nodes) await keepLoginCounts(context);
    for (const { guess } of nodes) await guess(1);
    expect(await nodes[0]?.guess(1)).toEqual({ 'attempt.throttled': 1 });
  });

  test('of several processes at the same moment are one more for each other process at most', async () => {
    const url = await freshUrl();
    await openContext(url);
    const processes = Array.from({ length: 3 }, () => fork(script('guess'), [url, '25', '13']));
    onTestFinished(() => {
      for (const child of processes) child.kill('SIGKILL');
    });
    await Promise.all(processes.map((child) => once(child, 'message')));
    const answers = processes.map(async (child) => (await once(child, 'message'))[0] as number[]);
    for (const child of processes) child.send('go');
    const tried = await Promise.all(answers);
    const rounds = Array.from({ length: 25 }, (_, round) => tried.reduce((sum, own) => sum + (own[round] ?? 0), 0));
    expect(Math.max(...rounds), String(rounds)).toBeLessThanOrEqual(12);
    expect(Math.min(...rounds), String(rounds)).toBeGreaterThanOrEqual(1);
  });

  test('end when nothing has failed for 24 hours, on every node, and a right one does not put that off', async () => {
    const url = await freshUrl();
    const clock = manualClock();
    const [one, other] = [await node(async () => url, clock), await node(async () => url, clock)];
    await other.guess(1);
    await keepLoginCounts(other.context);
    clock.advance(day - 1);
    await one.guess(9);
    await keepLoginCounts(one.context);
    clock.advance(1);
    // To this node it is over, until it asks the database.
    expect((await other.guess(10)).wrong).toBeLessThanOrEqual(1);
    clock.advance(day);
    expect(await one.guess(9)).toEqual({ wrong: 9 });
    await keepLoginCounts(one.context);
    for (let i = 0; i < 4; i++) {
      clock.advance(day / 4);
      const guessing = { realm: 'dev', code: alice, source: from('192.0.2.1'), device: undefined };
      await withinBudget(one.context, guessing, async () => {
        await keepLoginCounts(one.context);
        return { ok: true, credentialId: 'dev-root' };
      });
    }
    expect(await one.guess(15)).toEqual({ wrong: 10, 'attempt.throttled': 5 });
  });

  test('lock for 24 hours at most, also when the clock was ahead while they were made', async () => {
    const url = await freshUrl();
    const ahead = manualClock(Date.UTC(2026, 0, 15, 17, 30));
    const before = await node(async () => url, ahead);
    await before.guess(10);
    await keepLoginCounts(before.context);
    const clock = manualClock(Date.UTC(2026, 0, 15, 12));
    const after = await node(async () => url, clock);
    expect(await after.guess(1)).toEqual({ 'attempt.throttled': 1 });
    await forgetOldLoginFailures(after.context);
    for (let hour = 0; hour < 23; hour++) {
      clock.advance(3_600_000);
      expect(await after.guess(1)).toEqual({ 'attempt.throttled': 1 });
      await keepLoginCounts(after.context);
      await forgetOldLoginFailures(after.context);
    }
    clock.advance(3_600_000);
    expect(await after.guess(1)).toEqual({ wrong: 1 });
  });

  test('are remembered over a restart', async () => {
    const url = await freshUrl();
    const clock = manualClock();
    const before = await node(async () => url, clock);
    await before.guess(9);
    await keepLoginCounts(before.context);
    const after = await openContext(url, { clock });
    expect(await guesser(after)(3)).toEqual({ wrong: 1, 'attempt.throttled': 2 });
  });

  test('are refused without a look at the database', async () => {
    const { context, guess } = await node(freshUrl);
    await guess(10);
    await guess(10, 'nobody@acme.example');
    await keepLoginCounts(context);
    await context.store.close();
    expect(await guess(10)).toEqual({ 'attempt.throttled': 10 });
    expect(await guess(10, 'nobody@acme.example')).toEqual({ 'attempt.throttled': 10 });
  });

  test('are not let through, and not lost, while the database is away', async () => {
    const { context, clock } = await node(freshUrl);
    const gone = await openContext(await freshUrl(), { clock });
    await gone.store.close();
    const store = { ...context.store };
    const counts = createGuessCounts(store, clock);
    const budget = { realm: 'dev', key: 'k', limit: 20 };
    for (let i = 0; i < 9; i++) (await counts.take(budget)).failed();
    Object.assign(store, { db: gone.store.db });
    await expect(counts.take(budget)).rejects.toThrow();
    await expect(counts.write()).rejects.toThrow();
    Object.assign(store, { db: context.store.db });
    await counts.write();
    expect(await context.store.db.selectFrom('login_failure').select('failures').execute()).toEqual([{ failures: 9 }]);
  });

  test('at invented codes fill neither memory nor the log, and push out no count', async () => {
    const { context, clock } = await node(freshUrl);
    const counts = createGuessCounts(context.store, clock, 50);
    const victim = { realm: 'dev', key: 'victim', limit: 20 };
    for (let i = 0; i < 20; i++) (await counts.take(victim)).failed();
    for (let i = 0; i < 120; i++) {
      (await counts.take({ realm: 'dev', key: `invented ${i}`, limit: 20 })).failed();
      if (i % 40 === 0) await counts.write();
    }
    await counts.write();
    expect(counts.size()).toBeLessThanOrEqual(100);
    await expect(counts.take(victim)).rejects.toMatchObject({ code: 'attempt.throttled' });
    clock.advance(day);
    await forgetOldLoginFailures(context);
    expect(await context.store.db.selectFrom('login_failure').selectAll().execute()).toEqual([]);
  });

  test('are told of once when they are spent: an event with the sources and a mail to the owner, whichever node notices', async () => {
    const url = await freshUrl();
    const clock = manualClock();
    const [one, other] = [await node(async () => url, clock), await node(async () => url, clock)];
    await one.guess(8, alice, '192.0.2.1');
    await one.guess(1, alice, '192.0.2.2');
    await keepLoginCounts(one.context);
    expect(await eventsOf(one.context, 'login.locked')).toEqual([]);
    await other.guess(3, alice, '192.0.2.3');
    await one.guess(3, alice, '192.0.2.2');
    await one.guess(30, 'nobody@acme.example');
    for (const { context } of [one, other, one, other]) await keepLoginCounts(context);
    const told = await eventsOf(one.context, 'login.locked');
    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject({ realm: 'dev', object: 'credential:dev-root' });
    expect(Object.keys(told[0]?.after.sources)[0]).toMatch(/^192\.0\.2\.[13]$/);
    const mails = await one.context.store.db.selectFrom('mail').selectAll().execute();
    expect(mails.map(({ purpose, reference }) => [purpose, reference])).toEqual([
      ['login-locked', 'login-locked:dev-root'],
    ]);
    clock.advance(day);
    await one.guess(25);
    await keepLoginCounts(one.context);
    expect(await eventsOf(one.context, 'login.locked')).toHaveLength(2);
  });

  test('are allowed again by an administrator, on the other nodes within the second in which they are asked', async () => {
    const url = await freshUrl();
    const clock = manualClock();
    const [one, other] = [await node(async () => url, clock), await node(async () => url, clock)];
    await one.guess(10);
    await keepLoginCounts(one.context);
    expect(await other.guess(1)).toEqual({ 'attempt.throttled': 1 });
    await unlockCredential(one.context, 'dev', 'dev-root', tester);
    expect(await eventsOf(one.context, 'credential.unlocked')).toMatchObject([{ object: 'credential:dev-root' }]);
    await keepLoginCounts(other.context);
    expect(await other.guess(4)).toEqual({ wrong: 4 });
    await keepLoginCounts(other.context);
    expect(await one.guess(15)).toEqual({ wrong: 6, 'attempt.throttled': 9 });
    const unknown = unlockCredential(one.context, 'dev', 'nobody', tester);
    await expect(unknown).rejects.toMatchObject({ code: 'credential.unknown' });
  });
});

eachDatabase('guesses from one network', (freshUrl) => {
  test('are 100 in ten minutes at whatever credentials; other networks do not wait', async () => {
    const { clock, guess } = await node(freshUrl);
    const spray = async (source: (i: number) => string) => {
      const tally: Record<string, number> = {};
      for (let i = 0; i < 110; i++) {
        const [[what]] = Object.entries(await guess(1, `user-${i}`, source(i))) as [[string, number]];
        tally[what] = (tally[what] ?? 0) + 1;
      }
      return tally;
    };
    expect(await guess(150, alice, '2001:db8::1', undefined, true)).toEqual({ right: 150 });
    expect(await spray((i) => `2001:db8::${i + 1}`)).toEqual({ wrong: 100, 'attempt.throttled': 10 });
    expect(await guess(1, 'another', '2001:db8:0:1::1')).toEqual({ wrong: 1 });
    expect(await guess(1, 'another', '2001:db8::ffff', undefined, true)).toEqual({ 'attempt.throttled': 1 });
    // elapsed() of this clock is its time.
    clock.advance(600_000);
    expect(await guess(1, 'another', '2001:db8::1', undefined, true)).toEqual({ right: 1 });
  });
});

eachDatabase('guesses from the many networks of an IPv6 /48', (freshUrl) => {
  test('are 1,000 in ten minutes together; those of the next one do not wait', async () => {
    const { clock, guess } = await node(freshUrl);
    let wrong = 0;
    for (let i = 0; i < 1_010; i++) {
      // Right ones cost nothing, and are refused with the rest.
      if (i === 500) expect(await guess(1, alice, '2001:db8:7:ffff::1', undefined, true)).toEqual({ right: 1 });
      const answer = await guess(1, `user-${i}`, `2001:db8:7:${i.toString(16)}::1`);
      wrong += answer.wrong ?? 0;
    }
    expect(wrong).toBe(1_000);
    expect(await guess(1, alice, '2001:db8:7:ffff::1', undefined, true)).toEqual({ 'attempt.throttled': 1 });
    expect(await guess(1, 'another', '2001:db8:8::1')).toEqual({ wrong: 1 });
    expect(await guess(1, 'another', '192.0.2.9')).toEqual({ wrong: 1 });
    clock.advance(600_000);
    expect(await guess(1, alice, '2001:db8:7:1::1', undefined, true)).toEqual({ right: 1 });
  });
});

eachDatabase('guesses from a known device', (freshUrl) => {
  test('are ten of its own, forgiven by a login, whatever strangers do; then it is a stranger too', async () => {
    const { clock, guess } = await node(freshUrl);
    await guess(10);
    expect(await guess(9, alice, '192.0.2.1', 'mine')).toEqual({ wrong: 9 });
    expect(await guess(1, alice, '192.0.2.1', 'mine', true)).toEqual({ right: 1 });
    expect(await guess(15, alice, '192.0.2.1', 'mine')).toEqual({ wrong: 10, 'attempt.throttled': 5 });
    expect(await guess(1, alice, '192.0.2.1', 'my other one')).toEqual({ wrong: 1 });
    clock.advance(day);
    expect(await guess(40, alice, '192.0.2.1', 'mine')).toEqual({ wrong: 20, 'attempt.throttled': 20 });
  });

  test('are counted by all nodes together', async () => {
    const url = await freshUrl();
    const clock = manualClock();
    const [one, other] = [await node(async () => url, clock), await node(async () => url, clock)];
    await one.guess(10);
    await one.guess(8, alice, '192.0.2.1', 'mine');
    await keepLoginCounts(one.context);
    await keepLoginCounts(other.context);
    expect((await other.guess(9, alice, '192.0.2.1', 'mine')).wrong).toBe(2);
  });
});

eachDatabase('a failed login', (freshUrl) => {
  test('is told with the credential and the source, and without what was typed where there is none such', async () => {
    const { context, guess } = await node(freshUrl);
    await guess(3, alice, '192.0.2.1');
    await guess(2, alice, '192.0.2.1', 'mine');
    await guess(4, 'my-password-by-mistake', '192.0.2.1');
    await recordFailedAttempts(context);
    const told = await eventsOf(context, 'login.failed');
    expect(told).toEqual([
      expect.objectContaining({
        object: expect.stringMatching(/^credential-code:unknown-[A-Za-z0-9_-]{8}$/),
        after: { source: '192.0.2.1', count: 4 },
      }),
      expect.objectContaining({ object: 'credential:dev-root', after: { source: '192.0.2.1', count: 5 } }),
    ]);
    const rows = await context.store.db.selectFrom('event').selectAll().execute();
    expect(JSON.stringify(rows)).not.toContain('my-password');
  });
});

eachDatabase('over HTTP', (freshUrl) => {
  const proxied = { COUNTERSIGN_TRUSTED_PROXIES: '127.0.0.1' };
  const from = (i: number) => ({ 'x-forwarded-for': `198.51.100.${i}` });

  test('a refusal is 429 with Retry-After, the same for any code; the owner still logs in where it did before', async () => {
    const { login, server, admin } = await corporate({ databaseUrl: await freshUrl(), env: proxied });
    const first = await login(alice, passwords.first, from(1));
    const cookie = (first.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
    const nobody = 'nobody@acme.example';
    for (let i = 0; i < 10; i++) {
      expect(said(await login(alice, passwords.second, from(i)))).toBe('403 FAILED_LOGIN');
      expect(said(await login(nobody, passwords.second, from(i)))).toBe('403 FAILED_LOGIN');
    }
    const refused = [await login(alice, passwords.second, from(99)), await login(nobody, passwords.second, from(99))];
    for (const { status, headers, body } of refused) {
      expect(status).toBe(429);
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(86_000);
      expect(body).toEqual({ ...refused[0]?.body, requestId: body.requestId });
    }
    expect((await login(alice, passwords.first, from(99))).status).toBe(429);
    for (let i = 0; i < 3; i++) expect((await login(alice, passwords.first, { ...from(99), cookie })).status).toBe(200);
    const token = await server.adminToken();
    const unlock = await fetch(`${server.url}/realms/dev/admin/credentials/cred-1/unlock`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
    });
    expect(unlock.status).toBe(204);
    expect((await login(alice, passwords.first, from(99))).status).toBe(200);
    expect(said(await admin('/realms/dev/admin/credentials/nobody/unlock'))).toMatch(/^404/);
  });

  test('a wrong old password spends the same budget', async () => {
    const { login, call, session } = await corporate({ databaseUrl: await freshUrl(), env: proxied });
    const token = await session();
    const change = { oldPassword: { value: passwords.second }, password: { value: passwords.third } };
    for (let i = 0; i < 5; i++) {
      expect(said(await call('/passwords/cred-1/update', token, change))).toBe('409 PASSWORD_INCORRECT');
      expect(said(await login(alice, passwords.second, from(i)))).toBe('403 FAILED_LOGIN');
    }
    expect((await call('/passwords/cred-1/update', token, change)).status).toBe(429);
    expect((await login(alice, passwords.first, from(99))).status).toBe(429);
  });
});

test('a hundred guesses at once compute no more hashes than the budget has', async () => {
  const { server } = await corporate({ clock: movedClock() });
  const { context } = server;
  let hashes = 0;
  const verify: Context['hasher']['verify'] = (...given) => {
    hashes++;
    return context.hasher.verify(...given);
  };
  const counted = { ...context, hasher: { ...context.hasher, verify } };
  const realm = await requireRealm(context, 'dev');
  const guess = (i: number) =>
    logIn(counted, realm, { code: alice, password: `guess ${i}`, source: from(`192.0.2.${i}`) }, tester).catch(
      ({ code }) => code as string,
    );
  const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => guess(i)));
  expect(hashes).toBe(10);
  expect(answers.filter((code) => code === 'attempt.throttled')).toHaveLength(90);
});

test('a day of guessing is right in less than one case of 10,000, whatever is not on the list', () => {
  // The fit to RockYou, of which half has eight characters and more; see `passwords/guess/throttle.ts`.
  const [c, s, listed] = [0.037433, 0.187227, 49_233];
  const share = (rank: number) => c * rank ** s;
  const likeliest = (share(listed + 1) - share(listed)) / (0.5 - share(listed));
  const processes = 11;
  expect((guessesPerCredential + processes - 1) * likeliest).toBeLessThan(1 / 10_000);
});
