import { setTimeout as pause } from 'node:timers/promises';
import { beginRecovery, completeRecovery, startRecovery, Wallet } from '@countersign/client/wallet';
import { expect, test } from 'vitest';
import { write } from '../src/store/write.ts';
import { suspendSubject } from '../src/subject/subject.ts';
import { renewIncarnation } from '../src/subject/tokens/status.ts';
import { walletSubjectId } from '../src/subject/tokens/wallet-token.ts';
import { advanceRecoveries } from '../src/wallets/recovery/advance.ts';
import { tester } from './support/context.ts';
import { eachDatabase } from './support/databases.ts';
import { eventually } from './support/eventually.ts';
import { day, email, hour, type RecoveryRealm, recoveryRealm } from './support/recovery.ts';

const refused = (code: string) => expect.objectContaining({ code });
const outcome = (act: Promise<unknown>) =>
  act.then(
    () => 'good',
    ({ code }: { code: string }) => code,
  );

/** A wallet whose devices were not used for 32 days. */
async function abandoned(realm: RecoveryRealm) {
  const lost = await realm.invited();
  await realm.pass(32 * day);
  return lost;
}

/** Until the code was mailed. */
async function toTheEnd(realm: RecoveryRealm): Promise<void> {
  await realm.pass(36 * hour);
  await realm.pass(36 * hour);
}

eachDatabase('a recovery', (freshUrl) => {
  test('begins only for a reader of the mailbox: a start says the same of every address, and takes no place', async () => {
    const realm = await recoveryRealm(await freshUrl());
    const lost = await abandoned(realm);
    const { options, clock, box } = realm;
    const profile = await realm.prepare();
    const waiting = await realm.admin('/realms/dev/countersign.v1.ProviderService/Invite', 'POST', {
      participant: 'PARTICIPANT_TYPE_INDIVIDUAL',
      email: 'bob@example.org',
    });
    expect(waiting.status).toBe(200);
    const before = box.received.length;
    const answers = [];
    for (const to of [email, 'bob@example.org', 'nobody@example.org']) {
      answers.push(await startRecovery({ profile, email: to, ...options }));
    }
    answers.push(await startRecovery({ profile, email, walletId: crypto.randomUUID(), ...options }));
    expect(answers).toEqual(Array(4).fill({ earliest: clock.now() + 72 * hour }));
    const { db } = realm.server.context.store;
    const rows = () =>
      db.selectFrom('one_time_code').selectAll().where('purpose', '=', 'wallet-recovery-start').execute();
    await eventually(async () => (await rows()).length === 4, 5_000);
    await realm.pass(1);
    expect(
      box.received
        .slice(before)
        .flatMap(({ to }) => to)
        .filter((to) => to !== 'bob@example.org'),
    ).toEqual([email]);
    expect(realm.mailsTo('bob@example.org').join()).not.toContain('csb_');
    expect(await lost.recoveries()).toEqual([]);
  });

  test('refuses bad requests with their field', async () => {
    const realm = await recoveryRealm(await freshUrl());
    const profile = await realm.prepare();
    const { options } = realm;
    for (const bad of ['', 'x', 'a@b.test\r\nBcc: eve@evil.example', `${'a'.repeat(300)}@b.test`]) {
      await expect(startRecovery({ profile, email: bad || ' ', ...options })).rejects.toThrow(
        refused('request.invalid'),
      );
    }
    await expect(startRecovery({ profile, email, walletId: '../x', ...options })).rejects.toThrow(
      refused('request.invalid'),
    );
    for (const code of ['csb_x', 'csr_x', `csb_${'A'.repeat(43)}`, '\0', 'x'.repeat(10_000)]) {
      await expect(beginRecovery({ profile, code, ...options })).rejects.toThrow(refused('recovery.code'));
      await expect(completeRecovery({ profile, code, ...options })).rejects.toThrow(refused('recovery.code'));
    }
    const call = (body: object) =>
      fetch(`${realm.server.issuer()}/countersign.v1.RecoveryService/StartRecovery`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    for (const document of [
      '',
      'x',
      '[]',
      '{"type":"StartRecovery"}',
      '{"type":"CreateWallet"}',
      '{"type":"StartRecovery","email":7}',
    ]) {
      const answer = await call({ signedRequest: Buffer.from(document).toString('base64') });
      expect(answer.status, document).toBe(400);
    }
  });

  test('of a realm that has it off cannot start, and one that is running fails', async () => {
    const url = await freshUrl();
    const realm = await recoveryRealm(url);
    const lost = await abandoned(realm);
    await realm.begin(await realm.prepare());
    const settings = { accessTokenAlg: 'ES256', walletRecoveryHours: null };
    const network = { realms: [{ name: 'dev', profile: 'ocen4', settings }] };
    expect((await realm.admin('/realms/dev/admin/network', 'POST', network)).status).toBe(200);
    const profile = await realm.prepare();
    await expect(startRecovery({ profile, email, ...realm.options })).rejects.toThrow(refused('recovery.off'));
    await realm.pass(36 * hour);
    expect(await realm.recoveriesOf(lost)).toMatchObject([{ state: 'failed' }]);
  });

  test('runs once for a wallet, also if two nodes begin one at the same moment', async () => {
    const realm = await recoveryRealm(await freshUrl());
    const lost = await abandoned(realm);
    const two = await realm.anotherNode();
    const there = (url: string) => url.replace(realm.server.url, `http://localhost:${two.context.config.port}`);
    const { options } = realm;
    const onTwo = { ...options, fetch: (url: string, init: RequestInit) => fetch(there(url), init) };
    const [first, second] = [await realm.prepare(), await realm.prepare()];
    const codes = [await realm.start(first), await realm.start(second)] as const;
    const outcomes = await Promise.all([
      outcome(beginRecovery({ profile: first, code: codes[0], ...options })),
      outcome(beginRecovery({ profile: second, code: codes[1], ...onTwo })),
    ]);
    expect(outcomes.sort()).toEqual(['good', 'recovery.refused']);
    expect((await realm.recoveriesOf(lost)).map(({ state }) => state)).toEqual(['running']);
    // Both nodes take the stages, and the code is mailed once.
    await realm.pass(36 * hour);
    await realm.pass(36 * hour);
    await Promise.all([realm.server, two].map(({ context }) => advanceRecoveries(context)));
    await pause(100);
    const mails = realm.mailsTo(email);
    expect(mails.filter((raw) => raw.includes('csr_'))).toHaveLength(1);
    expect(mails.filter((raw) => raw.includes('half over'))).toHaveLength(1);
  });

  test('is completed once, by the device that began it alone, and by no earlier code', async () => {
    const realm = await recoveryRealm(await freshUrl());
    await abandoned(realm);
    const { options } = realm;
    const [profile, other] = [await realm.prepare(), await realm.prepare()];
    const begun = await realm.start(profile);
    await beginRecovery({ profile, code: begun, ...options });
    await expect(beginRecovery({ profile, code: begun, ...options })).rejects.toThrow(refused('recovery.code'));
    await expect(completeRecovery({ profile, code: begun, ...options })).rejects.toThrow(refused('recovery.code'));
    await toTheEnd(realm);
    const [code] = await realm.mail(email, /csr_[A-Za-z0-9_-]{43}/);
    await expect(completeRecovery({ profile: other, code, ...options })).rejects.toThrow(refused('recovery.code'));
    const outcomes = await Promise.all([1, 2, 3].map(() => outcome(completeRecovery({ profile, code, ...options }))));
    expect(outcomes.sort()).toEqual(['good', 'recovery.code', 'recovery.code']);
    await expect(completeRecovery({ profile, code, ...options })).rejects.toThrow(refused('recovery.code'));
  });

  test('ends when its code is not used in 72 hours', async () => {
    const realm = await recoveryRealm(await freshUrl());
    const lost = await abandoned(realm);
    const profile = await realm.prepare();
    await realm.begin(profile);
    await toTheEnd(realm);
    await realm.pass(72 * hour);
    await expect(realm.finish(profile)).rejects.toThrow(refused('recovery.code'));
    expect(await lost.recoveries()).toMatchObject([{ state: 'failed' }]);
  });

  test('is stopped by a device also after the code was mailed', async () => {
    const realm = await recoveryRealm(await freshUrl());
    const lost = await abandoned(realm);
    const profile = await realm.prepare();
    await realm.begin(profile);
    await toTheEnd(realm);
    await lost.describe();
    await expect(realm.finish(profile)).rejects.toThrow(refused('recovery.code'));
    expect((await lost.describe()).id).toBe(lost.id);
  });

  test('of a suspended wallet fails, and does not begin', async () => {
    const realm = await recoveryRealm(await freshUrl());
    const lost = await abandoned(realm);
    const { context } = realm.server;
    const profile = await realm.prepare();
    const code = await realm.start(profile);
    await realm.begin(profile);
    await write(context, tester, (tx) => suspendSubject(tx, 'dev', walletSubjectId(lost.id as string)));
    await expect(beginRecovery({ profile, code, ...realm.options })).rejects.toThrow(refused('recovery.code'));
    await realm.pass(36 * hour);
    await realm.mail(email, /A recovery of your wallet failed/);
    await expect(lost.describe()).rejects.toThrow(refused('wallet.denied'));
  });

  test('does not go on in a restored copy, where every device counts as used', async () => {
    const realm = await recoveryRealm(await freshUrl());
    const lost = await abandoned(realm);
    const profile = await realm.prepare();
    await realm.begin(profile);
    await realm.pass(36 * hour);
    await renewIncarnation(realm.server.context);
    await realm.pass(36 * hour);
    await realm.mail(email, /A recovery of your wallet failed/);
    expect(await lost.recoveries()).toMatchObject([{ state: 'failed' }]);
    expect(await realm.begin(await realm.prepare())).toMatchObject({ state: 'running', needsApproval: true });
  });

  test('does not end early because a clock is ahead for a while, and does not stand in the way afterwards', async () => {
    const realm = await recoveryRealm(await freshUrl());
    const lost = await abandoned(realm);
    const profile = await realm.prepare();
    await realm.begin(profile);
    // Ahead by a month, at one look of the job: a reminder, and no code.
    await realm.pass(30 * day);
    realm.clock.advance(-30 * day);
    await advanceRecoveries(realm.server.context);
    expect(realm.mailsTo(email).join()).not.toContain('csr_');
    // Begun again: the one from the future is void.
    expect(await realm.begin(await realm.prepare())).toMatchObject({ state: 'running' });
    const states = async () => (await lost.recoveries()).map(({ state }) => state).sort();
    expect(await states()).toEqual(['failed', 'running']);
    await lost.describe();
    expect(await states()).toEqual(['cancelled', 'failed']);
  });

  test('waits for half of its delay after the reminder, however late that was', async () => {
    const realm = await recoveryRealm(await freshUrl());
    await abandoned(realm);
    await realm.begin(await realm.prepare());
    // The server was down.
    await realm.pass(100 * hour);
    await realm.mail(email, /half over/);
    await realm.pass(36 * hour - 1);
    expect(realm.mailsTo(email).join()).not.toContain('csr_');
    await realm.pass(1);
    await realm.mail(email, /csr_/);
  });

  test('begins five times in 30 days at the most', async () => {
    const realm = await recoveryRealm(await freshUrl());
    const lost = await abandoned(realm);
    const { db } = realm.server.context.store;
    await realm.begin(await realm.prepare());
    const row = await db.selectFrom('wallet_recovery').selectAll().executeTakeFirstOrThrow();
    const more = [1, 2, 3, 4].map((n) => ({ ...row, id: `00${n}-${row.id}`, ended_at: row.started_at, next_at: null }));
    await db.insertInto('wallet_recovery').values(more).execute();
    await lost.cancelRecovery();
    await expect(realm.begin(await realm.prepare())).rejects.toThrow(refused('recovery.refused'));
  });

  test('is stopped by an administrator, who cannot take a device out of the way', async () => {
    const realm = await recoveryRealm(await freshUrl());
    const owner = await realm.invited();
    await realm.pass(31 * day);
    await owner.describe();
    await realm.pass(1);
    const wallet = `/realms/dev/admin/wallets/${owner.id}`;
    const cancelled = await realm.admin(`${wallet}/recovery/cancel`, 'POST');
    expect(cancelled.status).toBe(404);
    await realm.begin(await realm.prepare());
    expect(await (await realm.admin(`${wallet}/recovery/cancel`, 'POST')).json()).toMatchObject({ state: 'cancelled' });
    await realm.admin('/realms/dev/admin/capabilities/revoke', 'POST', { walletId: owner.id, did: owner.did });
    await realm.pass(1);
    const profile = await realm.prepare();
    expect(await realm.begin(profile)).toMatchObject({ needsApproval: true });
    await toTheEnd(realm);
    const { items } = (await (await realm.admin(`${wallet}/recoveries`)).json()) as { items: object[] };
    expect(items).toMatchObject([{ state: 'failed', controller: profile.did }, { state: 'cancelled' }]);
    expect((await realm.admin('/realms/dev/admin/wallets/x/recoveries')).status).toBe(404);
  });

  test('a use is written once a day, and one in the future is corrected', async () => {
    const realm = await recoveryRealm(await freshUrl());
    const owner = await realm.invited();
    const { db } = realm.server.context.store;
    const used = async () => (await db.selectFrom('capability').select('used_at').executeTakeFirstOrThrow()).used_at;
    const use = async () => {
      const wallet = await Wallet.open(owner.profile, realm.options);
      await wallet.token();
      await realm.pass(0);
      return used();
    };
    const first = realm.clock.now();
    expect(await use()).toBe(first);
    realm.clock.advance(12 * hour);
    expect(await use()).toBe(first);
    realm.clock.advance(12 * hour);
    expect(await use()).toBe(first + day);
    expect((await owner.list())[0]).toMatchObject({ used: first + day });
    realm.clock.advance(20 * day);
    expect(await use()).toBe(first + 21 * day);
    realm.clock.advance(-10 * day);
    expect(await use()).toBe(first + 11 * day);
  });
});
