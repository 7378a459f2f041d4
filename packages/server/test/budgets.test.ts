import { expect, test } from 'vitest';
import { mailAddress } from '../src/kernel/mail-address.ts';
import { allowMail } from '../src/mail/outbox.ts';
import { applyNetwork } from '../src/registry/network-file/apply.ts';
import { requireRealm } from '../src/subject/realm.ts';
import { requireBudgets, returnBudgets, spendBudgets } from '../src/subject/throttle/budget.ts';
import { invite } from '../src/wallets/invitation.ts';
import { manualClock, movedClock } from './support/clock.ts';
import { openContext, temporaryDir, tester } from './support/context.ts';
import { eachDatabase } from './support/databases.ts';
import { eventually } from './support/eventually.ts';
import { type Answered, corporate, passwords, said } from './support/passwords.ts';

const root = 'alice@acme.example';
const day = 86_400_000;

/** How many answers there were of each kind. */
function tally(answers: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const answer of answers) counts[answer] = (counts[answer] ?? 0) + 1;
  return counts;
}

/** A credential that was made says its code, as a refusal does. */
const inShort = (answer: Answered) => (answer.status === 200 ? '200' : said(answer));

eachDatabase('a budget', (freshUrl) => {
  const budgets = [{ name: 'test', limit: 5, window: 60_000 }];

  test('is one of all nodes together, at the same moment too, and what is refused does not count', async () => {
    const url = await freshUrl();
    const clock = manualClock();
    const nodes = [await openContext(url, { clock }), await openContext(url, { clock })];
    const spend = (at: number) =>
      requireBudgets(nodes[at % 2] as (typeof nodes)[0], 'dev', budgets, 'one').then(
        () => 'done',
        ({ code }: { code: string }) => code,
      );
    const answers = await Promise.all(Array.from({ length: 40 }, (_, at) => spend(at)));
    expect(answers.filter((answer) => answer === 'done').length).toBeLessThanOrEqual(5);
    const [row] = await (nodes[0] as (typeof nodes)[0]).store.db.selectFrom('login_failure').selectAll().execute();
    expect(row).toMatchObject({ key: 'test one', resets_at: clock.now() + 60_000 });
    clock.advance(60_000);
    expect(await spend(0)).toBe('done');
    expect(await spendBudgets(nodes[0] as (typeof nodes)[0], 'dev', budgets, 'another')).toBeUndefined();
  });

  test('that this process has spent is refused without a look at the database', async () => {
    const context = await openContext(await freshUrl(), { clock: manualClock() });
    for (let i = 0; i < 5; i++) await requireBudgets(context, 'dev', budgets, 'one');
    await context.store.close();
    const again = requireBudgets(context, 'dev', budgets, 'one');
    await expect(again).rejects.toMatchObject({ code: 'attempt.throttled', retryAfter: 60 });
  });

  test('gets back what was not done', async () => {
    const context = await openContext(await freshUrl(), { clock: manualClock() });
    for (let i = 0; i < 20; i++) {
      await requireBudgets(context, 'dev', budgets, 'one');
      await returnBudgets(context, 'dev', budgets, 'one');
    }
  });

  test('that another node has spent ends with its window here too, however often it was asked for', async () => {
    const url = await freshUrl();
    const clock = manualClock();
    const [one, other] = [await openContext(url, { clock }), await openContext(url, { clock })];
    for (let i = 0; i < 5; i++) await requireBudgets(one, 'dev', budgets, 'one');
    clock.advance(59_000);
    for (let i = 0; i < 9; i++) {
      const again = requireBudgets(other, 'dev', budgets, 'one');
      await expect(again).rejects.toMatchObject({ code: 'attempt.throttled', retryAfter: 1 });
    }
    clock.advance(1_000);
    await requireBudgets(other, 'dev', budgets, 'one');
  });

  test('is no longer than its window, also where the clock was ahead when it began', async () => {
    const url = await freshUrl();
    const ahead = await openContext(url, { clock: manualClock(Date.UTC(2026, 0, 15, 20)) });
    for (let i = 0; i < 5; i++) await requireBudgets(ahead, 'dev', budgets, 'one');
    const clock = manualClock(Date.UTC(2026, 0, 15, 12));
    const context = await openContext(url, { clock });
    const spend = () => requireBudgets(context, 'dev', budgets, 'one');
    await expect(spend()).rejects.toMatchObject({ code: 'attempt.throttled', retryAfter: 60 });
    clock.advance(60_000);
    await spend();
  });
});

test('new passwords of one credential are ten an hour; after them nothing is hashed for it, and a recovery by mail still is', async () => {
  const moved = movedClock();
  const clock = { ...moved, elapsed: moved.now };
  const { server, call, login, session } = await corporate({ clock });
  const token = `Bearer ${await session()}`;
  let hashes = 0;
  const { hasher } = server.context;
  const [hash, verify] = [hasher.hash.bind(hasher), hasher.verify.bind(hasher)];
  Object.assign(hasher, {
    hash: (...given: Parameters<typeof hash>) => ++hashes && hash(...given),
    verify: (...given: Parameters<typeof verify>) => ++hashes && verify(...given),
  });
  const update = () => call('/passwords/cred-1/authenticated_update', token, { password: { value: passwords.first } });
  const answers = await Promise.all(Array.from({ length: 90 }, update));
  // The first password itself was the first of the ten.
  expect(tally(answers.map(said))).toEqual({ '409 PASSWORD_REUSED': 9, '429 ATTEMPT_THROTTLED': 81 });
  expect(hashes).toBe(9);
  const { store, vault } = server.context;
  const nonce = `csl_${'A'.repeat(43)}`;
  const code = {
    realm: 'dev',
    purpose: 'lost-password',
    digest: vault.digest('lost-password', nonce),
    owner: 'cred-1',
  };
  await store.db
    .insertInto('one_time_code')
    .values({ ...code, created_at: clock.now(), expires_at: clock.now() + 60_000 })
    .execute();
  const recovery = { email: root, nonce, newPassword: { value: passwords.second } };
  expect((await call('/passwords/lost_password/resume', undefined, recovery)).status).toBe(200);
  clock.advance(3_600_000);
  // Which looks to it as if the store had been away for an hour.
  await eventually(async () => (await login(root, passwords.second)).status === 200, 10_000);
  const after = { password: { value: passwords.third } };
  const again = `Bearer ${await session(root, passwords.second)}`;
  expect((await call('/passwords/cred-1/authenticated_update', again, after)).status).toBe(200);
});

test('old passwords, right ones too, are shown thirty times an hour', async () => {
  const { call, session } = await corporate();
  const token = `Bearer ${await session()}`;
  const update = () =>
    call('/passwords/cred-1/update', token, { oldPassword: { value: passwords.first }, password: { value: 'short' } });
  const answers: string[] = [];
  for (let i = 0; i < 33; i++) answers.push(said(await update()));
  expect(tally(answers)).toEqual({ '409 PASSWORD_TOO_SHORT': 30, '429 ATTEMPT_THROTTLED': 3 });
});

test('a ROOT learns of ten codes that are taken a day, and an administrator makes as many as it likes', async () => {
  const clock = movedClock();
  const { call, admin, session } = await corporate({ clock });
  const create = '/identities/corp-1/credentials/_/create';
  const probe = async (token: string, code = 'carol@globex.example') =>
    inShort(await call(create, `Bearer ${token}`, { type: 'USER', code }));
  const token = await session(root);
  const answers: string[] = [];
  for (let i = 0; i < 13; i++) answers.push(await probe(token));
  expect(tally(answers)).toEqual({ '409 CREDENTIAL_CODE_TAKEN': 10, '429 ATTEMPT_THROTTLED': 3 });
  expect(await probe(token, 'free@acme.example'), 'a free code tells as much').toBe('429 ATTEMPT_THROTTLED');
  for (let i = 0; i < 15; i++) {
    expect(said(await admin(create, { type: 'USER', code: root }))).toBe('409 CREDENTIAL_CODE_TAKEN');
  }
  clock.advance(day);
  expect(await probe(await session(root), 'free@acme.example')).toBe('200');
});

test('probes of a ROOT at the same moment are a hundred a day at most', async () => {
  const { call, session } = await corporate();
  const token = `Bearer ${await session(root)}`;
  const probe = () => call('/identities/corp-1/credentials/_/create', token, { type: 'USER', code: root });
  const answers = tally((await Promise.all(Array.from({ length: 130 }, probe))).map(inShort));
  expect(answers['409 CREDENTIAL_CODE_TAKEN']).toBeLessThanOrEqual(100);
  expect(await probe().then(inShort)).toBe('429 ATTEMPT_THROTTLED');
});

test('a ROOT makes a hundred credentials a day and sends a hundred invitations', async () => {
  const { server, call, session } = await corporate();
  const token = `Bearer ${await session(root)}`;
  const step = (path: string, body: unknown = {}) => call(`/identities/corp-1/credentials/${path}`, token, body);
  const made = await Promise.all(
    Array.from({ length: 105 }, (_, at) => step('_/create', { type: 'USER', code: `user-${at}@acme.example` })),
  );
  expect(tally(made.map(inShort))).toEqual({ 200: 100, '429 ATTEMPT_THROTTLED': 5 });
  const ids = made.filter(({ status }) => status === 200).map(({ body }) => String(body.id));
  const to = mailAddress('user-0@acme.example');
  for (let i = 0; i < 5; i++) allowMail(server.context, 'dev', 'password-invitation', to as NonNullable<typeof to>);
  const sent: string[] = [];
  for (const id of [...ids, ...ids.slice(50, 55)]) sent.push(said(await step(`${id}/invite`)));
  expect(tally(sent)).toEqual({ 204: 100, '429 ATTEMPT_THROTTLED': 5 });
});

const unspoken = { roles: [], didWeb: false, language: '', inviterName: '', message: '' };

test('a device that may invite sends a hundred invitations to wallets a day, an administrator as many as it likes', async () => {
  const context = await openContext(`sqlite:${temporaryDir()}/invite.db`, { clock: manualClock() });
  await applyNetwork(context, { realms: [{ name: 'dev', settings: { accessTokenAlg: 'ES256' } }] }, tester);
  const realm = await requireRealm(context, 'dev');
  const send = (kind: 'device' | 'administrator', at: number) =>
    invite(
      context,
      realm,
      { ...unspoken, participant: 'individual', description: 'One', email: `one-${at}@acme.example` },
      { kind, name: kind },
      tester,
    ).then(
      () => 'sent',
      ({ code }: { code: string }) => code,
    );
  const answers: string[] = [];
  for (let at = 0; at < 103; at++) answers.push(await send('device', at));
  expect(tally(answers)).toEqual({ sent: 100, 'attempt.throttled': 3 });
  expect(await send('administrator', 200)).toBe('sent');
});

test('an invitation that is refused makes no keys for its organization', async () => {
  const opened = await openContext(`sqlite:${temporaryDir()}/keys.db`, { clock: manualClock() });
  let made = 0;
  const bytes = (length: number) => {
    made++;
    return opened.random.bytes(length);
  };
  const context = { ...opened, random: { ...opened.random, bytes } };
  await applyNetwork(context, { realms: [{ name: 'dev', settings: { accessTokenAlg: 'ES256' } }] }, tester);
  const realm = await requireRealm(context, 'dev');
  const wanted = { ...unspoken, participant: 'organization', description: '', email: 'a@acme.example' } as const;
  const send = async () => {
    made = 0;
    const code = await invite(context, realm, wanted, { kind: 'administrator', name: 'admin' }, tester).then(
      () => 'sent',
      (refusal: { code: string }) => refusal.code,
    );
    return [code, made > 0];
  };
  for (let at = 0; at < 5; at++) expect(await send()).toEqual(['sent', true]);
  expect(await send()).toEqual(['attempt.throttled', false]);
});
