import { StatementSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dropped, type Message } from '../src/mail/message.ts';
import { createCredential, stepCredential } from '../src/passwords/identity/credential.ts';
import { changeCredential } from '../src/passwords/identity/credential-change.ts';
import { sendRecoveryCode } from '../src/passwords/lost-password.ts';
import { createPassword } from '../src/passwords/password.ts';
import { applyNetwork } from '../src/registry/network-file/apply.ts';
import { sealNewEvents } from '../src/subject/event.ts';
import { ownerOfOneTimeCode } from '../src/subject/secrets/one-time-code.ts';
import { manualClock } from './support/clock.ts';
import { openContext, temporaryDir, tester } from './support/context.ts';
import { eachDatabase } from './support/databases.ts';
import { deliverOnce } from './support/mail.ts';
import { met } from './support/met.ts';
import { corporateNetwork, passwords } from './support/passwords.ts';
import { from } from './support/source.ts';

const alice = 'alice@acme.example';
const halfHour = 30 * 60_000;

async function open(databaseUrl: string) {
  const clock = manualClock();
  const context = await openContext(databaseUrl, { clock });
  await applyNetwork(context, corporateNetwork(), tester);
  for (const id of ['cred-1', 'cred-2', 'cred-3']) {
    await createPassword(context, 'dev', id, { password: passwords.first }, tester);
  }
  await stepCredential(context, 'dev', 'cred-3', 'disable', tester);
  const sent: Message[] = [];
  const deliver = () =>
    deliverOnce(context, async (message) => {
      if (message.to === null) return dropped;
      sent.push(message);
      return { sent: true };
    });
  /** From one source, and until there is nothing left to do. */
  const start = async (code: string, source = '192.0.2.1') => {
    await sendRecoveryCode(context, 'dev', { email: code }, { ...tester, source: from(source) });
    await deliver();
  };
  return { context, clock, start, sent, deliver };
}

const executed: string[] = [];
const methods = ['all', 'run', 'iterate'] as const;
const originals = methods.map((name) => StatementSync.prototype[name]);
beforeAll(() => {
  for (const [at, name] of methods.entries()) {
    const original = originals[at] as (...given: unknown[]) => unknown;
    Object.assign(StatementSync.prototype, {
      [name](this: StatementSync, ...given: unknown[]) {
        executed.push(this.sourceSQL);
        return original.apply(this, given);
      },
    });
  }
});
afterAll(() => {
  for (const [at, name] of methods.entries()) Object.assign(StatementSync.prototype, { [name]: originals[at] });
});

test('a start is the same statements, digests and events for every code, until its mail is delivered or dropped', async () => {
  const { context, start, sent, deliver } = await open(`sqlite:${temporaryDir()}/work.db`);
  let digests = 0;
  const digest = context.vault.digest.bind(context.vault);
  Object.assign(context.vault, {
    digest: (...given: Parameters<typeof digest>) => {
      digests++;
      return digest(...given);
    },
  });
  const work = async (code: string) => {
    executed.length = 0;
    digests = 0;
    await start(code);
    await sealNewEvents(context, 'test');
    return { statements: [...executed], digests };
  };
  // The first one prepares what the others find.
  await work('somebody@acme.example');
  const known = await work(alice);
  expect(sent).toHaveLength(1);
  expect(known.statements.length).toBeGreaterThan(10);
  // Unknown; without an address; disabled; without a password.
  // By a verified address that is no code: of one, of two. An address that is not verified.
  const patch = (id: string, email: string, emailVerified: boolean) =>
    changeCredential(context, 'dev', id, { email, emailVerified }, tester);
  await createCredential(
    context,
    'dev',
    { id: 'cred-4', identityId: 'corp-1', type: 'USER', code: 'dora', email: 'two@acme.example', emailVerified: true },
    tester,
  );
  await createPassword(context, 'dev', 'cred-4', { password: passwords.first }, tester);
  for (const [email, counts, also] of [
    ['bob@acme.example', true, 'bob@acme.example'],
    ['two@acme.example', true, 'two@acme.example'],
    ['new@acme.example', false, 'new@acme.example'],
  ] as const) {
    await patch('cred-2', email, counts);
    await deliver();
    await sealNewEvents(context, 'test');
    expect(await work(also), email).toEqual(known);
  }
  expect(
    sent
      .filter(({ to }) => to === 'new@acme.example')
      .map(({ bytes }) => bytes.toString())
      .join(),
  ).not.toContain('csl_');
  await patch('cred-2', 'bob@acme.example', false);
  await deliver();
  await sealNewEvents(context, 'test');
  for (const code of ['nobody@acme.example', 'bob', 'carol@globex.example', 'peter@initech.example']) {
    expect(await work(code), code).toEqual(known);
  }
  for (let i = 0; i < 4; i++) {
    expect(await work('nobody@acme.example'), `again ${i}`).toEqual(await work(alice));
  }
  // One to the first address, then to the old and the new one each.
  const changes = 1 + 2 + 2 + 2;
  const types = await context.store.db.selectFrom('event').select(['type', 'object']).execute();
  expect(types.filter(({ type }) => type === 'mail.dropped')).toHaveLength(6 + 2);
  expect(types.filter(({ type }) => type === 'mail.delivered')).toHaveLength(3 + 2 + changes);
  expect(types.filter(({ type }) => type === 'mail.failed')).toEqual([]);
  expect(JSON.stringify(types), 'what was typed may have been a password').not.toContain('nobody@acme.example');
});

eachDatabase('a code for a lost password', (freshUrl) => {
  test('always goes to the owner where none is live, however often strangers asked', async () => {
    const { clock, start, sent } = await open(await freshUrl());
    for (let i = 0; i < 6; i++) await start(alice, '198.51.100.66');
    expect(sent, 'one network gets three mails').toHaveLength(3);
    await start(alice);
    expect(sent, 'the owner asks from elsewhere').toHaveLength(4);
    for (let i = 0; i < 9; i++) await start(alice, `198.51.100.${i}`);
    expect(sent, 'five in an hour while codes are live').toHaveLength(5);
    await start(alice);
    expect(sent, 'the owner has five that are good').toHaveLength(5);
    for (let hours = 0; hours < 3; hours++) {
      clock.advance(halfHour);
      const before = sent.length;
      await start(alice);
      expect(sent.length, 'none is live').toBe(before + 1);
    }
  });

  test('is worth nothing at the address from before, also where the change of it meets the start', async () => {
    const { context, clock, sent, start } = await open(await freshUrl());
    let change: Promise<void> | undefined;
    // It has read the address, in its turn.
    const late = await met(context, 8, () => {
      change = changeCredential(context, 'dev', 'cred-1', { email: 'new@acme.example', emailVerified: true }, tester);
      // Where nothing keeps the change waiting it is done by then.
      return Promise.race([change, pause(500)]);
    });
    await sendRecoveryCode(late, 'dev', { email: alice }, { ...tester, source: from('192.0.2.1') });
    await change;
    await start('nobody@acme.example');
    const mailed = Buffer.concat(sent.map(({ bytes }) => bytes)).toString();
    const code = /csl_[A-Za-z0-9_-]{43}/.exec(mailed)?.[0] ?? '';
    expect(code).not.toBe('');
    expect(await ownerOfOneTimeCode(context, 'dev', 'lost-password', code)).toBeUndefined();
    clock.advance(halfHour);
    await start(alice);
    expect(sent.at(-1)?.to).toBe('new@acme.example');
  });

  test('is one where none was live, also for all who ask at the same moment', async () => {
    const url = await freshUrl();
    const nodes = [await open(url), await openContext(url, { clock: manualClock() })] as const;
    const [{ context, sent, start }, other] = nodes;
    const each = Array.from({ length: 40 }, (_, at) => at);
    const strangers = each.map((at) =>
      sendRecoveryCode(
        at % 2 === 0 ? context : other,
        'dev',
        { email: alice },
        { ...tester, source: from('192.0.2.7') },
      ),
    );
    await Promise.all(strangers);
    await start(alice);
    expect(sent.length, 'three of the network on each node, one of the owner').toBeLessThanOrEqual(7);
    expect(sent.length).toBeGreaterThan(0);
  });
});
