import { createHash, createHmac } from 'node:crypto';
import { FlattenedSign, flattenedVerify, importJWK } from 'jose';
import { expect, test } from 'vitest';
import {
  type AlgorithmName,
  encodeBase64url,
  encodeTextBase64url,
  type MessageSigning,
  type RequestMessage,
  signMessage,
  verifyMessage,
} from '../src/index.ts';
import { signingInput } from '../src/message/message.ts';
import {
  bytes,
  expecting,
  keyOf,
  request,
  response,
  type Sender,
  sender,
  senderFromJwk,
  signatureOf,
  signBytes,
  strictly,
} from './support/message.ts';
import { readVector, vectorsPresent } from './support/vectors.ts';

const rsa = sender('RS256', 'k1');
const everySender: readonly Sender[] = (['RS256', 'PS256', 'ES256', 'Ed25519', 'EdDSA'] as const).map((alg) =>
  alg === 'RS256' ? rsa : sender(alg, 'k1'),
);

function headerText(value: string): string {
  return Buffer.from(value.slice(0, value.indexOf('.')), 'base64url').toString();
}

interface SignVectors {
  readonly header_with_kid: string;
  readonly header_without_kid: string;
  readonly vectors: readonly { id: string; body_b64: string; kid: string | null; x_jws_signature: string }[];
}

test.skipIf(!vectorsPresent)('the ocen form is that of the reference signer, byte for byte', async () => {
  const keys = readVector('ocen/keys.json') as { loan_agent: { private_jwk: Record<string, unknown> } };
  const vectors = readVector('ocen/sign_vectors.json') as SignVectors;
  expect(vectors.vectors).toHaveLength(16);
  for (const { body_b64, kid, x_jws_signature } of vectors.vectors) {
    const one = senderFromJwk(keys.loan_agent.private_jwk, kid ?? undefined);
    const body = Buffer.from(body_b64, 'base64');
    // Where there is no body the reference signer signs no bytes: that is a response here.
    const message = body.length > 0 ? request(body) : response();
    const value = await signMessage(message, { form: 'ocen', ...keyOf(one) });
    expect(value).toBe(x_jws_signature);
    expect(headerText(value)).toBe(kid === null ? vectors.header_without_kid : vectors.header_with_kid);
    expect(await verifyMessage(value, expecting(one, { message }))).toMatchObject({ form: 'ocen', binding: 'bytes' });
  }
});

test.skipIf(!vectorsPresent)(
  'a request without a body signs its target as on the wire, as the reference signer would',
  async () => {
    const keys = readVector('ocen/keys.json') as { loan_agent: { private_jwk: Record<string, unknown> } };
    const vectors = readVector('ocen/sign_vectors.json') as SignVectors;
    const vector = vectors.vectors.find(({ id }) => id === 'sign-uri-nokid');
    const requestTarget = Buffer.from(vector?.body_b64 ?? '', 'base64').toString();
    const message = request('', { method: 'GET', requestTarget });
    const one = senderFromJwk(keys.loan_agent.private_jwk);
    expect(await signMessage(message, { form: 'ocen', ...keyOf(one) })).toBe(vector?.x_jws_signature);
  },
);

test('the members of each form, in the order in which they are sent', async () => {
  const header = async (signing: Partial<MessageSigning>, message: Parameters<typeof signMessage>[0] = request()) =>
    headerText(await signMessage(message, { ...keyOf(rsa), ...signing } as MessageSigning));
  const noKid = { key: { alg: 'RS256' } } as const;
  expect(await header({ form: 'ocen' })).toBe('{"alg":"RS256","kid":"k1","b64":false}');
  expect(await header({ form: 'ocen', ...noKid })).toBe('{"alg":"RS256","kid":null,"b64":false}');
  expect(await header({ form: 'rfc7797' })).toBe('{"alg":"RS256","kid":"k1","b64":false,"crit":["b64"]}');
  expect(await header({ form: 'rfc7797', ...noKid })).toBe('{"alg":"RS256","b64":false,"crit":["b64"]}');
  expect(await header(strictly)).toBe(
    '{"alg":"RS256","kid":"k1","b64":false,"crit":["b64","htm","htu","aud","iat","jti"],' +
      '"htm":"POST","htu":"https://lender.test/v4/loans?page=2","aud":"lender-1","iat":1714903200,"jti":"nonce-1"}',
  );
  const req = createHash('sha256').update('a..b').digest('base64url');
  expect(await header(strictly, response('', { status: 404, requestSignature: 'a..b' }))).toBe(
    '{"alg":"RS256","kid":"k1","b64":false,"crit":["b64","sts","req","aud","iat"],' +
      `"sts":404,"req":"${req}","aud":"lender-1","iat":1714903200}`,
  );
});

const refusals: readonly [string, string, Partial<RequestMessage>, object][] = [
  ['PS256 in the ocen form', 'signing.alg', {}, { form: 'ocen', key: { alg: 'PS256' } }],
  ['ES256 in the ocen form', 'signing.alg', {}, { form: 'ocen', key: { alg: 'ES256' } }],
  ['an alg that does not exist', 'signing.alg', {}, { form: 'rfc7797', key: { alg: 'HS256' } }],
  ['an empty kid', 'signing.kid', {}, { form: 'rfc7797', key: { alg: 'RS256', kid: '' } }],
  ['a public key of another alg', 'signing.key', {}, { form: 'rfc7797', key: { alg: 'PS256', publicJwk: rsa.jwk } }],
  ['a base64url body in the ocen form', 'signing.body_ambiguous', { body: bytes('eyJhIjoxfQ') }, { form: 'ocen' }],
  ['a JSON number in the ocen form', 'signing.body_ambiguous', { body: bytes('42') }, { form: 'ocen' }],
  ['no body and no target', 'signing.request_target', { body: bytes(''), requestTarget: '' }, { form: 'ocen' }],
  ['no body and an authority', 'signing.request_target', { body: bytes(''), requestTarget: 'a:443' }, { form: 'ocen' }],
  [
    'no body, a target with a space',
    'signing.request_target',
    { body: bytes(''), requestTarget: '/a b' },
    { form: 'ocen' },
  ],
  ['a relative target', 'signing.target', { target: '/v4/loans' }, strictly],
  ['a body that spells the target', 'signing.body_is_target', { body: bytes('/v4/loans?page=2') }, strictly],
  ['a method with a space', 'signing.method', { method: 'PO ST' }, strictly],
  ['no method', 'signing.method', { method: '' }, strictly],
  ['no recipient', 'signing.recipient', {}, { ...strictly, recipient: '' }],
  ['milliseconds with a fraction', 'signing.iat', {}, { ...strictly, now: 1.5 }],
  ['a clock that is not a number', 'signing.iat', {}, { ...strictly, now: Number.NaN }],
  ['no nonce', 'signing.jti', {}, { ...strictly, jti: undefined }],
  ['an empty nonce', 'signing.jti', {}, { ...strictly, jti: '' }],
  ['a short signature', 'signing.signature_length', {}, { form: 'ocen', sign: { sign: () => new Uint8Array(64) } }],
];

test.each(refusals)('sign refuses %s', async (_, code, message, signing) => {
  const asked = { ...keyOf(rsa), ...signing } as MessageSigning;
  await expect(signMessage(request('{"a":1}', message), asked)).rejects.toMatchObject({ name: 'ProofError', code });
});

test('sign refuses a response that names no status or no request in the strict form', async () => {
  const signing = { ...keyOf(rsa), ...strictly };
  await expect(signMessage(response('', { status: 99 }), signing)).rejects.toMatchObject({ code: 'signing.status' });
  await expect(signMessage(response('', { requestSignature: '' }), signing)).rejects.toMatchObject({
    code: 'signing.request_signature',
  });
});

test('a DER signature of a port that forgot r||s is never sent', async () => {
  const ec = sender('ES256');
  const key = { alg: 'ES256' } as const;
  const sign = { sign: () => new Uint8Array(70) };
  await expect(signMessage(request(), { form: 'rfc7797', key, sign })).rejects.toMatchObject({
    code: 'signing.signature_length',
  });
  expect(await signMessage(request(), { form: 'rfc7797', key, sign: keyOf(ec).sign })).toContain('..');
});

test('what looks like base64url with one other character may be signed in the ocen form', async () => {
  for (const body of ['a.b', 'abc=', '"abc"', 'ab cd', 'é']) {
    expect(await signMessage(request(body), { form: 'ocen', ...keyOf(rsa) })).toContain('..');
  }
  expect(await signMessage(request('42'), { form: 'rfc7797', ...keyOf(rsa) })).toContain('..');
});

test('jose verifies what we sign in the rfc7797 form, and its own key decides', async () => {
  for (const one of everySender) {
    const value = await signMessage(request('{"é":1}\r\n'), { form: 'rfc7797', ...keyOf(one) });
    const [header = '', , signature = ''] = value.split('.');
    const jws = { protected: header, signature, payload: bytes('{"é":1}\r\n') };
    const key = await importJWK({ ...one.jwk }, one.alg);
    expect((await flattenedVerify(jws, key)).protectedHeader).toMatchObject({ b64: false, crit: ['b64'] });
    const tampered = { ...jws, payload: bytes('{"e":1}\r\n') };
    await expect(flattenedVerify(tampered, key)).rejects.toMatchObject({
      code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
    });
  }
});

test('we verify what jose signs in the rfc7797 form', async () => {
  for (const one of everySender) {
    const header = { alg: one.alg, kid: 'k1', b64: false, crit: ['b64'] };
    const { protected: encoded, signature } = await new FlattenedSign(bytes('{"a":1}'))
      .setProtectedHeader(header)
      .sign(one.privateKey);
    const verified = await verifyMessage(`${encoded}..${signature}`, expecting(one));
    expect(verified).toMatchObject({ form: 'rfc7797', binding: 'bytes', alg: one.alg, kid: 'k1' });
  }
});

test('jose does not verify the ocen form: it has no crit', async () => {
  const value = await signMessage(request(), { form: 'ocen', ...keyOf(rsa) });
  const [header = '', , signature = ''] = value.split('.');
  const jws = { protected: header, signature, payload: '{"a":1}' };
  await expect(flattenedVerify(jws, await importJWK({ ...rsa.jwk }, 'RS256'))).rejects.toThrow();
});

/** RFC 7797 §4: the key of RFC 7515 appendix A.1 over "$.02". */
test('RFC 7797 section 4: the signing input and its HMAC', () => {
  const k = 'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow';
  const hmac = (input: Uint8Array) =>
    createHmac('sha256', Buffer.from(k, 'base64url')).update(input).digest('base64url');
  const encoded = encodeTextBase64url('{"alg":"HS256"}');
  expect(hmac(signingInput(encoded, bytes(encodeTextBase64url('$.02'))))).toBe(
    '5mvfOroL-g7HyqJoozehmsaqmvTYGEq5jTI1gVvoEoQ',
  );
  const unencoded = encodeTextBase64url('{"alg":"HS256","b64":false,"crit":["b64"]}');
  expect(hmac(signingInput(unencoded, bytes('$.02')))).toBe('A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY');
});

interface Cookbook {
  readonly input: { readonly payload: string; readonly key: { readonly k: string } };
  readonly output: {
    readonly compact?: string;
    readonly json_flat: { readonly protected: string; readonly signature: string };
  };
}

test.skipIf(!vectorsPresent)('the cookbook on b64 false and on detached content: signing inputs', () => {
  const vectors = [
    ['jose/cookbook-rfc7797/4.2.hmac-sha2_b64_false.json', (payload: string) => payload],
    ['jose/cookbook-rfc7797/hmac-sha2_b64_false.json', (payload: string) => payload],
    ['jose/cookbook-jws/4_5.signature_with_detached_content.json', encodeTextBase64url],
  ] as const;
  for (const [path, encode] of vectors) {
    const { input, output } = readVector(path) as Cookbook;
    const { protected: header, signature } = output.json_flat;
    const data = signingInput(header, bytes(encode(input.payload)));
    const made = createHmac('sha256', Buffer.from(input.key.k, 'base64url')).update(data).digest('base64url');
    expect(made).toBe(signature);
  }
});

test('the signing input is the header, a dot and the raw bytes, whatever the size', () => {
  for (const length of [0, 1, 2048, 20_000, 70_000]) {
    const payload = new Uint8Array(length).fill(0xe9);
    const input = signingInput('abc', payload);
    expect(Buffer.from(input).equals(Buffer.concat([Buffer.from('abc.'), payload]))).toBe(true);
  }
  const [first, second] = [signingInput('abc', bytes('1')), signingInput('abc', bytes('2'))];
  expect([Buffer.from(first).toString(), Buffer.from(second).toString()]).toEqual(['abc.1', 'abc.2']);
});

test('an answer that comes later is waited for', async () => {
  const algs: AlgorithmName[] = ['RS256', 'ES256'];
  for (const one of everySender.filter(({ alg }) => algs.includes(alg))) {
    const sign = { sign: async (data: Uint8Array) => signBytes(one, data) };
    const value = await signMessage(request(), { form: 'rfc7797', key: keyOf(one).key, sign });
    expect(encodeBase64url(signatureOf(value))).toBe(value.split('.')[2]);
    expect((await verifyMessage(value, expecting(one))).form).toBe('rfc7797');
  }
});
