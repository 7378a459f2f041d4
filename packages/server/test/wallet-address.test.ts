import { Wallet } from '@countersign/client/wallet';
import { expect, test } from 'vitest';
import { eachDatabase } from './support/databases.ts';
import { day, email, recoveryRealm } from './support/recovery.ts';

const refused = (code: string) => expect.objectContaining({ code });
const next = 'ada@new.example';

eachDatabase('the mail address of a wallet', (freshUrl) => {
  test('counts once its code came back, is told to both addresses, and recovers after 30 days', async () => {
    const realm = await recoveryRealm(await freshUrl());
    const owner = await realm.invited();
    await realm.pass(40 * day);
    expect(await owner.setAddress(next)).toBe(realm.clock.now() + 30 * 60_000);
    const [code] = await realm.mail(next, /csa_[A-Za-z0-9_-]{43}/);
    expect(realm.mailsTo(email).join()).not.toContain('csa_');
    await expect(owner.confirmAddress('csa_x')).rejects.toThrow(refused('address.code'));
    await owner.confirmAddress(code);
    await expect(owner.confirmAddress(code)).rejects.toThrow(refused('address.code'));
    for (const to of [email, next]) await realm.mail(to, /The address of your wallet for dev was changed/);
    await realm.pass(29 * day);
    const device = await realm.prepare();
    await expect(realm.begin(device, next)).rejects.toThrow(refused('recovery.refused'));
    await realm.pass(4 * day);
    expect(await realm.begin(device, next)).toMatchObject({ state: 'running' });
    await realm.pass(0);
    // The replaced address was told for 30 days.
    expect(realm.mailsTo(email).join()).not.toContain('A recovery of your wallet began');
  });

  test('that was replaced is told of a recovery for 30 days, and recovers nothing', async () => {
    const realm = await recoveryRealm(await freshUrl());
    const owner = await realm.invited();
    await realm.pass(40 * day);
    const profile = await realm.prepare();
    const code = await realm.start(profile);
    await owner.setAddress(next);
    await owner.confirmAddress((await realm.mail(next, /csa_[A-Za-z0-9_-]{43}/))[0]);
    const { beginRecovery } = await import('@countersign/client/wallet');
    await expect(beginRecovery({ profile, code, ...realm.options })).rejects.toThrow(refused('recovery.refused'));
  });

  test('is named by a device that the owner itself let in, in person', async () => {
    const realm = await recoveryRealm(await freshUrl());
    const owner = await realm.invited();
    const other = await realm.letIn(owner, ['read', 'write', 'grant', 'invite']);
    await expect(other.setAddress(next)).rejects.toThrow(refused('wallet.denied'));
    const path = '/countersign.v1.RecoveryService/SetAddress';
    await expect(owner.call(path, { walletId: owner.id as string, email: next })).rejects.toThrow(
      refused('token.missing'),
    );
    const stranger = await realm.invited('eve@example.org');
    await owner.setAddress(next);
    const [code] = await realm.mail(next, /csa_[A-Za-z0-9_-]{43}/);
    await expect(stranger.confirmAddress(code)).rejects.toThrow(refused('address.code'));
    for (const bad of ['x', 'a@b.test\nBcc: c@d.test']) {
      await expect(owner.setAddress(bad)).rejects.toThrow(refused('request.invalid'));
    }
    await realm.pass(31 * 60_000);
    await expect(owner.confirmAddress(code)).rejects.toThrow(refused('address.code'));
  });

  test('is missing for a wallet of an open realm, until its device names one', async () => {
    const realm = await recoveryRealm(await freshUrl(), { walletCreation: 'open' });
    const owner = await Wallet.create({ issuer: realm.server.issuer(), ...realm.options });
    await owner.setAddress(email);
    await owner.confirmAddress((await realm.mail(email, /csa_[A-Za-z0-9_-]{43}/))[0]);
    await realm.pass(32 * day);
    expect(await realm.begin(await realm.prepare())).toMatchObject({ state: 'running' });
  });
});
