import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type AnswerPacking,
  type CallPacking,
  checkProver,
  pack,
  packAnswer,
  packCall,
  unpackAnswer,
  unpackCall,
} from '../src/didcomm/index.ts';
import { encodeBase64url, type JsonObject } from '../src/index.ts';
import {
  alice,
  aliceKey,
  anonymous,
  bob,
  bobKey,
  expecting,
  freshKey,
  good,
  now,
  packing,
  random,
} from './support/didcomm.ts';
import { rounds } from './support/rounds.ts';

const method = '/countersign.v1.WalletService/GrantAccess';
const message = Uint8Array.of(10, 3, 1, 2, 255);
const authorization = { token: 'eyJhbGciOiJFUzI1NiJ9.e30.AAAA', dpop: 'eyJ0eXAiOiJkcG9wK2p3dCJ9.e30.AAAA' };
const { modes, ...server } = expecting();
const client = {
  ...server,
  keys: [aliceKey],
  recipient: alice,
  senderKey: (kid: string) => (kid === bobKey.kid ? bobKey.key : undefined),
  callId: 'call-1',
  method,
  sender: bob,
};

const times = { createdTime: now, expiresTime: now + 60, random };

function calling(changes: Partial<CallPacking> = {}): CallPacking {
  const call = { method, authorization, message };
  return { ...call, ...times, id: 'call-1', sender: aliceKey, recipient: bobKey, ...changes };
}

function answering(changes: Partial<AnswerPacking> = {}): AnswerPacking {
  const answer = { method, status: 0, message } as const;
  return { answer, ...times, id: 'answer-1', callId: 'call-1', sender: bobKey, recipient: aliceKey, ...changes };
}

test('a call arrives whole, with who sent it; its answer comes back to the one who waits for it', async () => {
  const call = await unpackCall(await packCall(calling()), server);
  expect(call).toEqual({
    method,
    authorization,
    message,
    id: 'call-1',
    sender: alice,
    senderKid: aliceKey.kid,
    recipientKid: bobKey.kid,
    createdTime: now,
    expiresTime: now + 60,
    rememberUntil: now + 90,
  });
  const answer = await unpackAnswer(await packAnswer(answering({ callId: call.id })), client);
  expect(answer).toMatchObject({ method, status: 0, message, sender: bob });
});

test('a call without authorization, with an invocation, and an answer that says why not', async () => {
  const open = await unpackCall(await packCall(calling({ authorization: undefined })), server);
  expect(open.authorization).toBeUndefined();
  const invocation = { invocation: 'eyJpZCI6IngifQ' };
  expect(await unpackCall(await packCall(calling({ authorization: invocation })), server)).toMatchObject({
    authorization: invocation,
  });
  const undefinedProof = { token: 'a', dpop: undefined };
  expect((await unpackCall(await packCall(calling({ authorization: undefinedProof })), server)).authorization).toEqual({
    token: 'a',
  });
  const refused = { method, status: 7, error: 'The caller is not allowed to do this.', reason: 'WALLET_ACCESS_DENIED' };
  expect(await unpackAnswer(await packAnswer(answering({ answer: refused })), client)).toMatchObject(refused);
  const silent = { method, status: 14, error: 'Try again.' };
  expect(await unpackAnswer(await packAnswer(answering({ answer: silent })), client)).not.toHaveProperty('reason');
});

test('the largest of everything is still a call', async () => {
  const longest = `/a.B/${'m'.repeat(251)}`;
  const token = 't'.repeat(32_768);
  const call = await unpackCall(await packCall(calling({ method: longest, authorization: { token } })), server);
  expect(call).toMatchObject({ method: longest, authorization: { token } });
  const last = { method, status: 16, error: 'e'.repeat(1024), reason: 'R'.repeat(63) };
  expect(await unpackAnswer(await packAnswer(answering({ answer: last })), client)).toMatchObject(last);
});

test('the one who proves something within is the sender, named by its DID or by its key', async () => {
  const call = await unpackCall(await packCall(calling()), server);
  checkProver(call, alice);
  checkProver(call, `${alice}#sign-1`);
  for (const other of ['did:example:mallory', 'did:example:mallory#key-1', `${alice}2`, '']) {
    expect(() => checkProver(call, other)).toThrow(expect.objectContaining({ code: 'call.prover' }));
  }
});

const text = encodeBase64url(message);
const callBodies: [string, JsonObject][] = [
  ['call.body', { method, message: text, metadata: {} }],
  ['call.method', { message: text }],
  ['call.method', { method: 5, message: text }],
  ['call.method', { method: 'countersign.v1.WalletService/GrantAccess', message: text }],
  ['call.method', { method: '/WalletService/GrantAccess', message: text }],
  ['call.method', { method: `${method}/`, message: text }],
  ['call.method', { method: `${method}?a=b`, message: text }],
  ['call.method', { method: '/countersign.v1.WalletService/../GrantAccess', message: text }],
  ['call.method', { method: `${method}${'a'.repeat(256)}`, message: text }],
  ['call.nested', { method: '/countersign.v1.SecureService/Request', message: text }],
  ['call.nested', { method: '/countersign.v2.SecureService/Other', message: text }],
  ['call.authorization', { method, message: text, authorization: null }],
  ['call.authorization', { method, message: text, authorization: {} }],
  ['call.authorization', { method, message: text, authorization: 'Bearer a' }],
  ['call.authorization', { method, message: text, authorization: { token: '' } }],
  ['call.authorization', { method, message: text, authorization: { token: 'a b' } }],
  ['call.authorization', { method, message: text, authorization: { token: 'a\r\nb' } }],
  ['call.authorization', { method, message: text, authorization: { dpop: 'a' } }],
  ['call.authorization', { method, message: text, authorization: { token: 'a', invocation: 'b' } }],
  ['call.authorization', { method, message: text, authorization: { invocation: 'a'.repeat(32_769) } }],
  ['call.message', { method }],
  ['call.message', { method, message: `${text}=` }],
  ['call.message', { method, message: {} }],
];

const answerBodies: [string, JsonObject][] = [
  ['call.body', { method, status: 0, message: text, trailers: {} }],
  ['call.method', { status: 0, message: text }],
  ['call.method', { method: '/countersign.v1.WalletService/RevokeAccess', status: 0, message: text }],
  ['call.nested', { method: '/countersign.v1.SecureService/Request', status: 0, message: text }],
  ['call.status', { method, message: text }],
  ['call.status', { method, status: 17, error: 'a' }],
  ['call.status', { method, status: -1, error: 'a' }],
  ['call.status', { method, status: 0.5, error: 'a' }],
  ['call.status', { method, status: '0', message: text }],
  ['call.status', { method, status: 0, message: text, error: 'a' }],
  ['call.status', { method, status: 7, message: text }],
  ['call.status', { method, status: 0, message: text, reason: 'OK' }],
  ['call.reason', { method, status: 7, error: 'a', reason: 'not allowed' }],
  ['call.reason', { method, status: 7, error: 'a', reason: '' }],
  ['call.reason', { method, status: 7, error: 'a', reason: 'A'.repeat(64) }],
  ['call.message', { method, status: 0 }],
  ['call.error', { method, status: 7 }],
  ['call.error', { method, status: 7, error: '' }],
  ['call.error', { method, status: 7, error: 'a'.repeat(1025) }],
];

describe('what a sender without manners puts into the tunnel', () => {
  test.each(callBodies)('a call: %s (%#)', async (code, body) => {
    const packed = await pack(packing({ type: 'urn:countersign:rpc/1.0/call', body }));
    await expect(unpackCall(packed, server)).rejects.toMatchObject({ code });
  });

  test.each(answerBodies)('an answer: %s (%#)', async (code, body) => {
    const parties = { sender: bobKey, recipients: [aliceKey], thid: 'call-1' };
    const packed = await pack(packing({ type: 'urn:countersign:rpc/1.0/answer', body, ...parties }));
    await expect(unpackAnswer(packed, client)).rejects.toMatchObject({ code });
  });

  test('another message, an anonymous one, and an answer where a call is due', async () => {
    await expect(unpackCall(good, server)).rejects.toMatchObject({ code: 'didcomm.type_unexpected' });
    await expect(unpackCall(anonymous, server)).rejects.toMatchObject({ code: 'didcomm.mode' });
    const answer = await packAnswer(answering({ sender: aliceKey, recipient: bobKey }));
    await expect(unpackCall(answer, server)).rejects.toMatchObject({ code: 'didcomm.type_unexpected' });
  });

  test('the answer to another call, of another sender, and the call itself thrown back', async () => {
    const other = await packAnswer(answering({ callId: 'call-2' }));
    await expect(unpackAnswer(other, client)).rejects.toMatchObject({ code: 'didcomm.thid_unexpected' });
    const mallory = freshKey('did:example:mallory#key-1');
    const stranger = await packAnswer(answering({ sender: mallory }));
    const knows = { ...client, senderKey: () => mallory.key };
    await expect(unpackAnswer(stranger, knows)).rejects.toMatchObject({ code: 'didcomm.sender_other' });
    const call = await packCall(calling());
    await expect(unpackAnswer(call, client)).rejects.toMatchObject({ code: 'didcomm.not_a_recipient' });
  });
});

test('what would be refused is not packed', async () => {
  const outcomes: [string, () => Promise<string>][] = [
    ['call.nested', () => packCall(calling({ method: '/countersign.v1.SecureService/Request' }))],
    ['call.method', () => packCall(calling({ method: 'GrantAccess' }))],
    ['call.authorization', () => packCall(calling({ authorization: { token: 'a b' } }))],
    ['call.status', () => packAnswer(answering({ answer: { method, status: 0, error: 'a' } }))],
    ['call.error', () => packAnswer(answering({ answer: { method, status: 7, error: '' } }))],
    ['packing.message', () => packCall(calling({ id: '' }))],
  ];
  for (const [code, packed] of outcomes) {
    await expect(packed()).rejects.toMatchObject({ code });
  }
});

test('any bytes come out as they went in', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (bytes) => {
      expect((await unpackCall(await packCall(calling({ message: bytes })), server)).message).toEqual(bytes);
    }),
    { numRuns: rounds(25) },
  );
});
