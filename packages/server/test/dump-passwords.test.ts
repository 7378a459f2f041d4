import { expect, onTestFinished, test } from 'vitest';
import { system } from '../src/kernel/caller.ts';
import { systemClock } from '../src/kernel/clock.ts';
import { createLog } from '../src/kernel/log.ts';
import { systemRandom } from '../src/kernel/random.ts';
import { keepLoginCounts } from '../src/passwords/guess/throttle.ts';
import { openStore } from '../src/store/open.ts';
import { write } from '../src/store/write.ts';
import { dumpOpening, dumpSealing, dumpStore, loadStore } from '../src/subject/dump.ts';
import { issueOneTimeCode } from '../src/subject/secrets/one-time-code.ts';
import { masterKey } from './support/context.ts';
import { bothDatabases } from './support/databases.ts';
import { corporate, corporateAt, corporateNetwork, passwords, said } from './support/passwords.ts';
import { testServer } from './support/server.ts';

const key = Buffer.from(masterKey, 'base64url');
const value = (text: string) => ({ value: text });
const change = { oldPassword: value(passwords.first), password: value(passwords.second) };

/** A credential more, which has a second factor. */
function network() {
  const [dev, bank] = corporateNetwork().realms;
  const dave = { id: 'cred-4', identityId: 'corp-2', type: 'USER', code: 'dave' };
  return { realms: [{ ...dev, credentials: [...(dev?.credentials ?? []), dave] }, bank] };
}

/** A server with a password, a session, a restricted one, a second factor, an invitation, a code, and spent guesses. */
async function full(databaseUrl: string) {
  const real = await corporate({ databaseUrl, network: network(), withPassword: ['cred-1', 'cred-3', 'cred-4'] });
  const { context } = real.server;
  const ended = await real.session();
  await real.call('/auth/logout', ended);
  const session = await real.session();
  await real.admin('/passwords/cred-3/1/expire');
  const restricted = String((await real.login('carol@globex.example', passwords.first)).body.token);
  const code = (purpose: 'lost-password' | 'password-invite', owner: string) =>
    write(context, system, (tx) => issueOneTimeCode(context, tx, 'dev', purpose, owner, 600_000)).then(
      (made) => made.code,
    );
  const codes = { lost: await code('lost-password', 'cred-1'), invite: await code('password-invite', 'cred-2') };
  await context.store.db
    .insertInto('factor')
    .values({
      ...{
        realm: 'dev',
        credential_id: 'cred-4',
        id: 'f-1',
        kind: 'totp',
        name: 'telephone',
        sealed: null,
        state: '{}',
      },
      ...{ created_at: 1, confirmed_at: 1, used_at: null, version: 0 },
    })
    .execute();
  for (let i = 0; i < 12; i++) await real.login('eve', 'whatever it may be');
  await keepLoginCounts(context);
  const lines: string[] = [];
  await dumpStore(context.store, dumpSealing(key, systemRandom), async (line) => void lines.push(line));
  return { lines, ended, session, restricted, ...codes };
}

async function* each(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines;
}

bothDatabases('passwords that move to another database', (fresh) => {
  test.each([
    ['sqlite', 'postgres'],
    ['postgres', 'sqlite'],
  ] as const)('from %s to %s are as good as before, and so is all that hangs on them', async (from, to) => {
    const { lines, ended, session, restricted, lost, invite } = await full(await fresh[from]());
    const databaseUrl = await fresh[to]();
    const store = await openStore(databaseUrl, systemClock, createLog('silent'));
    const counts = await loadStore(store, dumpOpening(key), each(lines));
    expect(counts).toMatchObject({ password: 3, session: 3, factor: 1, one_time_code: 2, credential: 9 });
    await store.close();

    const server = await testServer({ databaseUrl });
    onTestFinished(() => server.close());
    const { call, login, admin } = corporateAt(server);
    expect(said(await call('/auth/sessions/get', session))).toBe('200');
    expect(said(await call('/auth/sessions/get', ended))).toBe('401 SESSION_INVALID');
    expect(said(await call('/auth/subject', restricted))).toBe('403 SESSION_RESTRICTED');
    expect(said(await call('/passwords/cred-3/update', restricted, change))).toBe('200');
    expect(said(await login('dave', passwords.first))).toBe('409 SECOND_FACTOR_REQUIRED');
    expect(said(await login('eve', 'whatever it may be'))).toBe('429 ATTEMPT_THROTTLED');
    expect(said(await login('alice@acme.example', passwords.second))).toBe('403 FAILED_LOGIN');
    expect(said(await login('alice@acme.example', passwords.first))).toBe('200');
    expect(said(await call('/passwords/cred-2/create', invite, { password: value(passwords.third) }))).toBe('200');
    expect(said(await login('bob', passwords.third))).toBe('200');
    const recovery = { credentialCode: 'alice@acme.example', nonce: lost, newPassword: value(passwords.second) };
    expect(said(await call('/passwords/lost_password/resume', undefined, recovery))).toBe('200');
    expect(said(await call('/passwords/lost_password/resume', undefined, recovery))).toBe('409 INVALID_NONCE_OR_EMAIL');
    expect(said(await call('/auth/sessions/get', session))).toBe('401 SESSION_INVALID');
    expect((await admin('/passwords/cred-1/get')).body).toMatchObject({
      passwordInfo: { version: 2, state: 'ACTIVE' },
    });
  });
});
