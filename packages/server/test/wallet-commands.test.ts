import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { profileText, Wallet } from '@countersign/client/wallet';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createProgram } from '../src/cli/program.ts';
import { eventually } from './support/eventually.ts';
import type { TestServer } from './support/server.ts';
import { mailbox } from './support/smtp.ts';
import { codeIn } from './support/wallet.ts';
import { deviceOf, devRealm, lock, startServer } from './support/wallet-client.ts';

const dir = mkdtempSync(join(tmpdir(), 'countersign-commands-'));
let count = 0;

/** A file that is there only for this test. */
function file(content?: string): string {
  const path = join(dir, `file-${count++}`);
  if (content !== undefined) writeFileSync(path, content);
  return path;
}

const passphrase = file(`${lock.passphrase}\n`);
let printed: string[] = [];
beforeEach(() => {
  printed = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => printed.push(String(text)) > 0);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  process.exitCode = 0;
});

/** One command in this process: what it printed. */
async function countersign(...args: readonly string[]): Promise<string> {
  printed = [];
  const program = await createProgram(args[0]);
  await program.exitOverride().parseAsync(['node', 'countersign', ...args]);
  return printed.join('');
}

async function wallet(path: string, ...args: readonly string[]): Promise<Record<string, never>> {
  return JSON.parse(await countersign('wallet', ...args, '--wallet', path, '--passphrase-file', passphrase));
}

function at(server: TestServer): readonly string[] {
  return ['--url', server.url];
}

describe('wallet', () => {
  test('create takes the code of an invitation, and after a mistyped one the key that is there', async () => {
    const box = await mailbox();
    const { network } = devRealm({ walletCreation: 'invited' });
    const server = await startServer({ network, env: { COUNTERSIGN_SMTP_URL: box.url } });
    vi.stubEnv('COUNTERSIGN_PUBLIC_URL', server.url);
    vi.stubEnv('COUNTERSIGN_ADMIN_CLIENT_ID', 'admin');
    vi.stubEnv('COUNTERSIGN_ADMIN_CLIENT_SECRET', 'administrator-secret-for-tests');
    const invited = JSON.parse(await countersign('wallet', 'invite', 'ada@example.org', '--description', 'Ada'));
    expect(invited).toMatchObject({ status: 'INVITATION_STATUS_SENT' });
    const path = file();
    const create = (code: string) => wallet(path, 'create', ...at(server), '--code-file', file(`${code}\n`));
    await expect(create('csw_mistyped')).rejects.toThrow('No open invitation has this security code');
    const { did } = JSON.parse(readFileSync(path, 'utf8'));
    expect(await create(await codeIn(box))).toMatchObject({ id: invited.walletId, did, wallet: path });
    await expect(create('csw_again')).rejects.toThrow('There is a wallet in');
    expect(await wallet(path, 'open')).toMatchObject({ id: invited.walletId, description: 'Ada', did });
    const waiting = file();
    const { did: waits } = await wallet(waiting, 'prepare', ...at(server));
    expect(JSON.parse(readFileSync(waiting, 'utf8'))).toMatchObject({ did: waits, issuer: server.issuer() });
  });

  test('grant, accept, list, call and revoke are what the SDK does', async () => {
    const server = await startServer();
    const issuer = server.issuer();
    // Made cheaply: each command opens the key anew.
    const mine = file(profileText((await Wallet.create({ issuer, description: 'Ada', ...lock })).profile));
    const prepared = await Wallet.prepare({ issuer, ...lock });
    const other = file(profileText(prepared));
    const { did } = prepared;
    const capability = file();
    await expect(wallet(other, 'prepare', ...at(server))).rejects.toThrow('There is a device in');
    await expect(wallet(other, 'open')).rejects.toThrow('has no capability yet');
    await wallet(mine, 'grant', did, '--days', '1', '--out', capability);
    expect(await wallet(other, 'accept', capability)).toMatchObject({ did, actions: ['read'] });
    const { id: walletId } = await wallet(other, 'open');
    const message = JSON.stringify({ walletId });
    const method = 'countersign.v1.WalletService/GetWallet';
    for (const way of [[], ['--invocation'], ['--packed'], ['--packed', '--invocation']]) {
      expect(await wallet(other, 'call', method, message, ...way)).toMatchObject({ walletId, description: 'Ada' });
    }
    await expect(wallet(other, 'call', 'GetWallet')).rejects.toThrow('Name the method as');
    await expect(wallet(other, 'call', method, '[]')).rejects.toThrow('must be a JSON object');
    expect(await wallet(other, 'token', '--for', `/${method}`)).toEqual({
      authorization: expect.stringMatching(/^Bearer /),
    });
    const forOrders = String((await wallet(other, 'token', '--service', 'https://orders.example')).token);
    expect(Buffer.from(forOrders.split('.')[1] as string, 'base64url').toString()).toContain(
      '"https://orders.example"',
    );
    expect(await wallet(mine, 'list')).toHaveLength(2);
    await expect(wallet(mine, 'revoke')).rejects.toThrow('Name one capability');
    const { revoked } = await wallet(mine, 'revoke', '--did', did);
    expect(revoked).toHaveLength(1);
    await expect(wallet(other, 'token')).rejects.toThrow('its capability was revoked');
    await expect(wallet(file(), 'token')).rejects.toThrow('create one first');
  });

  test('recover, recovery and address are what the SDK does, and an administrator stops a recovery', async () => {
    const box = await mailbox();
    const server = await startServer({
      ...devRealm({ walletCreation: 'open' }),
      env: { COUNTERSIGN_SMTP_URL: box.url },
    });
    vi.stubEnv('COUNTERSIGN_PUBLIC_URL', server.url);
    vi.stubEnv('COUNTERSIGN_ADMIN_CLIENT_ID', 'admin');
    vi.stubEnv('COUNTERSIGN_ADMIN_CLIENT_SECRET', 'administrator-secret-for-tests');
    const code = async (prefix: string) => {
      const shape = new RegExp(`${prefix}_[A-Za-z0-9_-]{43}`);
      return file(
        `${await eventually(() => box.received.map(({ raw }) => shape.exec(raw)?.[0]).findLast((one) => one !== undefined), 5_000)}\n`,
      );
    };
    const made = await Wallet.create({ issuer: server.issuer(), ...lock });
    const mine = file(profileText(made.profile));
    expect(await wallet(mine, 'address', 'set', 'ada@example.org')).toMatchObject({ email: 'ada@example.org' });
    expect(await wallet(mine, 'address', 'confirm', '--code-file', await code('csa'))).toEqual({ confirmed: true });
    const { db } = server.context.store;
    const long = Date.now() - 40 * 86_400_000;
    await db.updateTable('wallet_address').set({ confirmed_at: long }).execute();
    const path = file();
    const recover = (...args: readonly string[]) => wallet(path, 'recover', ...args);
    const { did } = await recover('start', 'ada@example.org', ...at(server));
    expect(did).toMatch(/^did:key:z6Mk/);
    const begun = { state: 'running', did, needsApproval: true };
    expect(await recover('begin', '--code-file', await code('csb'))).toMatchObject(begun);
    expect(await wallet(mine, 'recovery', 'approve', String(did))).toMatchObject({
      state: 'running',
      needsApproval: false,
    });
    expect(await wallet(mine, 'recovery', 'list')).toMatchObject([{ state: 'running', did }]);
    const admin = async (...args: readonly string[]) => JSON.parse(await countersign('wallet', 'admin', ...args));
    expect(await admin('recoveries', made.id as string)).toMatchObject({ items: [{ controller: did }] });
    expect(await admin('cancel-recovery', made.id as string)).toMatchObject({ state: 'cancelled' });
    expect(await wallet(mine, 'recovery', 'cancel')).toMatchObject({ state: 'cancelled' });
    const id = made.id as string;
    expect(await admin('list', '--did', made.did)).toMatchObject({ wallets: [{ id, status: 'ACTIVE' }] });
    expect(await admin('show', id)).toMatchObject({ id, email: 'ada@example.org' });
    expect(await admin('suspend', id)).toMatchObject({ status: 'SUSPENDED' });
    expect(await admin('reinstate', id)).toMatchObject({ status: 'ACTIVE' });
    const { capabilities } = (await admin('capabilities', id)) as { capabilities: { id: string }[] };
    expect(await admin('revoke', id, capabilities[0]?.id as string)).toEqual({
      revokedCapabilityIds: [capabilities[0]?.id],
    });
    expect(await admin('capabilities', id, '--revoked')).toMatchObject({ capabilities: [{ controller: made.did }] });
    expect(await admin('invitations', '--email', 'ada@example.org')).toEqual({ invitations: [] });
    const words = ['--language', 'pt', '--from', 'Ada', '--message', 'Bem-vindo'];
    const invited = JSON.parse(await countersign('wallet', 'invite', 'bob@example.org', ...words));
    expect(await admin('resend-invitation', String(invited.invitationId))).toMatchObject({
      ...{ id: invited.invitationId, language: 'pt', inviterName: 'Ada', message: 'Bem-vindo', status: 'SENT' },
    });
    await expect(countersign('wallet', 'admin', 'resend-invitation', 'x')).rejects.toThrow('no such invitation');
    await expect(countersign('wallet', 'admin', 'cancel-invitation', 'x')).rejects.toThrow('no such invitation');
    await expect(countersign('wallet', 'admin', 'delete-invitation', 'x')).rejects.toThrow('no such invitation');
    await expect(admin('cancel-recovery', 'x')).rejects.toThrow('There is no such wallet');
    await countersign('wallet', 'admin', 'delete', id);
    await expect(countersign('wallet', 'admin', 'show', id)).rejects.toThrow('There is no such wallet');
    await expect(recover('finish', '--code-file', file('csr_x\n'))).rejects.toThrow('No recovery for this key');
    await expect(wallet(mine, 'recover', 'start', 'ada@example.org')).rejects.toThrow('There is a wallet in');
  });
});

describe('wallet admin', () => {
  test('roles and name change what the next token of a wallet says and which name finds it', async () => {
    const server = await startServer();
    vi.stubEnv('COUNTERSIGN_PUBLIC_URL', server.url);
    vi.stubEnv('COUNTERSIGN_ADMIN_CLIENT_ID', 'admin');
    vi.stubEnv('COUNTERSIGN_ADMIN_CLIENT_SECRET', 'administrator-secret-for-tests');
    // A refused token is kept for a second.
    let ahead = 0;
    const now = () => Date.now() + ahead;
    const made = await Wallet.create({ issuer: server.issuer(), now, ...lock });
    const [id, mine] = [made.id as string, file(profileText(made.profile))];
    const admin = async (...args: readonly string[]) => JSON.parse(await countersign('wallet', 'admin', ...args));
    await wallet(mine, 'token');
    expect(await admin('roles', id, 'buyer', 'seller')).toMatchObject({ roles: ['individual', 'buyer', 'seller'] });
    // The SDK finds its token dead, and takes the next one.
    expect((await made.describe()).roles).toEqual(['individual', 'buyer', 'seller']);
    expect(await admin('roles', id, '--none')).toMatchObject({ roles: ['individual'] });
    await expect(admin('roles', id)).rejects.toThrow('Name the roles, or --none');
    await expect(admin('roles', id, 'a b')).rejects.toThrow('roles are at most 16 names');
    ahead += 2_000;
    const name = 'urn:countersign:wallet-name:alice';
    expect(await admin('name', id, 'Alice')).toMatchObject({ id, name });
    expect(await made.describe()).toMatchObject({ id, name });
    expect([await made.resolve('alice'), await made.resolve(name)]).toEqual([id, id]);
    expect(await wallet(mine, 'resolve', 'ALICE')).toEqual({ id });
    expect(await admin('show', id)).toMatchObject({ id, name });
    expect(await admin('list')).toMatchObject({ wallets: [{ id, name }] });
    expect(await admin('name', id, '--remove')).toMatchObject({ name: null });
    expect(await admin('show', id)).toMatchObject({ id, name: null });
    await expect(admin('name', id)).rejects.toThrow('Give a name, or --remove');
    await expect(made.resolve('alice')).rejects.toMatchObject({ code: 'wallet.name_unknown' });
    await expect(made.resolve('')).rejects.toThrow(TypeError);
  });
});

describe('capability explain', () => {
  test('shows each link, and checks the first where it knows the owner', async () => {
    const server = await startServer();
    const first = await Wallet.create({ issuer: server.issuer(), ...lock });
    const second = await deviceOf(first, ['read'], Date.now() + 3_600_000);
    const capability = file(JSON.stringify(second.profile.capability));
    const unchecked = await countersign('capability', 'explain', capability);
    expect(unchecked).toContain('not checked  its signature');
    expect(unchecked).toMatch(/1\. delegation[\s\S]*allows {7}read, write, grant, invite[\s\S]*2\. delegation/);
    expect([unchecked.includes('Nothing in it speaks against it'), process.exitCode]).toEqual([true, 0]);

    const mine = file(profileText(first.profile));
    const owner = file(JSON.stringify(await wallet(mine, 'owner')));
    const checked = await countersign('capability', 'explain', capability, '--owner', owner);
    expect([checked.includes('not checked'), process.exitCode]).toEqual([false, 0]);

    const stranger = await Wallet.create({ issuer: server.issuer(), ...lock });
    const strangers = file(JSON.stringify((await stranger.describe()).didDocument));
    const foreign = await countersign('capability', 'explain', capability, '--owner', strangers);
    expect(foreign).toContain('refused      did_peer.unknown');
    expect(process.exitCode).toBe(1);
  });

  test.each([
    ['no JSON', 'x', /unreadable[\s\S]*refused/],
    ['no capability', '{}', /refused/],
    ['one that writes on the terminal', '{"id":"urn:\\u001b[2J","proof":{"proofPurpose":"x"}}', /refused/],
  ])('%s is refused, with exit code 1', async (_, content, expected) => {
    const text = await countersign('capability', 'explain', file(content));
    expect(text).toMatch(expected);
    expect(text).not.toContain('\u001b');
    expect(text).not.toContain('allows       everything\n   refused');
    expect(process.exitCode).toBe(1);
  });
});

describe('did', () => {
  const did = 'did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw';

  test('resolve shows the document, inspect the keys and what they are for', async () => {
    expect(JSON.parse(await countersign('did', 'resolve', did))).toMatchObject({ id: did });
    const { keys } = JSON.parse(await countersign('did', 'inspect', did));
    expect(keys.map(({ keyType }: { keyType: string }) => keyType)).toEqual(['Ed25519', 'X25519']);
    expect(keys[1].purposes).toEqual(['keyAgreement']);
  });

  test.each([
    ['did:web:id.example:a', { method: 'did:web', document: 'https://id.example/a/did.json' }],
    ['did:peer:4zQmZyToa2siJyJ61RHJEoNryJK1Nox752HHGCBsT5zjSyhX', { method: 'did:peer', form: 'short' }],
  ])('inspect of %s asks nobody', async (name, expected) => {
    vi.spyOn(globalThis, 'fetch').mockRejectedValue(new Error('asked'));
    expect(JSON.parse(await countersign('did', 'inspect', name))).toMatchObject(expected);
  });

  test.each([
    [['resolve', 'did:peer:4zQmZyToa2siJyJ61RHJEoNryJK1Nox752HHGCBsT5zjSyhX'], 'long form'],
    [['resolve', 'did:web:localhost%3A1'], 'cannot be reached'],
    [['resolve', 'did:web:127.0.0.1'], 'host'],
    [['inspect', 'did:key:z6Mk'], ''],
    [['inspect', 'did:example:1'], ''],
  ])('%j is refused', async (args, expected) => {
    await expect(countersign('did', ...args)).rejects.toThrow(expected);
  });
});
