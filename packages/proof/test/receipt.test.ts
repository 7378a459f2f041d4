import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  encodeBase64url,
  encodeTextBase64url,
  parseReceiptKeys,
  type ReceiptExpectation,
  thumbprint,
  verifyReceipt,
} from '../src/index.ts';
import { bytes, nodePort, now, rawValue, type Sender, sender, signBytes } from './support/message.ts';
import { rounds } from './support/rounds.ts';

const realm = sender('ES256', 'receipts-1');
const other = sender('ES256', 'receipts-2');
const one = sender('ES256', 'k1');
const body = '{"amount":100}';
const rfc7797 = '{"alg":"ES256","kid":"k1","b64":false,"crit":["b64"]}';
const target = 'https://lender.test/v4/loans?page=2';
const strictly = `{"alg":"ES256","kid":"k1","b64":false,"crit":["b64","htm","htu","aud","iat","jti"],"htm":"POST","htu":"${target}","aud":"lender-1","iat":${now},"jti":"j1"}`;

type Claims = Record<string, unknown> & { readonly key: object; readonly message: object };
let print: string;

beforeAll(async () => {
  print = await thumbprint(one.jwk, nodePort);
});

function claimsOf(change: Record<string, unknown> = {}): Claims {
  return {
    iss: 'https://id.test/realms/dev',
    iat: now,
    jti: 'receipt-1',
    participantId: 'agent',
    organisationId: 'org-agent',
    presenter: { sub: 's-1', participantId: 'lender-1' },
    signature: rawValue(one, rfc7797, body),
    form: 'rfc7797',
    binding: 'bytes',
    key: { thumbprint: print, jwk: { ...one.jwk }, nbf: now - 10, exp: now + 10, status: 'current' },
    message: { kind: 'request', digest: digestOf(body), length: body.length },
    ...change,
  };
}

function digestOf(text: string): string {
  return encodeBase64url(nodePort.sha256(bytes(text)) as Uint8Array);
}

function receiptOf(claims: object | string, by: Sender = realm, typ = 'receipt+jwt'): string {
  const header = encodeTextBase64url(JSON.stringify({ alg: by.alg, typ, kid: by.kid }));
  const text = typeof claims === 'string' ? claims : JSON.stringify(claims);
  const input = `${header}.${encodeTextBase64url(text)}`;
  return `${input}.${encodeBase64url(signBytes(by, input))}`;
}

const pinned = { keys: [{ ...realm.jwk }, { ...other.jwk, revoked: { revoked_at: now } }] };
const check = (receipt: string, change: Partial<ReceiptExpectation> = {}) =>
  verifyReceipt(receipt, { crypto: nodePort, keys: parseReceiptKeys(pinned), body: bytes(body), ...change });

test('a receipt says what was verified, and is checked against the message without a server', async () => {
  const claims = claimsOf();
  const receipt = await check(receiptOf(claims), { issuer: 'https://id.test/realms/dev' });
  expect(receipt).toEqual({ ...claims, checked: 'message' });
  const alone = await check(receiptOf(claimsOf()), { body: undefined });
  expect(alone.checked).toBe('unchecked');
});

test('a strict one is checked against what it binds', async () => {
  const message = {
    kind: 'request',
    digest: digestOf(body),
    length: body.length,
    method: 'POST',
    target,
    recipient: 'lender-1',
  };
  const claims = { signature: rawValue(one, strictly, body), form: 'strict', binding: 'message', message };
  expect(await check(receiptOf(claimsOf(claims)))).toMatchObject({ checked: 'message', binding: 'message' });
  for (const change of [
    { method: 'PUT' },
    { target: `${target}0` },
    { recipient: 'lender-2' },
    { method: undefined },
  ]) {
    const wrong = claimsOf({ ...claims, message: { ...message, ...change } });
    await expect(check(receiptOf(wrong))).rejects.toMatchObject({ code: 'receipt.signature' });
  }
  const late = claimsOf({ ...claims, iat: now + 400, key: { ...claimsOf().key, exp: null } });
  await expect(check(receiptOf(late))).rejects.toMatchObject({ code: 'receipt.signature' });
});

test('one of a message without a body holds what was signed in its place', async () => {
  const message = { kind: 'request', digest: digestOf(''), length: 0, requestTarget: '/v4/loans' };
  const claims = claimsOf({ signature: rawValue(one, rfc7797, '/v4/loans'), message });
  expect(await check(receiptOf(claims), { body: bytes('') })).toMatchObject({ checked: 'message' });
  const elsewhere = { ...claims, message: { ...message, requestTarget: '/v4/other' } };
  await expect(check(receiptOf(elsewhere), { body: bytes('') })).rejects.toMatchObject({ code: 'receipt.signature' });
});

describe('is refused', () => {
  const rows: readonly (readonly [string, () => string, string])[] = [
    ['by a stranger', () => receiptOf(claimsOf(), sender('ES256', 'receipts-1')), 'jws.signature'],
    ['by a key with another name', () => receiptOf(claimsOf(), sender('ES256', 'receipts-9')), 'jws.kid_unknown'],
    ['by a key that was compromised', () => receiptOf(claimsOf(), other), 'receipt.key_revoked'],
    ['by the key of the sender', () => receiptOf(claimsOf(), one), 'jws.kid_unknown'],
    ['a token', () => receiptOf(claimsOf(), realm, 'at+jwt'), 'receipt.type'],
    ['no type', () => receiptOf(claimsOf(), realm, ''), 'receipt.type'],
    ['claims that are a list', () => receiptOf([claimsOf()]), 'receipt.claims'],
    ['claims with a member twice', () => receiptOf('{"iss":"a","iss":"b"}'), 'receipt.claims'],
    ['no JSON', () => receiptOf('receipt'), 'receipt.claims'],
    ['another binding than that of its form', () => receiptOf(claimsOf({ binding: 'message' })), 'receipt.claims'],
    ['an unknown form', () => receiptOf(claimsOf({ form: 'other' })), 'receipt.claims'],
    [
      'a key of another thumbprint',
      () => receiptOf(claimsOf({ key: { ...claimsOf().key, thumbprint: 'x' } })),
      'receipt.claims',
    ],
    [
      'a private key',
      () => receiptOf(claimsOf({ key: { ...claimsOf().key, jwk: { ...one.jwk, d: 'AA' } } })),
      'receipt.claims',
    ],
    [
      'a status of no key',
      () => receiptOf(claimsOf({ key: { ...claimsOf().key, status: 'retired' } })),
      'receipt.claims',
    ],
    ['another form', () => receiptOf(claimsOf({ form: 'ocen' })), 'receipt.signature'],
    [
      'a key before its time',
      () => receiptOf(claimsOf({ key: { ...claimsOf().key, nbf: now + 1 } })),
      'receipt.signature',
    ],
    ['a key after its time', () => receiptOf(claimsOf({ key: { ...claimsOf().key, exp: now } })), 'receipt.signature'],
    [
      'a signature over something else',
      () => receiptOf(claimsOf({ signature: rawValue(one, rfc7797, 'x') })),
      'receipt.signature',
    ],
    [
      'a signature by somebody else',
      () => receiptOf(claimsOf({ signature: rawValue(other, rfc7797, body) })),
      'receipt.signature',
    ],
    [
      'another length',
      () => receiptOf(claimsOf({ message: { ...claimsOf().message, length: 13 } })),
      'receipt.message',
    ],
    [
      'another digest',
      () => receiptOf(claimsOf({ message: { ...claimsOf().message, digest: digestOf('x') } })),
      'receipt.message',
    ],
    ['nothing', () => '', 'jws.malformed'],
    ['too much', () => 'x'.repeat(65_537), 'jws.too_large'],
  ];
  test.each(rows)('%s', async (_name, receipt, code) => {
    await expect(check(receipt())).rejects.toMatchObject({ code });
  });

  test.each([...Object.keys(claimsOf()), 'sub of presenter', 'nbf of key', 'kind of message'])(
    'without %s',
    async (name) => {
      const [member = '', owner] = name.split(' of ');
      const claims: Record<string, unknown> = claimsOf();
      const holder = owner === undefined ? claims : ({ ...(claims[owner] as object) } as Record<string, unknown>);
      for (const wrong of [undefined, '', -1, 1.5, true, []]) {
        holder[member] = wrong;
        const changed = owner === undefined ? claims : { ...claims, [owner]: holder };
        await expect(check(receiptOf(changed))).rejects.toMatchObject({ code: 'receipt.claims' });
      }
    },
  );

  test('of another issuer, and without any key', async () => {
    await expect(check(receiptOf(claimsOf()), { issuer: 'https://id.test' })).rejects.toMatchObject({
      code: 'receipt.issuer',
    });
    for (const keys of [[], parseReceiptKeys(undefined), parseReceiptKeys({ keys: [{ kty: 'oct', k: 'AA' }] })]) {
      await expect(check(receiptOf(claimsOf()), { keys })).rejects.toMatchObject({ code: 'jws.kid_unknown' });
    }
  });

  test('whatever is changed in the message or in the receipt', async () => {
    const receipt = receiptOf(claimsOf());
    await fc.assert(
      fc.asyncProperty(fc.nat(body.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const changed = bytes(body).map((byte, i) => (i === at ? byte ^ flip : byte));
        await expect(check(receipt, { body: changed })).rejects.toMatchObject({ code: 'receipt.message' });
      }),
      { numRuns: rounds(200) },
    );
    await fc.assert(
      fc.asyncProperty(fc.nat(receipt.length - 1), fc.constantFrom(...'AZaz09-_.=+ '), async (at, character) => {
        const changed = receipt.slice(0, at) + character + receipt.slice(at + 1);
        if (changed === receipt) return;
        await expect(check(changed)).rejects.toMatchObject({ name: 'ProofError' });
      }),
      { numRuns: rounds(400) },
    );
    await fc.assert(
      fc.asyncProperty(fc.nat(receipt.length - 1), async (end) => {
        await expect(check(receipt.slice(0, end))).rejects.toMatchObject({ name: 'ProofError' });
      }),
      { numRuns: rounds(100) },
    );
  });
});
