import { expect, test } from 'vitest';
import { system } from '../src/kernel/caller.ts';
import { forgetDevices, recogniseDevice, rememberDevice } from '../src/passwords/device.ts';
import { applyNetwork } from '../src/registry/network-file/apply.ts';
import { write } from '../src/store/write.ts';
import { requireRealm } from '../src/subject/realm.ts';
import {
  countLiveCodes,
  issueOneTimeCode,
  ownerOfOneTimeCode,
  useOneTimeCode,
} from '../src/subject/secrets/one-time-code.ts';
import { authenticateSession, openSession } from '../src/subject/session.ts';
import { credentialSubjectId } from '../src/subject/subject.ts';
import { cancelInvitation, invite, readInvitation } from '../src/wallets/invitation.ts';
import { manualClock, movedClock } from './support/clock.ts';
import { openContext, tester } from './support/context.ts';
import { eachDatabase } from './support/databases.ts';
import { authenticatorApp } from './support/factors.ts';
import { corporate, corporateNetwork, said } from './support/passwords.ts';

const minute = 60_000;
const hour = 60 * minute;
const noon = Date.UTC(2026, 0, 15, 12);

eachDatabase('after a clock that was hours ahead', (freshUrl) => {
  test('a session that it opened is none before its time, so it is not used for longer than its limits', async () => {
    const url = await freshUrl();
    const ahead = await openContext(url, { clock: manualClock(noon + 5 * hour) });
    await applyNetwork(ahead, corporateNetwork(), tester);
    const realm = await requireRealm(ahead, 'dev');
    const credential = { type: 'ROOT', id: 'cred-1', code: 'alice@acme.example' } as const;
    const subject = { kind: 'credential', realm: 'dev', id: credentialSubjectId('cred-1'), generation: 1 } as const;
    const identity = { type: 'corporates', id: 'corp-1' } as const;
    const { token } = await write(ahead, system, (tx) =>
      openSession(ahead, tx, realm, { ...subject, amr: ['pwd'], credential, identity }, { acr: 'aal1' }),
    );
    const clock = manualClock(noon);
    const context = await openContext(url, { clock });
    await expect(authenticateSession(context, token)).rejects.toMatchObject({ code: 'session.invalid' });
    clock.advance(5 * hour - minute);
    expect(await authenticateSession(context, token)).toMatchObject({ authTime: noon + 5 * hour });
    clock.advance(minute + realm.settings.sessionMaxSeconds * 1000);
    await expect(authenticateSession(context, token)).rejects.toMatchObject({ code: 'session.invalid' });
  });

  test('a one-time code that it made is none before its time, and does not stand in the way of another', async () => {
    const url = await freshUrl();
    const ahead = await openContext(url, { clock: manualClock(noon + 5 * hour) });
    const clock = manualClock(noon);
    const context = await openContext(url, { clock });
    const issue = (at: typeof context) =>
      write(at, system, (tx) => issueOneTimeCode(at, tx, 'dev', 'lost-password', 'cred-1', hour));
    const [late, own] = [await issue(ahead), await issue(context)];
    const ownerOf = ({ code }: typeof own) => ownerOfOneTimeCode(context, 'dev', 'lost-password', code);
    const use = ({ code }: typeof own) =>
      write(context, system, (tx) => useOneTimeCode(context, tx, 'dev', 'lost-password', 'cred-1', code));
    expect(await Promise.all([late, own].map(ownerOf))).toEqual([undefined, 'cred-1']);
    expect(await countLiveCodes(context, 'dev', 'lost-password', 'cred-1'), 'the owner can get another').toBe(1);
    expect([await use(late), await use(own)]).toEqual([undefined, { proves: null }]);
    clock.advance(5 * hour);
    expect(await ownerOf(late)).toBe('cred-1');
    clock.advance(hour);
    expect(await use(late)).toBeUndefined();
  });

  test('a device that it remembered is unknown before its time, also after the owner has forgotten all devices', async () => {
    const url = await freshUrl();
    const ahead = await openContext(url, { clock: manualClock(noon + 5 * hour) });
    await applyNetwork(ahead, corporateNetwork(), tester);
    const code = 'alice@acme.example';
    const cookie = rememberDevice(ahead, 'dev', code, undefined);
    expect(await recogniseDevice(ahead, 'dev', code, cookie)).toBeDefined();
    const context = await openContext(url, { clock: manualClock(noon + 4 * hour) });
    await write(context, system, (tx) => forgetDevices(tx, 'dev', 'cred-1'));
    expect(await recogniseDevice(context, 'dev', code, cookie)).toBeUndefined();
  });

  test('an authenticator app whose enrolment it began cannot be confirmed for hours', async () => {
    const url = await freshUrl();
    const clock = movedClock();
    const { call, session } = await corporate({ databaseUrl: url, clock });
    clock.advance(5 * hour);
    const { body } = await call('/auth/factors/totp/enrol', await session());
    clock.advance(-5 * hour);
    const { code } = authenticatorApp(String(body.secret), clock);
    const confirmed = await call('/auth/factors/totp/confirm', await session(), { code: code() });
    expect(said(confirmed)).toBe('404 FACTOR_UNKNOWN');
  });

  test('an invitation to a wallet that it sent is not shown as one that waits, and can be cancelled', async () => {
    const url = await freshUrl();
    const ahead = await openContext(url, { clock: manualClock(noon + 5 * hour) });
    await applyNetwork(ahead, corporateNetwork(), tester);
    const realm = await requireRealm(ahead, 'dev');
    const inviter = { kind: 'administrator', name: 'admin' } as const;
    const wanted = {
      participant: 'individual',
      description: '',
      email: 'a@faber.example',
      roles: [],
      didWeb: false,
      language: '',
      inviterName: '',
      message: '',
    } as const;
    const { id } = await invite(ahead, realm, wanted, inviter, tester);
    const context = await openContext(url, { clock: manualClock(noon) });
    expect(await readInvitation(context, realm, id, inviter)).toMatchObject({ status: 'expired' });
    expect(await cancelInvitation(context, realm, id, inviter, tester)).toMatchObject({ status: 'cancelled' });
  });
});
