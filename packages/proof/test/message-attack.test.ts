import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import {
  encodeBase64url,
  encodeTextBase64url,
  type MessageExpectation,
  type MessageKey,
  messageStatus,
  parsePublicJwk,
  type RequestMessage,
  signMessage,
  verifyMessage,
} from '../src/index.ts';
import { messageTexts } from '../src/message/refusal.ts';
import {
  bytes,
  expecting,
  keyOf,
  now,
  rawValue,
  request,
  response,
  sender,
  signatureOf,
  signBytes,
  strictly,
} from './support/message.ts';

const rsa = sender('RS256', 'k1');
const stranger = sender('RS256', 'k1');
const pss = sender('PS256', 'p1');
const ec = sender('ES256', 'e1');
const ed = sender('Ed25519', 'd1');
const body = '{"a":1}';

const ocen = await signMessage(request(), { form: 'ocen', ...keyOf(rsa) });
const [ocenHeader = '', , ocenSignature = ''] = ocen.split('.');
const strict = await signMessage(request(), { ...strictly, ...keyOf(rsa) });
const strictResponse = await signMessage(response(body), { ...strictly, ...keyOf(rsa) });
const rfc7797 = await signMessage(request(), { form: 'rfc7797', ...keyOf(rsa) });

/** A signature of the right key over the right body under any header. */
const under = (header: string) => rawValue(rsa, header, body);
const strictHeader = (changes: object, crit = ['b64', 'htm', 'htu', 'aud', 'iat', 'jti']) => {
  const htu = 'https://lender.test/v4/loans?page=2';
  const claims = { htm: 'POST', htu, aud: 'lender-1', iat: now, jti: 'n' };
  return under(JSON.stringify({ alg: 'RS256', b64: false, crit, ...claims, ...changes }));
};
const compact = (header: string, payload: string) => {
  const input = `${encodeTextBase64url(header)}.${encodeTextBase64url(payload)}`;
  return `${input}.${encodeBase64url(signBytes(rsa, input))}`;
};

const emptyRequestResponse = under(
  JSON.stringify({
    alg: 'RS256',
    b64: false,
    crit: ['b64', 'sts', 'req', 'aud', 'iat'],
    sts: 200,
    req: createHash('sha256').digest('base64url'),
    aud: 'lender-1',
    iat: now,
  }),
);

type Changes = Partial<MessageExpectation>;
const message = (changes: Partial<RequestMessage>): Changes => ({ message: request(body, changes) });
const keys = (...all: MessageKey[]): Changes => ({ keys: all });

const attacks: readonly [string, unknown, string, Changes?][] = [
  ['no value', undefined, 'signature_missing'],
  ['null', null, 'signature_missing'],
  ['an empty value', '', 'signature_missing'],
  ['a list of values', [ocen], 'malformed'],
  ['no dot', 'abc', 'malformed'],
  ['one dot', `${ocenHeader}.${ocenSignature}`, 'malformed'],
  ['three dots', `${ocen}.`, 'malformed'],
  ['three dots with the signature twice', `${ocen}.${ocenSignature}`, 'malformed'],
  ['17,000 characters', `${ocen}${'A'.repeat(17_000)}`, 'too_large'],
  ['an embedded payload, the reference bypass', compact('{"alg":"RS256"}', '{"anything":1}'), 'payload_embedded'],
  ['an embedded copy of the body', compact('{"alg":"RS256","b64":false}', body), 'payload_embedded'],
  ['the body raw between the dots', `${ocenHeader}.x.${ocenSignature}`, 'payload_embedded'],
  ['an access token of the sender', compact('{"alg":"RS256","typ":"JWT"}', '{"sub":"x"}'), 'payload_embedded'],
  ['the reference bypass over an empty payload', rawValue(rsa, '{"alg":"RS256"}', ''), 'b64_absent'],
  ['an empty payload with b64', rawValue(rsa, '{"alg":"RS256","b64":false}', ''), 'signature'],
  ['no signature', `${ocenHeader}..`, 'signature_empty'],
  ['nothing but dots', '..', 'signature_empty'],
  ['a padded signature', `${ocen}==`, 'signature_base64url'],
  ['a space at the end', `${ocen} `, 'signature_base64url'],
  ['a line end at the end', `${ocen}\n`, 'signature_base64url'],
  ['a character beyond ASCII in the signature', `${ocen.slice(0, -1)}é`, 'signature_base64url'],
  ['plain base64 in the signature', `${ocenHeader}..+${ocenSignature.slice(1)}`, 'signature_base64url'],
  ['stray bits at the end of the signature', `${ocen.slice(0, -1)}${next(ocen)}`, 'signature_base64url'],
  ['a length that no bytes have', `${ocenHeader}..AAAAA`, 'signature_base64url'],
  ['a space at the start', ` ${ocen}`, 'header_base64url'],
  ['a padded header', `${ocenHeader}=..${ocenSignature}`, 'header_base64url'],
  ['quotes', `"${ocen}`, 'header_base64url'],
  ['an empty header', `..${ocenSignature}`, 'header_syntax'],
  ['a header that is no JSON', under('{alg:RS256}'), 'header_syntax'],
  ['a header that is an array', under('["RS256"]'), 'header_not_object'],
  ['a header that is null', under('null'), 'header_not_object'],
  ['a header with a byte order mark', under('\ufeff{"alg":"RS256","b64":false}'), 'header_bom'],
  ['a header that is not UTF-8', `_w..${ocenSignature}`, 'header_encoding'],
  ['alg twice', under('{"alg":"RS256","alg":"RS256","b64":false}'), 'header_duplicate_member'],
  ['b64 twice, once escaped', under('{"alg":"RS256","b64":false,"b\\u00364":false}'), 'header_duplicate_member'],
  ['a deep header', under('{"alg":"RS256","b64":false,"x":[[[[1]]]]}'), 'header_depth'],
  ['a lone surrogate', under('{"alg":"RS256","b64":false,"kid":"\\ud800"}'), 'header_lone_surrogate'],
  ['a key of its own', under(JSON.stringify({ alg: 'RS256', b64: false, jwk: rsa.jwk })), 'jwk'],
  ['a key URL', under('{"alg":"RS256","b64":false,"jku":"https://evil.test"}'), 'jku'],
  ['a certificate URL', under('{"alg":"RS256","b64":false,"x5u":"https://evil.test"}'), 'x5u'],
  ['a certificate', under('{"alg":"RS256","b64":false,"x5c":["MII"]}'), 'x5c'],
  ['b64 absent', under('{"alg":"RS256","kid":"k1"}'), 'b64_absent'],
  ['b64 true', under('{"alg":"RS256","b64":true}'), 'b64_true'],
  ['b64 true and critical', under('{"alg":"RS256","b64":true,"crit":["b64"]}'), 'b64_true'],
  ['b64 as text', under('{"alg":"RS256","b64":"false"}'), 'b64_invalid'],
  ['b64 null', under('{"alg":"RS256","b64":null}'), 'b64_invalid'],
  ['b64 zero', under('{"alg":"RS256","b64":0}'), 'b64_invalid'],
  ['crit empty', under('{"alg":"RS256","b64":false,"crit":[]}'), 'crit_empty'],
  ['crit null', under('{"alg":"RS256","b64":false,"crit":null}'), 'crit_invalid'],
  ['crit as text', under('{"alg":"RS256","b64":false,"crit":"b64"}'), 'crit_invalid'],
  ['crit with a number', under('{"alg":"RS256","b64":false,"crit":["b64",1]}'), 'crit_invalid'],
  ['crit with b64 twice', under('{"alg":"RS256","b64":false,"crit":["b64","b64"]}'), 'crit_repeated'],
  ['crit with exp', under('{"alg":"RS256","b64":false,"exp":1,"crit":["b64","exp"]}'), 'crit_unknown'],
  ['crit with alg', under('{"alg":"RS256","b64":false,"crit":["b64","alg"]}'), 'crit_unknown'],
  ['crit with __proto__', under('{"alg":"RS256","b64":false,"crit":["b64","__proto__"]}'), 'crit_unknown'],
  ['crit with an absent member', under('{"alg":"RS256","b64":false,"crit":["b64","htm"]}'), 'crit_absent'],
  ['crit without b64', under('{"alg":"RS256","b64":false,"htm":"POST","crit":["htm"]}'), 'crit_without_b64'],
  [
    'crit with a part of the strict form',
    under('{"alg":"RS256","b64":false,"htm":"POST","crit":["b64","htm"]}'),
    'crit_incomplete',
  ],
  ['the signature of a response on a request', strictResponse, 'kind'],
  ['the signature of a request on a response', strict, 'kind', { message: response(body) }],
  ['alg absent', under('{"b64":false}'), 'alg_missing'],
  ['alg as a list', under('{"alg":["RS256"],"b64":false}'), 'alg_missing'],
  ['alg none', under('{"alg":"none","b64":false}'), 'alg_none'],
  ['alg NoNe', under('{"alg":"NoNe","b64":false}'), 'alg_none'],
  ['alg HS256', under('{"alg":"HS256","b64":false}'), 'alg_symmetric'],
  ['alg HS512 and crit', under('{"alg":"HS512","b64":false,"crit":["b64"]}'), 'alg_symmetric'],
  ['alg rs256', under('{"alg":"rs256","b64":false}'), 'alg_unknown'],
  ['alg RSA256, as in the diagram', under('{"alg":"RSA256","b64":false}'), 'alg_unknown'],
  ['alg RS512', under('{"alg":"RS512","b64":false}'), 'alg_unknown'],
  ['alg constructor', under('{"alg":"constructor","b64":false}'), 'alg_unknown'],
  ['PS256 in the ocen form', rawValue(pss, '{"alg":"PS256","b64":false}', body), 'alg_form', keys({ jwk: pss.jwk })],
  ['ES256 in the ocen form', rawValue(ec, '{"alg":"ES256","b64":false}', body), 'alg_form', keys({ jwk: ec.jwk })],
  [
    'PS256 with a key for RS256',
    rawValue(rsa, '{"alg":"PS256","b64":false,"crit":["b64"]}', body, 'PS256'),
    'alg_mismatch',
  ],
  [
    'RS256 with a key for PS256',
    rawValue(pss, '{"alg":"RS256","b64":false}', body, 'RS256'),
    'alg_mismatch',
    keys({ jwk: pss.jwk }),
  ],
  [
    'the kid of a key for another alg',
    rawValue(rsa, '{"alg":"RS256","kid":"p1","b64":false}', body),
    'alg_mismatch',
    keys({ jwk: rsa.jwk }, { jwk: pss.jwk }),
  ],
  ['an empty kid', under('{"alg":"RS256","kid":"","b64":false}'), 'kid_invalid'],
  ['a kid that is a number', under('{"alg":"RS256","kid":1,"b64":false}'), 'kid_invalid'],
  ['a kid of 300 characters', under(`{"alg":"RS256","kid":"${'k'.repeat(300)}","b64":false}`), 'kid_invalid'],
  ['kid null in the rfc7797 form', under('{"alg":"RS256","kid":null,"b64":false,"crit":["b64"]}'), 'kid_invalid'],
  ['an unknown kid in the strict form', strictHeader({ kid: 'k2' }), 'kid_unknown'],
  ['no keys', ocen, 'key_missing', { keys: [] }],
  ['a short RSA signature', `${ocenHeader}..${encodeBase64url(signatureOf(ocen).subarray(1))}`, 'signature_length'],
  [
    'an RSA signature with a zero before it',
    `${ocenHeader}..${encodeBase64url(Uint8Array.of(0, ...signatureOf(ocen)))}`,
    'signature_length',
  ],
  [
    'an ECDSA signature in DER',
    `${encodeTextBase64url('{"alg":"ES256","b64":false,"crit":["b64"]}')}..${encodeBase64url(new Uint8Array(70))}`,
    'signature_length',
    keys({ jwk: ec.jwk }),
  ],
  [
    'an ECDSA signature of zeros',
    `${encodeTextBase64url('{"alg":"ES256","b64":false,"crit":["b64"]}')}..${encodeBase64url(new Uint8Array(64))}`,
    'signature',
    keys({ jwk: ec.jwk }),
  ],
  [
    'an Ed25519 signature of zeros',
    `${encodeTextBase64url('{"alg":"Ed25519","b64":false,"crit":["b64"]}')}..${encodeBase64url(new Uint8Array(64))}`,
    'signature',
    keys({ jwk: ed.jwk }),
  ],
  ['another body', ocen, 'signature', { message: request('{"a":2}') }],
  ['a body with a line end more', ocen, 'signature', { message: request(`${body}\n`) }],
  ['no body', ocen, 'signature', { message: request('') }],
  ['the key of another participant', ocen, 'signature', keys({ jwk: stranger.jwk })],
  ['the header of another form over the same bytes', `${rfc7797.split('.')[0]}..${ocenSignature}`, 'signature'],
  [
    'the signature of a path on another path',
    await signMessage(request(''), { form: 'ocen', ...keyOf(rsa) }),
    'signature',
    { message: request('', { requestTarget: '/v4/other' }) },
  ],
  ['a retired key', ocen, 'key_retired', keys({ jwk: rsa.jwk, notAfter: now })],
  [
    'a key that was retired and comes back never',
    ocen,
    'key_retired',
    keys({ jwk: stranger.jwk }, { jwk: rsa.jwk, notBefore: 0, notAfter: now - 1 }),
  ],
  ['a key that is not yet valid', ocen, 'key_not_yet_valid', keys({ jwk: rsa.jwk, notBefore: now + 1 })],
  ['no valid key', ocen, 'key_missing', keys({ jwk: stranger.jwk, notAfter: now })],
  ['a key for strict in the ocen form', ocen, 'key_form', keys({ jwk: rsa.jwk, form: 'strict' })],
  ['a key for strict in the rfc7797 form', rfc7797, 'key_form', keys({ jwk: rsa.jwk, form: 'strict' })],
  ['the ocen form where rfc7797 is accepted', ocen, 'form', { forms: ['rfc7797', 'strict'] }],
  ['the rfc7797 form where strict is accepted', rfc7797, 'form', { forms: ['strict'] }],
  ['the strict form where it is not accepted', strict, 'form', { forms: ['ocen', 'rfc7797'] }],
  ['any form where none is accepted', strict, 'form', { forms: [] }],
  ['no body and no request target', ocen, 'request_target', { message: request('', { requestTarget: '' }) }],
  ['no body and base64url as the target', ocen, 'request_target', { message: request('', { requestTarget: 'abc' }) }],
  ['strict at another method', strict, 'htm', message({ method: 'PUT' })],
  ['strict with the method in other letters', strict, 'htm', message({ method: 'post' })],
  ['strict with a method that is a list', strictHeader({ htm: ['POST'] }), 'htm'],
  ['strict at another path', strict, 'htu', message({ target: 'https://lender.test/v4/other?page=2' })],
  ['strict with another query', strict, 'htu', message({ target: 'https://lender.test/v4/loans?page=3' })],
  ['strict at another host', strict, 'htu', message({ target: 'https://other.test/v4/loans?page=2' })],
  ['strict at another port', strict, 'htu', message({ target: 'https://lender.test:8443/v4/loans?page=2' })],
  ['strict over http', strict, 'htu', message({ target: 'http://lender.test/v4/loans?page=2' })],
  ['strict with a relative htu', strictHeader({ htu: '/v4/loans?page=2' }), 'htu'],
  ['strict with a number as htu', strictHeader({ htu: 1 }), 'htu'],
  ['strict with dot segments in htu', strictHeader({ htu: 'https://lender.test/x/../v4/loans?page=2' }), 'htu'],
  [
    'strict at a target with dot segments',
    strict,
    'target',
    message({ target: 'https://lender.test/x/../v4/loans?page=2' }),
  ],
  [
    'strict at a target with user information',
    strict,
    'target',
    message({ target: 'https://a@lender.test/v4/loans?page=2' }),
  ],
  ['strict to another recipient', strict, 'aud', { recipient: 'lender-2' }],
  ['strict where we have no name', strict, 'aud', { recipient: undefined }],
  ['strict to a list of recipients', strictHeader({ aud: ['lender-1'] }), 'aud'],
  ['strict to null where we have no name', strictHeader({ aud: null }), 'aud', { recipient: undefined }],
  ['strict with a time as text', strictHeader({ iat: `${now}` }), 'iat'],
  ['strict with a fraction of a second', strictHeader({ iat: now + 0.5 }), 'iat'],
  ['strict before the epoch', strictHeader({ iat: -1 }), 'iat'],
  ['strict with milliseconds', strictHeader({ iat: now * 1000 }), 'in_future'],
  ['strict 331 s old', strict, 'stale', { now: now + 331 }],
  ['strict older than we allow', strict, 'stale', { now: now + 11, maxAge: 10, clockTolerance: 0 }],
  ['strict 31 s ahead', strict, 'in_future', { now: now - 31 }],
  ['strict with a clock that is not a number', strict, 'stale', { now: Number.NaN }],
  ['strict without a nonce', strictHeader({ jti: '' }), 'jti'],
  ['strict with a nonce of 300 characters', strictHeader({ jti: 'n'.repeat(300) }), 'jti'],
  ['strict with a nonce that is a number', strictHeader({ jti: 1 }), 'jti'],
  ['strict with another status', strictResponse, 'sts', { message: response(body, { status: 500 }) }],
  [
    'strict on the answer to another request',
    strictResponse,
    'req',
    { message: response(body, { requestSignature: ocen }) },
  ],
  ['strict on the answer to nothing', strictResponse, 'req', { message: response(body, { requestSignature: '' }) }],
  ['strict to nobody where we have no name', strictHeader({ aud: '' }), 'aud', { recipient: '' }],
  [
    'strict on the answer to an empty signature',
    emptyRequestResponse,
    'req',
    { message: response(body, { requestSignature: '' }) },
  ],
  [
    'no body and a request target of 8,193 characters',
    ocen,
    'request_target',
    { message: request('', { requestTarget: `/${'x'.repeat(8192)}` }) },
  ],
  [
    'a strict empty body passed off as one that spells the target',
    await signMessage(request(''), { ...strictly, ...keyOf(rsa) }),
    'body_is_target',
    { message: request('/v4/loans?page=2') },
  ],
];

/** The last digit of a 2048-bit signature carries four bits of nothing. */
function next(value: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return alphabet[alphabet.indexOf(value.at(-1) ?? '') + 1] as string;
}

test('there are enough attacks, and each refusal of the table is provoked', () => {
  expect(attacks.length).toBeGreaterThan(100);
  expect(new Set(attacks.map(([name]) => name)).size).toBe(attacks.length);
  const provoked = new Set(attacks.map(([, , code]) => `message.${code}`));
  expect(Object.keys(messageTexts).filter((code) => !provoked.has(code))).toEqual(['message.signature_repeated']);
});

test.each(attacks)('refused: %s', async (_, value, code, changes = {}) => {
  const expected = expecting(rsa, changes);
  const text = expect.stringMatching(/^(?!.*undefined)\w+ .+\.$/);
  const refusal = { name: 'ProofError', code: `message.${code}`, message: text };
  await expect(verifyMessage(value, expected)).rejects.toMatchObject(refusal);
  expect(messageStatus(refusal.code)).toBe(code === 'signature_missing' ? 400 : 401);
});

test('the attacks fail for their reason alone: the values they start from verify', async () => {
  for (const [value, changes] of [
    [ocen],
    [rfc7797],
    [strict],
    [strictResponse, { message: response(body) }],
  ] as const) {
    expect((await verifyMessage(value, expecting(rsa, changes))).alg).toBe('RS256');
  }
  expect((await verifyMessage(strictHeader({}), expecting(rsa))).form).toBe('strict');
  expect((await verifyMessage(under('{"alg":"RS256","b64":false,"x":[[[1]]]}'), expecting(rsa))).form).toBe('ocen');
});

test('no text of a refusal repeats what was presented', async () => {
  const marker = 'MARKER1234';
  for (const header of [`{"alg":"${marker}","b64":false}`, `{"alg":"RS256","b64":false,"crit":["${marker}"]}`]) {
    const refusal = await verifyMessage(under(header), expecting(rsa)).catch((error: Error) => error);
    expect(JSON.stringify([refusal, (refusal as Error).message])).not.toContain(marker);
  }
});

test('a key that is unfit for signatures never becomes a key', () => {
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' });
  const priv = createPrivateKey(rsa.privateKey.export({ format: 'pem', type: 'pkcs8' })).export({ format: 'jwk' });
  const good = createPublicKey(rsa.privateKey).export({ format: 'jwk' });
  expect(parsePublicJwk(weak)).toMatchObject({ ok: false, reason: 'too_weak' });
  expect(parsePublicJwk(priv)).toMatchObject({ ok: false, reason: 'private' });
  expect(parsePublicJwk({ ...good, use: 'enc' })).toMatchObject({ ok: false, reason: 'not_for_signatures' });
  expect(parsePublicJwk({ ...good, alg: 'RS512' })).toMatchObject({ ok: false, reason: 'unsupported' });
});

test('a body is not read as text: one byte that is no UTF-8 changes everything', async () => {
  const value = await signMessage(request(Uint8Array.of(0x61, 0xff)), { form: 'ocen', ...keyOf(rsa) });
  expect((await verifyMessage(value, expecting(rsa, { message: request(Uint8Array.of(0x61, 0xff)) }))).form).toBe(
    'ocen',
  );
  for (const other of [Uint8Array.of(0x61, 0xfe), bytes('a\ufffd')]) {
    await expect(verifyMessage(value, expecting(rsa, { message: request(other) }))).rejects.toMatchObject({
      code: 'message.signature',
    });
  }
});
