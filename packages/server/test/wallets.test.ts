import { cryptoPort } from '@countersign/client/node-crypto';
import { createDidPeer4 } from '@countersign/proof';
import { expect, test } from 'vitest';
import type { Doc } from '../../proof/test/support/capability.ts';
import { system } from '../src/kernel/caller.ts';
import { write } from '../src/store/write.ts';
import { reinstateSubject, suspendSubject } from '../src/subject/subject.ts';
import { walletSubjectId } from '../src/subject/tokens/wallet-token.ts';
import { forgetOldCapabilities } from '../src/wallets/revoke.ts';
import { eachDatabase } from './support/databases.ts';
import { textOf } from './support/rpc.ts';
import type { TestServer } from './support/server.ts';
import { mailbox } from './support/smtp.ts';
import {
  base64url,
  type Challenge,
  callInvocation,
  codeIn,
  createRequest,
  type Device,
  delegation,
  grantTo,
  json,
  newDevice,
  openWallet,
  tokenFor,
  tokenRequest,
  walletServer,
} from './support/wallet.ts';

/** As `curl --json` does it. */
async function post(server: TestServer, path: string, body: object | string, headers: Record<string, string> = {}) {
  const response = await fetch(`${server.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, string> };
}

eachDatabase('the document', (freshUrl) => {
  test('over gRPC: an organization is invited, registers a device, gets a token, calls', async () => {
    const box = await mailbox();
    const server = await walletServer({ databaseUrl: await freshUrl(), env: { COUNTERSIGN_SMTP_URL: box.url } });
    const { call, challenge } = server;

    // Onboarding: create wallet → is organization? register DID → assign role → send e-mail invitation.
    const administrator = await server.administrator();
    const invitation = await call(
      'ProviderService/Invite',
      { participant: 'PARTICIPANT_TYPE_ORGANIZATION', description: 'Faber', email: 'admin@faber.example' },
      administrator,
    );
    expect(invitation).toMatchObject({ status: 'INVITATION_STATUS_SENT', wallet_id: expect.any(String) });
    const code = await codeIn(box);
    expect(box.received[0]).toMatchObject({ to: ['admin@faber.example'] });

    // New registration: DIDKey.generate(), DIDKey.sign(), WalletService.CreateWallet().
    const device = newDevice();
    const request = createRequest(device, await challenge(), { securityCode: code });
    const created = await call('WalletService/CreateWallet', { signed_request: json(request) });
    const walletId = created.wallet_id;
    expect(created).toMatchObject({
      wallet_id: invitation.wallet_id,
      capability: `urn:countersign:wallet:${walletId}`,
      invoker: device.kid,
    });
    const zcap = JSON.parse(Buffer.from(created.zcap as string).toString()) as Doc;
    expect(zcap).toMatchObject({ controller: device.did, invocationTarget: `urn:countersign:wallet:${walletId}` });

    // Existing registration: the invocation of the capability is worth a token.
    const invocation = tokenRequest(device, zcap, await challenge());
    const issued = await call('AuthService/AcquireToken', { invocation: json(invocation) });
    expect(issued).toMatchObject({
      token_type: 'Bearer',
      expires_in: 300,
      actions: ['read', 'write', 'grant', 'invite'],
    });

    // API calls: the token as metadata of the call.
    const token = { authorization: `Bearer ${issued.wallet_token}` };
    const wallet = await call('WalletService/GetWallet', { wallet_id: walletId }, token);
    expect(wallet).toMatchObject({
      wallet_id: walletId,
      participant: 'PARTICIPANT_TYPE_ORGANIZATION',
      description: 'Faber',
      roles: ['organization'],
    });
    const state = { invitation_id: invitation.invitation_id };
    expect(await call('ProviderService/GetInvitation', state, administrator)).toMatchObject({
      status: 'INVITATION_STATUS_COMPLETED',
      wallet_id: walletId,
    });
  });

  test('over HTTP and JSON: a person registers a device, gets a token, calls by it and by an invocation', async () => {
    const server = await walletServer({ databaseUrl: await freshUrl() });
    const at = '/realms/dev/countersign.v1.';
    const challenge = async () =>
      (await post(server, `${at}AuthService/GetChallenge`, {})).body as unknown as Challenge;

    const device = newDevice();
    const signedRequest = json(createRequest(device, await challenge())).toString('base64');
    const created = await post(server, `${at}WalletService/CreateWallet`, { signedRequest, description: 'Alice' });
    expect(created).toMatchObject({ status: 200, body: { invoker: device.kid } });
    const { walletId, didDocument } = created.body;
    expect(didDocument).toMatchObject({ id: expect.stringMatching(/^did:peer:4z/) });
    const zcap = JSON.parse(Buffer.from(created.body.zcap as string, 'base64').toString()) as Doc;

    const invocation = json(tokenRequest(device, zcap, await challenge())).toString('base64');
    const issued = await post(server, `${at}AuthService/AcquireToken`, { invocation, actions: ['read'] });
    expect(issued).toMatchObject({ status: 200, body: { tokenType: 'Bearer', actions: ['read'] } });
    const bearer = { authorization: `Bearer ${issued.body.walletToken}` };
    const read = await post(server, `${at}WalletService/GetWallet`, { walletId }, bearer);
    expect(read).toMatchObject({ status: 200, body: { walletId, description: 'Alice', roles: ['individual'] } });

    const body = JSON.stringify({ walletId });
    const bound = callInvocation(device, zcap, {
      procedure: '/countersign.v1.WalletService/GetWallet',
      message: Buffer.from(body),
      audience: server.issuer(),
    });
    const headers = { 'capability-invocation': base64url(bound) };
    expect(await post(server, `${at}WalletService/GetWallet`, body, headers)).toEqual(read);
    expect(await post(server, `${at}WalletService/GetWallet`, body, headers)).toMatchObject({
      status: 403,
      body: { code: 'permission_denied' },
    });
  });
});

/** The did:peer:4 of one key, `#k`. */
function peer4Of({ did }: Device) {
  const purposes = { authentication: ['#k'], capabilityInvocation: ['#k'], capabilityDelegation: ['#k'] };
  const method = { id: '#k', type: 'Multikey', publicKeyMultibase: did.slice('did:key:'.length) };
  const input = { '@context': ['https://www.w3.org/ns/did/v1'], verificationMethod: [method], ...purposes };
  return createDidPeer4(input, cryptoPort);
}

eachDatabase('a grant', (freshUrl) => {
  test('takes back what it gave a did:peer:4 by its short name, under whichever name it was let in', async () => {
    const server = await walletServer({ databaseUrl: await freshUrl() });
    const first = await openWallet(server);
    const key = newDevice();
    const { short, long } = await peer4Of(key);
    const device = { ...key, kid: `${long}#k` };
    const own = await tokenFor(server, first.device, first.zcap);
    const names = [
      [short, short],
      [`${long}#k`, short],
      [`${long}#k`, long],
    ] as const;
    for (const [controller, did] of names) {
      const { zcap } = await grantTo(server, first, { members: { controller } });
      await tokenFor(server, device, zcap);
      const { revoked_capability_ids: revoked } = await server.call(
        'WalletService/RevokeAccess',
        { wallet_id: first.id, did },
        own,
      );
      expect(revoked).toEqual([zcap.id]);
      await expect(tokenFor(server, device, zcap)).rejects.toMatchObject({ code: 7 });
    }
  });

  test('to a did:peer:4 under a name with which it can never act is refused, and the answer says which name to use', async () => {
    const server = await walletServer({ databaseUrl: await freshUrl() });
    const first = await openWallet(server);
    const { short, long } = await peer4Of(newDevice());
    for (const controller of [long, `${short}#k`, `${long}#k#k`, `${short}x`, 'did:peer:4', 'did:peer:4zQm#k']) {
      await expect(grantTo(server, first, { members: { controller } })).rejects.toMatchObject({
        code: 3,
        details: expect.stringMatching(/A did:peer:4 can hold it as its short form, or as the long form with one key/),
      });
    }
  });

  test('gives another device less, for less long; whoever takes it back takes all that descended from it', async () => {
    const server = await walletServer({ databaseUrl: await freshUrl() });
    const { call } = server;
    const first = await openWallet(server);
    const get = (token: Record<string, string>) => call('WalletService/GetWallet', { wallet_id: first.id }, token);

    const second = await grantTo(server, first, { members: { allowedAction: ['read', 'grant'] } });
    const third = await grantTo(server, second);
    const other = await grantTo(server, first);
    const secondToken = await tokenFor(server, second.device, second.zcap);
    const thirdToken = await tokenFor(server, third.device, third.zcap);
    const otherToken = await tokenFor(server, other.device, other.zcap);
    for (const token of [secondToken, thirdToken, otherToken])
      expect(await get(token)).toMatchObject({ wallet_id: first.id });

    const listed = await call('WalletService/ListCapabilities', { wallet_id: first.id }, thirdToken);
    expect(listed.capabilities).toHaveLength(4);
    expect(listed.capabilities as unknown as object[]).toContainEqual(
      expect.objectContaining({
        capability_id: String(third.zcap.id),
        parent_id: String(second.zcap.id),
        controller: third.device.did,
        allowed_actions: ['read'],
        revoked: null,
      }),
    );

    const revoke = (what: object, token: Record<string, string>) =>
      call('WalletService/RevokeAccess', { wallet_id: first.id, ...what }, token);
    await expect(revoke({ capability_id: other.zcap.id }, secondToken)).rejects.toMatchObject({ code: 5 });
    await expect(revoke({ did: second.device.did }, thirdToken)).rejects.toMatchObject({ code: 5 });
    const own = await tokenFor(server, first.device, first.zcap);
    const revoked = await revoke({ did: second.device.did }, own);
    expect((revoked.revoked_capability_ids as unknown as string[]).sort()).toEqual(
      [second.zcap.id, third.zcap.id].sort(),
    );

    for (const token of [secondToken, thirdToken]) await expect(get(token)).rejects.toMatchObject({ code: 16 });
    for (const { device, zcap } of [second, third]) {
      await expect(tokenFor(server, device, zcap)).rejects.toMatchObject({ code: 7 });
    }
    expect(await get(otherToken)).toMatchObject({ wallet_id: first.id });
    await expect(revoke({ did: second.device.did }, own)).rejects.toMatchObject({ code: 5 });

    const all = { wallet_id: first.id, include_revoked: true, page_size: 3 };
    const page = await call('WalletService/ListCapabilities', all, otherToken);
    expect(page.capabilities).toHaveLength(3);
    for (const page_size of [-1, 201])
      await expect(call('WalletService/ListCapabilities', { ...all, page_size }, otherToken)).rejects.toMatchObject({
        code: 3,
        details: 'page_size must be a whole number from 1 to 200.',
      });
    const rest = { ...all, page_token: page.next_page_token };
    expect((await call('WalletService/ListCapabilities', rest, otherToken)).capabilities).toHaveLength(1);
    // A device may give up what it has.
    await revoke({ capability_id: other.zcap.id }, otherToken);
    await expect(get(otherToken)).rejects.toMatchObject({ code: 16 });
  });

  test('is refused unless the caller signed it itself, of what it shows, with the action grant', async () => {
    const server = await walletServer({ databaseUrl: await freshUrl() });
    const first = await openWallet(server);
    const reader = await grantTo(server, first);
    const to = newDevice();
    const own = await tokenFor(server, first.device, first.zcap);
    const grant = (zcap: object, token = own, wallet_id = first.id) =>
      server.call('WalletService/GrantAccess', { wallet_id, zcap: json(zcap) }, token);
    const refused = { code: 3, details: expect.any(String) };

    const good = delegation(first.zcap, first.device, to);
    expect(await grant(good)).toEqual({ capability_id: good.id });
    // Twice is once; another document of the same id is none.
    expect(await grant(good)).toEqual({ capability_id: good.id });
    await expect(
      grant(delegation(first.zcap, first.device, to, { members: { id: good.id, allowedAction: ['write'] } })),
    ).rejects.toMatchObject(refused);

    await expect(grant(delegation(first.zcap, newDevice(), to))).rejects.toMatchObject(refused);
    await expect(grant(delegation(reader.zcap, reader.device, to))).rejects.toMatchObject(refused);
    const readerToken = await tokenFor(server, reader.device, reader.zcap);
    await expect(grant(delegation(reader.zcap, reader.device, to), readerToken)).rejects.toMatchObject({ code: 7 });
    for (const members of [
      { allowedAction: ['read', 'administer'] },
      { allowedAction: undefined },
      { allowedAction: [] },
      { id: 'urn:uuid:1' },
      { controller: [to.did] },
      { controller: 7 },
      { controller: `did:key:z${'6'.repeat(4_000)}` },
      { controller: 'urn:uuid:1' },
      { expires: '2099-01-01T00:00:00Z' },
      { expires: undefined },
      { invocationTarget: `${first.zcap.invocationTarget}2` },
    ]) {
      await expect(grant(delegation(first.zcap, first.device, to, { members }))).rejects.toMatchObject(refused);
    }
    const another = await openWallet(server);
    await expect(grant(delegation(another.zcap, another.device, to))).rejects.toMatchObject(refused);
    await expect(grant(good, own, another.id)).rejects.toMatchObject({ code: 7 });
  });
});

eachDatabase('an invitation', (freshUrl) => {
  test('is for who holds its code, once; its inviter may ask for it and cancel it, and nobody else', async () => {
    const box = await mailbox();
    const databaseUrl = await freshUrl();
    const server = await walletServer({
      databaseUrl,
      env: { COUNTERSIGN_SMTP_URL: box.url },
      network: { realms: [{ name: 'dev', profile: 'ocen4', settings: { walletCreation: 'invited' } }] },
    });
    const { call } = server;
    const administrator = await server.administrator();
    const person = { participant: 'PARTICIPANT_TYPE_INDIVIDUAL', description: 'Alice', email: 'alice@example.org' };
    const invite = (change: object = {}, metadata = administrator) =>
      call('ProviderService/Invite', { ...person, ...change }, metadata);
    await expect(openWallet(server)).rejects.toMatchObject({
      code: 7,
      details: expect.stringContaining('securityCode'),
    });

    const invited = await invite({ roles: ['member', 'individual'] });
    const code = await codeIn(box);
    const device = newDevice();
    const wallet = await openWallet(server, { securityCode: code }, device);
    expect(wallet.id).toBe(invited.wallet_id);
    const token = await tokenFor(server, device, wallet.zcap);
    expect(await call('WalletService/GetWallet', { wallet_id: wallet.id }, token)).toMatchObject({
      participant: 'PARTICIPANT_TYPE_INDIVIDUAL',
      roles: ['individual', 'member'],
      description: 'Alice',
    });
    const used = { code: 7, details: textOf('wallet.invitation') };
    for (const securityCode of [code, 'csw_unknown', '', `csw_${'A'.repeat(43)}`]) {
      await expect(openWallet(server, { securityCode })).rejects.toMatchObject(used);
    }
    // The same device, invited again: another wallet.
    const again = await invite();
    await expect.poll(() => box.received.length).toBe(2);
    expect((await openWallet(server, { securityCode: await codeIn(box) }, device)).id).toBe(again.wallet_id);

    const cancelled = await invite({ email: 'bob@example.org' });
    await expect.poll(() => box.received.length).toBe(3);
    const named = { invitation_id: cancelled.invitation_id };
    expect(await call('ProviderService/CancelInvitation', named, administrator)).toMatchObject({
      status: 'INVITATION_STATUS_CANCELLED',
    });
    await expect(call('ProviderService/CancelInvitation', named, administrator)).rejects.toMatchObject({ code: 9 });
    await expect(openWallet(server, { securityCode: await codeIn(box) })).rejects.toMatchObject(used);
    const unknown = { invitation_id: crypto.randomUUID() };
    await expect(call('ProviderService/GetInvitation', unknown, administrator)).rejects.toMatchObject({ code: 5 });

    for (const [change, field] of [
      [{ participant: 0 }, 'participant'],
      [{ email: 'nobody' }, 'email'],
      [{ email: undefined }, 'email'],
      [{ description: 'a\r\nBcc: b' }, 'description'],
      [{ roles: ['a b'] }, 'roles'],
      [{ did_web: true }, 'organizations'],
    ] as const) {
      await expect(invite(change)).rejects.toMatchObject({ code: 3, details: expect.stringContaining(field) });
    }
    await expect(invite({}, {})).rejects.toMatchObject({ code: 16 });
    await expect(invite({}, token)).rejects.toMatchObject({ code: 16 });
    await expect(invite({}, { authorization: 'Bearer x' })).rejects.toMatchObject({ code: 16 });
  });

  test('comes also from a device that the realm lets invite, which sees its own and no others', async () => {
    const box = await mailbox();
    const server = await walletServer({ databaseUrl: await freshUrl(), env: { COUNTERSIGN_SMTP_URL: box.url } });
    const device = newDevice();
    const allowed = await fetch(`${server.issuer()}/admin/capabilities`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(await server.administrator()) },
      body: JSON.stringify({ controller: device.did, expires: new Date(Date.now() + 3_600_000).toISOString() }),
    });
    expect(allowed.status).toBe(201);
    // In UTC that is in the year 10000, which RFC 3339 does not have.
    for (const expires of ['9999-12-31T23:59:59-00:01', 'tomorrow', '2020-01-01T00:00:00Z']) {
      const refused = await fetch(`${server.issuer()}/admin/capabilities`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(await server.administrator()) },
        body: JSON.stringify({ controller: device.did, expires }),
      });
      expect([expires, refused.status]).toEqual([expires, 400]);
      expect(await refused.json()).toMatchObject({ pointer: '/expires' });
    }
    const { capability, capabilityId } = (await allowed.json()) as { capability: Doc; capabilityId: string };
    // What it may do to the realm is no wallet: it may have one besides.
    expect(await openWallet(server, {}, device)).toMatchObject({ device });
    const path = '/countersign.v1.ProviderService/';
    const call = async (method: string, request: object) => {
      const body = JSON.stringify(request);
      const bound = { procedure: path + method, message: Buffer.from(body), audience: server.issuer() };
      const invocation = callInvocation(device, capability, bound, { proof: { capabilityAction: 'invite' } });
      return post(server, path + method, body, { 'capability-invocation': base64url(invocation) });
    };
    const invitation = { participant: 'PARTICIPANT_TYPE_INDIVIDUAL', email: 'alice@example.org' };
    const invited = await call('Invite', invitation);
    expect(invited).toMatchObject({ status: 200, body: { status: 'INVITATION_STATUS_SENT' } });
    expect(await openWallet(server, { securityCode: await codeIn(box) })).toMatchObject({ id: invited.body.walletId });
    const { invitationId } = invited.body;
    expect(await call('GetInvitation', { invitationId })).toMatchObject({
      body: { status: 'INVITATION_STATUS_COMPLETED' },
    });
    const foreign = await server.call(
      'ProviderService/Invite',
      { participant: 1, email: 'bob@example.org' },
      await server.administrator(),
    );
    expect((await call('GetInvitation', { invitationId: foreign.invitation_id })).status).toBe(404);
    const ended = await fetch(`${server.issuer()}/admin/capabilities/revoke`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(await server.administrator()) },
      body: JSON.stringify({ capabilityId }),
    });
    expect(await ended.json()).toEqual({ revokedCapabilityIds: [capabilityId] });
    expect((await call('Invite', invitation)).status).toBe(403);
  });
});

eachDatabase('a token', (freshUrl) => {
  test('ends with its chain, and with its wallet; its wallet is one of its realm', async () => {
    const server = await walletServer({
      databaseUrl: await freshUrl(),
      network: { realms: [{ name: 'other', profile: 'ocen4', settings: { walletCreation: 'open' } }] },
    });
    const { call } = server;
    const first = await openWallet(server);
    const soon = new Date(Date.now() + 60_000).toISOString();
    const brief = await grantTo(server, first, { members: { expires: soon } });
    const invocation = json(tokenRequest(brief.device, brief.zcap, await server.challenge()));
    const issued = await call('AuthService/AcquireToken', { invocation });
    expect(Number(issued.expires_in)).toBeLessThanOrEqual(60);
    expect(Number(issued.expires_in)).toBeGreaterThan(30);

    const realm = { realm: 'other' };
    const challenge = (await call('AuthService/GetChallenge', {}, realm)) as unknown as Challenge;
    const elsewhere = createRequest(first.device, challenge);
    const there = await call('WalletService/CreateWallet', { signed_request: json(elsewhere) }, realm);
    const zcap = JSON.parse(Buffer.from(there.zcap as string).toString()) as Doc;
    await expect(tokenFor(server, first.device, zcap)).rejects.toMatchObject({ code: 7 });
    const token = await tokenFor(server, first.device, first.zcap);
    const foreign = { wallet_id: there.wallet_id };
    await expect(call('WalletService/GetWallet', foreign, token)).rejects.toMatchObject({ code: 7 });
    await expect(call('WalletService/GetWallet', foreign, { ...token, ...realm })).rejects.toMatchObject({ code: 16 });

    const own = { wallet_id: first.id };
    expect(await call('WalletService/GetWallet', own, token)).toMatchObject(own);
    await write(server.context, system, (tx) => suspendSubject(tx, 'dev', walletSubjectId(first.id)));
    await expect(call('WalletService/GetWallet', own, token)).rejects.toMatchObject({ code: 16 });
    await expect(tokenFor(server, first.device, first.zcap)).rejects.toMatchObject({ code: 7 });
    await write(server.context, system, (tx) => reinstateSubject(tx, 'dev', walletSubjectId(first.id)));
    await expect(call('WalletService/GetWallet', own, token)).rejects.toMatchObject({ code: 16 });
    await call('WalletService/GetWallet', own, await tokenFor(server, first.device, first.zcap));
  });

  test('buys no more than a thousand live delegations of its wallet', async () => {
    const server = await walletServer({ databaseUrl: await freshUrl() });
    const first = await openWallet(server);
    const token = await tokenFor(server, first.device, first.zcap);
    const { db } = server.context.store;
    const [row] = await db.selectFrom('capability').selectAll().execute();
    if (row === undefined) throw new Error('no capability');
    const rows = Array.from({ length: 999 }, () => ({ ...row, id: `urn:uuid:${crypto.randomUUID()}` }));
    for (let i = 0; i < rows.length; i += 100)
      await db
        .insertInto('capability')
        .values(rows.slice(i, i + 100))
        .execute();
    const grant = () => {
      const zcap = json(delegation(first.zcap, first.device, newDevice()));
      return server.call('WalletService/GrantAccess', { wallet_id: first.id, zcap }, token);
    };
    await expect(grant()).rejects.toMatchObject({ code: 8 });
    await db
      .updateTable('capability')
      .set({ revoked_at: 1 })
      .where('id', '=', rows[0]?.id ?? '')
      .execute();
    await grant();
    // A month after its end nobody asks for one any more.
    const ended = (id: string | undefined, ago: number) =>
      db
        .updateTable('capability')
        .set({ expires_at: Date.now() - ago })
        .where('id', '=', id ?? '')
        .execute();
    const month = 30 * 86_400_000;
    await ended(rows[1]?.id, month - 60_000);
    await ended(rows[2]?.id, month + 60_000);
    await forgetOldCapabilities(server.context);
    const left = await db.selectFrom('capability').select('id').execute();
    expect(left).toHaveLength(1_000);
    expect(left.map(({ id }) => id)).not.toContain(rows[2]?.id);
  });
});
