import { randomUUID } from 'node:crypto';
import { cryptoPort } from '@countersign/client/node-crypto';
import { type JsonObject, type JsonValue, parseDidDocument, parseDidPeer4, resolveDid } from '@countersign/proof';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Doc, instant } from '../../proof/test/support/capability.ts';
import { eachDatabase } from './support/databases.ts';
import { eventually } from './support/eventually.ts';
import { type GrpcClient, grpcClient, textOf } from './support/rpc.ts';
import { testServer } from './support/server.ts';
import { mailbox, smtpError } from './support/smtp.ts';
import {
  codeIn,
  createRequest,
  dpopProof,
  json,
  newDevice,
  openWallet,
  tokenFor,
  tokenRequest,
  type WalletServer,
  walletServer,
  withCalls,
} from './support/wallet.ts';

let server: WalletServer;
let grpc: GrpcClient;
beforeAll(async () => {
  const running = await testServer({ network: { realms: [{ name: 'other', profile: 'strict' }] } });
  grpc = grpcClient(running.url.replace('http://', ''), ['countersign/v1/wallet.proto']);
  server = withCalls(running, grpc);
});
afterAll(async () => {
  grpc.close();
  await server.close();
});

const ago = (seconds: number) => instant(Math.floor(Date.now() / 1000) - seconds);
const create = (request: object, description = '') =>
  server.call('WalletService/CreateWallet', { signed_request: json(request), description });

describe('a request for a wallet', () => {
  const device = newDevice();
  const signed = async (members: Doc = {}, proof: Doc = {}, by = device) =>
    createRequest(by, await server.challenge(), members, proof);

  const refusals: readonly (readonly [what: string, code: number, says: RegExp, make: () => Promise<Doc>])[] = [
    ['of another type', 3, /^type/, () => signed({ type: 'DeleteWallet' })],
    ['of another audience', 3, /^audience/, () => signed({ audience: 'https://evil.example' })],
    ['of another realm', 3, /^audience/, () => signed({ audience: server.issuer('other') })],
    ['without a nonce', 3, /^nonce/, () => signed({ nonce: undefined })],
    ['with a nonce of its own', 3, /challenge/, () => signed({ nonce: 'mine' })],
    ['without a time', 3, /^created/, () => signed({ created: undefined })],
    ['from long ago', 3, /^created/, () => signed({ created: ago(600) })],
    ['from the future', 3, /^created/, () => signed({ created: ago(-600) })],
    ['with a time without a zone', 3, /^created/, () => signed({ created: ago(0).replace('Z', '') })],
    ['without a controller', 3, /^controller/, () => signed({ controller: undefined })],
    ['for a did:web', 3, /^controller/, () => signed({ controller: 'did:web:a.example' })],
    ['for another fragment', 3, /^controller/, () => signed({ controller: `${device.did}#z6Mk` })],
    ['for a fragment of a fragment', 3, /^controller/, () => signed({ controller: `${device.kid}#a` })],
    [
      'for a key that agrees',
      3,
      /^controller/,
      () => signed({ controller: 'did:key:z6LSbysY2xFMRpGMhb7tFTLMpeuPRaqaWM1yECx2AtzE3KCc' }),
    ],
    ['with a number for a code', 3, /^securityCode/, () => signed({ securityCode: 7 })],
    ['with a code that is none', 7, /^No open invitation/, () => signed({ securityCode: 'csw_' })],
    ['by another key than the controller', 16, /another key/, () => signed({ controller: newDevice().did })],
    ['that was changed', 16, /signature/, async () => ({ ...(await signed()), more: 1 })],
    ['for another purpose', 16, /purpose/, () => signed({}, { proofPurpose: 'assertionMethod' })],
    ['whose proof is from long ago', 16, /long ago|old/, () => signed({}, { created: ago(3_600) })],
    ['whose proof is over', 16, /expired/, () => signed({}, { created: ago(100), expires: ago(60) })],
    ['without a proof', 16, /proof/, async () => ({ ...(await signed()), proof: undefined })],
    [
      'with a list of proofs',
      16,
      /proof/,
      async () => {
        const one = await signed();
        return { ...one, proof: [one.proof as Doc] };
      },
    ],
    ['of another suite', 16, /suite/, () => signed({}, { cryptosuite: 'eddsa-rdfc-2022' })],
    ['by a DID that nobody knows', 16, /key|method/, () => signed({}, { verificationMethod: 'did:web:a.example#1' })],
  ];
  test.each(refusals)('%s is refused (%i, %s)', async (_, code, says, make) => {
    await expect(create(await make())).rejects.toMatchObject({ code, details: expect.stringMatching(says) });
  });

  test('that is no strict JSON object is refused by name', async () => {
    const twice = JSON.stringify(await signed()).replace('{', '{"type":"CreateWallet",');
    for (const bytes of [twice, '{', '[]', '', `{"a":${'['.repeat(20)}${']'.repeat(20)}}`, ' '.repeat(20_000)]) {
      const request = { signed_request: Buffer.from(bytes) };
      await expect(server.call('WalletService/CreateWallet', request)).rejects.toMatchObject({
        code: 3,
        details: expect.stringContaining('signed_request'),
      });
    }
    await expect(create(await signed(), 'two\nlines')).rejects.toMatchObject({ code: 3 });
  });

  test('names its controller as a DID or as the DID URL of its key, and makes one wallet of one key', async () => {
    const one = newDevice();
    const request = await signed({ controller: one.kid }, {}, one);
    expect(await create(request)).toMatchObject({ invoker: one.kid });
    // Replayed, the nonce is found out before the wallet is.
    await expect(create(request)).rejects.toMatchObject({ code: 16, details: expect.stringContaining('challenge') });
    await expect(create(await signed({}, {}, one))).rejects.toMatchObject({ code: 6 });
  });

  test('uses its challenge up only under a good signature', async () => {
    const challenge = await server.challenge();
    const one = newDevice();
    const sound = createRequest(one, challenge);
    await expect(create({ ...sound, more: 1 })).rejects.toMatchObject({ code: 16 });
    const { zcap } = await create(sound);
    // Whatever it was used for, it is used.
    const invocation = tokenRequest(one, JSON.parse(Buffer.from(zcap as string).toString()), challenge);
    await expect(server.call('AuthService/AcquireToken', { invocation: json(invocation) })).rejects.toMatchObject({
      code: 7,
    });
  });

  test('makes an owner with four keys, of which one delegates and none does anything else', async () => {
    const { did_document } = await create(await signed({}, {}, newDevice()));
    const document = fromStruct(did_document);
    const [long] = document.alsoKnownAs as readonly string[];
    const peer = await parseDidPeer4(long as string, cryptoPort);
    expect(peer.document.json).toEqual(document);
    expect(document.id).toMatch(/^did:peer:4z[1-9A-HJ-NP-Za-km-z]{46}$/);
    const parsed = parseDidDocument(document, peer.short);
    expect([...parsed.verificationMethods.values()].map(({ keyType }) => keyType)).toEqual([
      ...['Ed25519', 'X25519', 'BLS12-381-G1', 'BLS12-381-G2'],
    ]);
    const lists = Object.entries(parsed.relationships).map(([name, ids]) => [name, ids.size]);
    expect(Object.fromEntries(lists)).toEqual({
      authentication: 0,
      assertionMethod: 2,
      keyAgreement: 1,
      capabilityInvocation: 0,
      capabilityDelegation: 1,
    });
  });
});

/** google.protobuf.Struct as proto-loader reads it. */
function fromStruct(struct: unknown): JsonObject {
  const { fields } = struct as { fields: Record<string, object> };
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, fromValue(value)]));
}

function fromValue(value: object): JsonValue {
  const [[kind, content] = []] = Object.entries(value).filter(([name]) => name !== 'kind');
  if (kind === 'structValue') return fromStruct(content);
  return kind === 'listValue' ? (content as { values: object[] }).values.map(fromValue) : content;
}

test('a realm of the profile strict makes wallets for who was invited, and binds their tokens', async () => {
  const box = await mailbox();
  const strict = await walletServer({
    env: { COUNTERSIGN_SMTP_URL: box.url },
    network: { realms: [{ name: 'dev', profile: 'strict', settings: { walletCreation: 'invited' } }] },
  });
  await expect(openWallet(strict)).rejects.toMatchObject({ code: 7, details: expect.stringContaining('securityCode') });
  const person = { participant: 1, description: '', email: 'a@example.org' };
  await strict.call('ProviderService/Invite', person, await strict.administrator());
  const { device, zcap, id } = await openWallet(strict, { securityCode: await codeIn(box) });
  await expect(tokenFor(strict, device, zcap)).rejects.toMatchObject({
    code: 16,
    details: expect.stringContaining('DPoP'),
  });
  const invocation = json(tokenRequest(device, zcap, await strict.challenge()));
  const htu = `${strict.issuer()}/countersign.v1.AuthService/AcquireToken`;
  const issued = await strict.call('AuthService/AcquireToken', { invocation, dpop_proof: dpopProof(device, { htu }) });
  expect(issued).toMatchObject({ token_type: 'DPoP' });
  const bearer = { authorization: `Bearer ${issued.wallet_token}` };
  await expect(strict.call('WalletService/GetWallet', { wallet_id: id }, bearer)).rejects.toMatchObject({ code: 16 });
});

test('a bearer token from before a realm asked for bound ones is good no more', async () => {
  const lax = await walletServer({});
  const { device, zcap, id } = await openWallet(lax);
  const token = await tokenFor(lax, device, zcap);
  await lax.call('WalletService/GetWallet', { wallet_id: id }, token);
  const changed = await fetch(`${lax.issuer()}/admin/settings`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json', ...(await lax.administrator()) },
    body: JSON.stringify({ settings: { walletTokens: 'dpop' } }),
  });
  expect(changed.status).toBe(200);
  await expect(lax.call('WalletService/GetWallet', { wallet_id: id }, token)).rejects.toMatchObject({ code: 16 });
});

test('who makes wallets without an invitation makes sixty tries in a minute, from one network', async () => {
  const open = await walletServer({});
  const request = { signed_request: json(createRequest(newDevice(), await open.challenge())) };
  const tries = Array.from({ length: 60 }, () => open.call('WalletService/CreateWallet', request));
  const settled = await Promise.allSettled(tries);
  expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  await expect(openWallet(open)).rejects.toMatchObject({ code: 8 });
});

test('an organization gets its DID with its invitation, and a did:web where the method has it looked for', async () => {
  const box = await mailbox();
  const made = await walletServer({ env: { COUNTERSIGN_SMTP_URL: box.url } });
  const faber = { participant: 2, description: 'Faber', email: 'a@faber.example', did_web: true };
  const { wallet_id } = await made.call('ProviderService/Invite', faber, await made.administrator());
  const { host } = new URL(made.url);
  const did = `did:web:${host.replace(':', '%3A')}:realms:dev:dids:${wallet_id}`;
  const read = async (id: string) => fetch(`${made.issuer()}/dids/${id}/did.json`);
  const response = await read(wallet_id as string);
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/did+json']);
  const document = (await response.json()) as JsonObject;
  const parsed = await resolveDid(did, { crypto: cryptoPort, known: () => parseDidDocument(document, did) });
  expect([...parsed.verificationMethods.values()].map(({ controller }) => controller)).toEqual([did, did, did, did]);
  const { device, zcap } = await openWallet(made, { securityCode: await codeIn(box) });
  const token = await tokenFor(made, device, zcap);
  const wallet = await made.call('WalletService/GetWallet', { wallet_id }, token);
  expect([fromStruct(wallet.did_document).id]).toEqual(document.alsoKnownAs);
  const without = await made.call(
    'ProviderService/Invite',
    { ...faber, did_web: false, email: 'b@faber.example' },
    await made.administrator(),
  );
  for (const id of [without.wallet_id as string, randomUUID(), 'x', '..%2f']) expect((await read(id)).status).toBe(404);
});

eachDatabase('an invitation', (freshUrl) => {
  test('whose mail nobody takes has failed; one that is not used in a week has expired', async () => {
    const box = await mailbox({
      onRcptTo: (address, _, done) => done(address.address.startsWith('no') ? smtpError(550) : null),
    });
    const own = await walletServer({ databaseUrl: await freshUrl(), env: { COUNTERSIGN_SMTP_URL: box.url } });
    const administrator = await own.administrator();
    const invite = (email: string) => own.call('ProviderService/Invite', { participant: 1, email }, administrator);
    const status = async (invitation_id: unknown) =>
      (await own.call('ProviderService/GetInvitation', { invitation_id }, await own.administrator())).status;
    const [bad, good] = [await invite('nobody@example.org'), await invite('alice@example.org')];
    await eventually(async () => (await status(bad.invitation_id)) === 'INVITATION_STATUS_FAILED', 5_000);
    expect(await status(good.invitation_id)).toBe('INVITATION_STATUS_SENT');
    const securityCode = await codeIn(box);
    // A week later.
    const { db } = own.context.store;
    await db.updateTable('one_time_code').set({ expires_at: 1 }).execute();
    await db.updateTable('wallet_invitation').set({ expires_at: 1 }).execute();
    expect(await status(good.invitation_id)).toBe('INVITATION_STATUS_EXPIRED');
    await expect(openWallet(own, { securityCode })).rejects.toMatchObject({
      code: 7,
      details: textOf('wallet.invitation'),
    });
  });
});
