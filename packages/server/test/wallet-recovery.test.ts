import { WalletService } from '@countersign/client/rpc';
import { beginRecovery, type OpenedWallet, Wallet } from '@countersign/client/wallet';
import { expect, test } from 'vitest';
import { eachDatabase } from './support/databases.ts';
import { day, email, hour, recoveryRealm, subjectOf } from './support/recovery.ts';

const refused = (code: string) => expect.objectContaining({ code });

eachDatabase('the recovery of a wallet', (freshUrl) => {
  test('an owner whose devices are gone gets it back after the delay, and everybody else loses it', async () => {
    const realm = await recoveryRealm(await freshUrl());
    const { options, clock } = realm;
    const lost = await realm.invited();
    const other = await realm.letIn(lost, ['read', 'write']);
    await realm.pass(32 * day);
    const profile = await realm.prepare();
    const begun = await realm.begin(profile);
    expect(begun).toMatchObject({ state: 'running', did: profile.did, needsApproval: false });
    expect(begun.earliest).toBe(clock.now() + 72 * hour);
    await realm.pass(36 * hour);
    await realm.mail(email, /half over/);
    await realm.pass(36 * hour - 1);
    expect(realm.mailsTo(email).join()).not.toContain('csr_');
    await realm.pass(1);
    const recovered = await realm.finish(profile);
    expect(recovered.id).toBe(lost.id);
    expect((await recovered.describe()).id).toBe(lost.id);
    const grant = () => recovered.grant(other.did, { actions: ['read'], expires: clock.now() + 300 * day });
    await expect(grant()).rejects.toThrow(refused('wallet.read_only'));
    await expect(
      recovered.call(
        '/countersign.v1.RecoveryService/SetAddress',
        { walletId: lost.id as string, email },
        'invocation',
      ),
    ).rejects.toThrow(refused('wallet.read_only'));
    for (const gone of [lost, other]) {
      await expect((await Wallet.open(gone.profile, options)).describe()).rejects.toThrow(refused('wallet.denied'));
    }
    await realm.pass(72 * hour);
    recovered.discard(await recovered.token());
    expect((await grant()).capabilityId).toMatch(/^urn:uuid:/);
    await realm.mail(email, /Your wallet was recovered/);
    const subjects = realm.box.received.map(subjectOf);
    expect(subjects.filter((subject) => !subject.startsWith('Create'))).toEqual([
      'Your code to recover a wallet for dev',
      'A recovery of your wallet began for dev',
      'A recovery of your wallet is half over for dev',
      'Your code to take over your wallet for dev',
      'Your wallet was recovered for dev',
    ]);
  });

  test('a thief with the mailbox alone cannot take a wallet whose device was used within 30 days, even while it is off', async () => {
    const realm = await recoveryRealm(await freshUrl());
    const owner = await realm.invited();
    await realm.pass(40 * day);
    // Its last use. From now on the device is off.
    await owner.describe();
    await realm.pass(30 * day);
    const thief = await realm.prepare();
    expect(await realm.begin(thief)).toMatchObject({ state: 'running', needsApproval: true });
    await realm.pass(36 * hour);
    await realm.pass(36 * hour);
    await realm.mail(email, /A recovery of your wallet failed/);
    expect(realm.mailsTo(email).join()).not.toContain('csr_');
    const entries = await owner.recoveries();
    expect(entries).toMatchObject([{ state: 'failed', did: thief.did }]);
    expect((await owner.describe()).id).toBe(owner.id);
  });

  test('a thief who waits until a device was off for 30 days is stopped by its next use, whatever it is for', async () => {
    const realm = await recoveryRealm(await freshUrl());
    const owner = await realm.invited();
    await realm.pass(32 * day);
    const path = '/countersign.v1.WalletService/GetWallet';
    const uses: Readonly<Record<string, (wallet: OpenedWallet) => Promise<unknown>>> = {
      token: (wallet) => wallet.token(),
      invocation: (wallet) => wallet.call(path, { walletId: owner.id as string }, 'invocation'),
      exchange: (wallet) => wallet.service('https://orders.example').token(),
      packed: (wallet) => wallet.pack(WalletService.method.getWallet, { walletId: owner.id as string }, 'invocation'),
    };
    for (const [name, use] of Object.entries(uses)) {
      const thief = await realm.prepare();
      expect((await realm.begin(thief)).state, name).toBe('running');
      await realm.pass(36 * hour);
      await use(await Wallet.open(owner.profile, realm.options));
      expect((await owner.recoveries())[0], name).toMatchObject({ state: 'cancelled', did: thief.did });
      await realm.pass(40 * day);
      expect(realm.mailsTo(email).join(), name).not.toContain('csr_');
    }
  });

  test('a device tells its owner of a recovery with its next token, and with the answer to its next call', async () => {
    const realm = await recoveryRealm(await freshUrl());
    const owner = await realm.invited();
    await realm.pass(32 * day);
    const thief = await realm.prepare();
    await realm.begin(thief);
    expect(await owner.recoveries()).toMatchObject([{ state: 'running', did: thief.did }]);
    const told: unknown[] = [];
    const device = await Wallet.open(owner.profile, { ...realm.options, onRecovery: (entry) => void told.push(entry) });
    device.discard(await device.token());
    await device.token();
    expect(told).toEqual([expect.objectContaining({ state: 'cancelled', did: thief.did })]);
    const answer = await fetch(`${owner.issuer}/countersign.v1.WalletService/GetWallet`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${await device.token()}` },
      body: JSON.stringify({ walletId: owner.id }),
    });
    expect(answer.headers.get('wallet-recovery')).toMatch(new RegExp(`; state=cancelled; .*did=${thief.did}$`));
  });

  test('a device that was used lately lets its owner have a new one before 30 days, and only when it says so itself', async () => {
    const realm = await recoveryRealm(await freshUrl());
    const owner = await realm.invited();
    await realm.pass(31 * day);
    await owner.describe();
    const profile = await realm.prepare();
    expect(await realm.begin(profile)).toMatchObject({ needsApproval: true });
    await expect(owner.approveRecovery(owner.did)).rejects.toThrow(refused('recovery.unknown'));
    // The token is from before the recovery began.
    const byToken = fetch(`${owner.issuer}/countersign.v1.RecoveryService/ApproveRecovery`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${await owner.token()}` },
      body: JSON.stringify({ walletId: owner.id, did: profile.did }),
    });
    expect((await byToken).status).toBe(401);
    expect(await owner.approveRecovery(profile.did)).toMatchObject({ state: 'running', needsApproval: false });
    // Its use stops the recovery no more.
    await (await Wallet.open(owner.profile, realm.options)).describe();
    await realm.pass(36 * hour);
    await realm.pass(36 * hour);
    expect((await realm.finish(profile)).id).toBe(owner.id);
  });

  test('the approval of one device is not that of another', async () => {
    const realm = await recoveryRealm(await freshUrl());
    const phone = await realm.invited();
    const laptop = await realm.letIn(phone, ['read', 'grant']);
    await realm.pass(31 * day);
    await laptop.describe();
    await phone.describe();
    const profile = await realm.prepare();
    await realm.begin(profile);
    expect(await laptop.approveRecovery(profile.did)).toMatchObject({ needsApproval: true });
    await realm.pass(36 * hour);
    await realm.pass(36 * hour);
    expect(await phone.recoveries()).toMatchObject([{ state: 'failed' }]);
    const again = await realm.prepare();
    await realm.begin(again);
    await laptop.approveRecovery(again.did);
    await (await Wallet.open(phone.profile, realm.options)).describe();
    expect(await phone.recoveries()).toMatchObject([{ state: 'cancelled' }, { state: 'failed' }]);
  });

  test('a guest neither keeps the owner out nor lets a thief in, and may stop a recovery when it says so', async () => {
    const realm = await recoveryRealm(await freshUrl());
    const owner = await realm.invited();
    const guest = await realm.letIn(owner, ['read', 'write']);
    await realm.pass(40 * day);
    await guest.describe();
    const profile = await realm.prepare();
    expect(await realm.begin(profile)).toMatchObject({ needsApproval: false });
    await (await Wallet.open(guest.profile, realm.options)).describe();
    expect(await guest.recoveries()).toMatchObject([{ state: 'running' }]);
    await expect(guest.approveRecovery(profile.did)).rejects.toThrow(refused('wallet.denied'));
    expect(await guest.cancelRecovery()).toMatchObject({ state: 'cancelled' });
    await expect(beginRecovery({ profile, code: 'csb_x', ...realm.options })).rejects.toThrow(refused('recovery.code'));
  });
});
