import { execFile } from 'node:child_process';
import { pbkdf2Sync } from 'node:crypto';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { systemRandom } from '../src/kernel/random.ts';
import { createHashPool } from '../src/subject/secrets/hash-pool.ts';
import { createHasher, type HasherOptions } from '../src/subject/secrets/password-hash.ts';
import { characters, longestPassword, normalisedPassword } from '../src/subject/secrets/password-text.ts';
import { readHash, today } from '../src/subject/secrets/stored-hash.ts';
import { noPeppers } from './support/pepper.ts';

function hasher(options: Partial<HasherOptions> = {}) {
  const made = createHasher({ random: systemRandom, peppers: noPeppers, ...options });
  onTestFinished(() => made.close());
  return made;
}

test("a new hash is Argon2id of today's parameters with a salt of its own", async () => {
  const { hash, verify } = hasher();
  const [one, two] = await Promise.all([hash('correct horse battery'), hash('correct horse battery')]);
  expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  expect(two).not.toBe(one);
  expect(await verify(one, 'correct horse battery')).toEqual({ ok: true, outdated: false });
  expect(await verify(one, 'correct horse batterY')).toEqual({ ok: false, outdated: false });
  expect(await verify(one, '')).toEqual({ ok: false, outdated: false });
});

test('an unknown credential is a refusal, whatever the password', async () => {
  const { verify } = hasher();
  for (const password of ['', 'password', 'a'.repeat(5_000), '\ud800'])
    expect(await verify(undefined, password)).toEqual({ ok: false, outdated: false });
});

test('an unknown credential, a wrong password and one that cannot be a password are the same work', async () => {
  const { hash, verify } = hasher({ threads: 1, patience: 60_000 });
  const stored = await hash('right');
  const took = async (work: () => Promise<unknown>) => {
    const begun = performance.now();
    await work();
    return performance.now() - begun;
  };
  for (const work of [
    () => verify(stored, 'right'),
    () => verify(stored, 'wrong'),
    () => verify(stored, '\ud800'),
    () => verify(undefined, 'wrong'),
    () => verify(undefined, 'x'.repeat(5_000)),
  ]) {
    // How close they are is for a long test. Here: no machine passes twice over 19 MiB within 2 ms, so each of them did hash.
    expect(await took(work)).toBeGreaterThan(2);
  }
  // And the queue reckons with one hash for each: before it has measured, two of them fill 60 ms.
  const { verify: queued } = hasher({ threads: 1, patience: 60 });
  const answers = await Promise.allSettled([
    queued(undefined, 'x'),
    queued(undefined, 'x'.repeat(5_000)),
    queued(stored, 'wrong'),
  ]);
  expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
});

test('the same key typed on two devices gives the same password: NFKC', async () => {
  const { hash, verify } = hasher();
  const stored = await hash('Zürich ﬁn² ｆｕｌｌ');
  expect(await verify(stored, 'Zu\u0308rich fin2 full')).toEqual({ ok: true, outdated: false });
  expect(await verify(stored, 'Zürich ﬁn² ｆｕｌｌ')).toEqual({ ok: true, outdated: false });
  expect((await verify(stored, 'zürich ﬁn² ｆｕｌｌ')).ok).toBe(false);
  expect((await verify(stored, 'Zürich ﬁn² ｆｕｌｌ ')).ok).toBe(false);
});

test('an imported hash of what was typed, not in NFKC, is recognised and outdated', async () => {
  const { verify } = hasher();
  const salt = Buffer.alloc(16, 3);
  const typed = 'ﬁn²';
  const b64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64').replace(/=+$/, '');
  const stored = `$pbkdf2-sha256$i=1000$${b64(salt)}$${b64(pbkdf2Sync(typed, salt, 1_000, 32, 'sha256'))}`;
  expect(await verify(stored, typed)).toEqual({ ok: true, outdated: true });
  expect((await verify(stored, 'fin2')).ok).toBe(false);
});

test('nothing is cut off: the last of 1,024 characters counts, and one more is refused', async () => {
  const { hash, verify } = hasher();
  const longest = '𝕏'.repeat(longestPassword - 1);
  const stored = await hash(`${longest}a`);
  expect((await verify(stored, `${longest}a`)).ok).toBe(true);
  expect((await verify(stored, `${longest}b`)).ok).toBe(false);
  await expect(hash(`${longest}ab`)).rejects.toMatchObject({ code: 'password.too_long' });
  await expect(hash('a'.repeat(1_000_000))).rejects.toMatchObject({ code: 'password.too_long' });
  expect((await verify(stored, `${longest}ab`)).ok).toBe(false);
  // The character that grows most: 1,024 of them are 18,432 characters after NFKC, and still one hash.
  const growing = '\ufdfa'.repeat(longestPassword);
  expect(Buffer.byteLength(normalisedPassword(growing) as string)).toBeLessThanOrEqual(36 * 1_024);
  expect((await verify(await hash(growing), growing)).ok).toBe(true);
  expect(characters('a𝕏é')).toBe(3);
});

test('lone surrogates are no password: all of them would become the same character', async () => {
  const { hash, verify } = hasher();
  await expect(hash('\ud800')).rejects.toMatchObject({ code: 'request.invalid' });
  expect((await verify(await hash('\ufffd'), '\ud800')).ok).toBe(false);
});

test('a NUL is a character like others', async () => {
  const { hash, verify } = hasher();
  const stored = await hash('before\0after');
  expect((await verify(stored, 'before')).ok).toBe(false);
  expect((await verify(stored, 'before\0after')).ok).toBe(true);
});

test('a stored hash that nobody can read is a fault of ours and tells nothing', async () => {
  const { verify } = hasher();
  const broken = verify('$argon2id$v=19$m=1$s3cret', 'x');
  await expect(broken).rejects.toMatchObject({ code: 'internal' });
  await expect(broken).rejects.not.toThrow('s3cret');
});

test('what could not be done in time is refused at once and says when to come again; what was admitted is done', async () => {
  const { hash } = hasher({ threads: 1, patience: 400 });
  const asked = Array.from({ length: 100 }, () => hash('password'));
  const answers = await Promise.allSettled(asked);
  const done = answers.filter(({ status }) => status === 'fulfilled').length;
  expect(done).toBeGreaterThanOrEqual(10);
  expect(done).toBeLessThanOrEqual(20);
  for (const answer of answers) {
    if (answer.status === 'rejected')
      expect(answer.reason).toMatchObject({ code: 'attempt.busy', retryAfter: expect.toSatisfy((wait) => wait >= 1) });
  }
  // Refusals come after all that was admitted: nobody is pushed out.
  expect(answers.findLastIndex(({ status }) => status === 'fulfilled')).toBe(done - 1);
  expect(await hash('password')).toMatch(/^\$argon2id/);
});

test('known devices come first; strangers and changes of passwords take turns, and refuse nobody else', async () => {
  const { verify } = hasher({ threads: 1, patience: 500 });
  const order: string[] = [];
  const ask = (asker: 'known' | 'stranger' | 'change') =>
    Promise.allSettled(Array.from({ length: 100 }, () => verify(undefined, 'x', asker).then(() => order.push(asker))));
  const answers = await Promise.all([ask('change'), ask('stranger'), ask('known')]);
  const admitted = answers.map((all) => all.filter(({ status }) => status === 'fulfilled').length);
  // 20 hashes are what the pool is patient for: those of one kind, or ten of each of two.
  expect(admitted).toEqual([20, 10, 20]);
  // Two changes were at the thread when the others came.
  expect(order.slice(2, 22)).toEqual(Array.from({ length: 20 }, () => 'known'));
  expect(order.slice(22, 42)).toEqual(Array.from({ length: 20 }, (_, at) => (at % 2 === 0 ? 'stranger' : 'change')));
});

test('an idle pool takes even a hash that takes longer than it is patient', async () => {
  const { verify } = hasher({ threads: 1, patience: 1 });
  expect((await verify(undefined, 'x')).ok).toBe(false);
});

test('the dear ones of an import fill the queue as what they are', async () => {
  const { verify } = hasher({ threads: 1, patience: 400 });
  const dear = '$2b$11$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy';
  const answers = await Promise.allSettled(Array.from({ length: 10 }, () => verify(dear, 'x')));
  expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
});

test('what was admitted first is done first', async () => {
  const { hash } = hasher({ threads: 1, patience: 60_000 });
  const order: number[] = [];
  await Promise.all(Array.from({ length: 12 }, (_, number) => hash('x').then(() => order.push(number))));
  expect(order).toEqual([...order].sort((one, two) => one - two));
});

test('the event loop stays free while passwords are hashed', async () => {
  const { hash } = hasher({ patience: 60_000 });
  await hash('warm');
  let turns = 0;
  const turning = setInterval(() => turns++, 1);
  await Promise.all(Array.from({ length: 20 }, () => hash('password')));
  clearInterval(turning);
  expect(turns).toBeGreaterThan(20);
});

test('a job that fails harms no other', async () => {
  const pool = createHashPool({ threads: 1, patience: 60_000 });
  onTestFinished(() => pool.close());
  const cost = { work: 1, memory: today.memory };
  const make = { scheme: 'argon2', ...today, salt: new Uint8Array(16) } as const;
  const password = Buffer.from('x');
  const jobs = [
    pool.run({ make, password, secret: undefined }, cost),
    pool.run({ make: { ...make, salt: new Uint8Array(0) }, password, secret: undefined }, cost),
    pool.run({ make, password, secret: undefined }, cost),
  ];
  const [one, failed, three] = await Promise.allSettled(jobs);
  expect([one?.status, failed?.status, three?.status]).toEqual(['fulfilled', 'rejected', 'fulfilled']);
});

test('a thread that dies takes its own jobs along; another one does the rest', async () => {
  // Does nothing with what it is given, and dies of the second job.
  const program = `import { parentPort } from 'node:worker_threads';
    parentPort.on('message', ({ id }) => {
      if (id === 2) throw new Error('dies');
      if (id > 2) parentPort.postMessage({ id, took: 1, tag: new Uint8Array(32) });
    });`;
  const script = new URL(`data:text/javascript,${encodeURIComponent(program)}`);
  const pool = createHashPool({ threads: 1, patience: 60_000, script });
  onTestFinished(() => pool.close());
  const make = { scheme: 'argon2', ...today, salt: new Uint8Array(16) } as const;
  const jobs = Array.from({ length: 5 }, () =>
    pool.run({ make, password: Buffer.from('x'), secret: undefined }, { work: 1, memory: today.memory }),
  );
  const states = (await Promise.allSettled(jobs)).map(({ status }) => status);
  expect(states).toEqual(['rejected', 'rejected', 'fulfilled', 'fulfilled', 'fulfilled']);
});

test('after the end nothing is taken any more, and what waited hears of it', async () => {
  const { hash, verify, close } = hasher({ threads: 1, patience: 60_000 });
  const waiting = Array.from({ length: 10 }, () => hash('x'));
  const settled = Promise.allSettled(waiting);
  await close();
  for (const answer of await settled) {
    if (answer.status === 'rejected') expect(answer.reason).toMatchObject({ code: 'store.unavailable' });
  }
  expect((await settled).at(-1)?.status).toBe('rejected');
  await expect(hash('x')).rejects.toMatchObject({ code: 'store.unavailable' });
  await expect(verify(undefined, 'x')).rejects.toMatchObject({ code: 'store.unavailable' });
  await close();
});

test('no thread keeps a process from ending, and none ends before its work', async () => {
  const program = `
    const { createHasher } = await import(${JSON.stringify(new URL('../src/subject/secrets/password-hash.ts', import.meta.url))});
    const { systemRandom } = await import(${JSON.stringify(new URL('../src/kernel/random.ts', import.meta.url))});
    const { hash, verify } = createHasher({ random: systemRandom, peppers: { current: async () => undefined } });
    console.log(await verify(await hash('x'), 'x'));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
    timeout: 20_000,
  });
  expect(stdout).toBe('{ ok: true, outdated: false }\n');
});

test("today's parameters are at least the contract's", () => {
  expect(today.memory).toBeGreaterThanOrEqual(19_456);
  expect(today.passes).toBeGreaterThanOrEqual(2);
  expect(readHash(`$argon2id$v=19$m=19456,t=2,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`)).toMatchObject(today);
});
