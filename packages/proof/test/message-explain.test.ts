import { constants, createHash, sign as nodeSign, privateEncrypt } from 'node:crypto';
import { expect, test } from 'vitest';
import {
  type AlgorithmName,
  encodeBase64url,
  encodeTextBase64url,
  explainSignature,
  type Fault,
  type MessageExpectation,
  type RequestMessage,
  signMessage,
  verifyMessage,
} from '../src/index.ts';
import { pointerAt } from '../src/message/json-place.ts';
import { signedDigest } from '../src/message/rsa-digest.ts';
import {
  bytes,
  expecting,
  keyOf,
  now,
  rawValue,
  request,
  response,
  type Sender,
  sender,
  signatureOf,
  signBytes,
  strictly,
} from './support/message.ts';

const rsa = sender('RS256', 'k1');
const pss = sender('PS256', 'k1');
const ec = sender('ES256', 'k1');
const ed = sender('Ed25519', 'k1');
const stranger = sender('RS256', 'k1');

const ocen = '{"alg":"RS256","kid":"k1","b64":false}';
const crit = (alg: string) => `{"alg":"${alg}","kid":"k1","b64":false,"crit":["b64"]}`;
const head = (header = ocen) => encodeTextBase64url(header);
const target = '/v4/loans/a%20b?page=2';

/** A sender that signs `signed` and sends `sent`. */
type Wrong = readonly [name: string, fault: Fault, sent: string | Uint8Array, signed: string | Uint8Array];

const document = '{"name":"A","b":[1,2.50,{"é":"x/y <&> ☃"}],"a":null,"n":100}';
const value = JSON.parse(document) as Record<string, unknown>;

const bodies: readonly Wrong[] = [
  ['signs compact JSON', 'json_compact', JSON.stringify(value, null, 2), JSON.stringify(value)],
  ['signs JSON indented by two', 'json_indented', JSON.stringify(value), JSON.stringify(value, null, 2)],
  ['signs JSON indented by four', 'json_indented', JSON.stringify(value), JSON.stringify(value, null, 4)],
  ['signs JSON indented by tabs', 'json_indented', JSON.stringify(value), JSON.stringify(value, null, '\t')],
  ['signs JSON as Python prints it', 'json_spaced', '{"b":[1,2],"a":"x, y"}', '{"b": [1, 2], "a": "x, y"}'],
  [
    'signs sorted members',
    'json_sorted',
    '{"b":{"d":1,"c":2},"a":[{"z":1,"y":2}]}',
    '{"a":[{"y":2,"z":1}],"b":{"c":2,"d":1}}',
  ],
  ['signs a line end more', 'newline_added', document, `${document}\n`],
  ['signs CRLF more', 'newline_added', document, `${document}\r\n`],
  ['sends a line end more', 'newline_removed', `plain\n`, 'plain'],
  ['sends CRLF more', 'newline_removed', `plain\r\n`, 'plain'],
  ['sends spaces around', 'whitespace_trimmed', '  plain  ', 'plain'],
  ['signs a byte order mark', 'bom_added', document, `\ufeff${document}`],
  ['sends a byte order mark', 'bom_removed', `\ufeff${document}`, document],
  ['signs LF and sends CRLF', 'lines_lf', '{\r\n"a":1.0}', '{\n"a":1.0}'],
  ['signs CRLF and sends LF', 'lines_crlf', '{\n"a":1.0}', '{\r\n"a":1.0}'],
  ['signs escapes', 'unicode_escaped', '{"a":"é☃💳"}', '{"a":"\\u00e9\\u2603\\ud83d\\udcb3"}'],
  ['signs escapes in capitals', 'unicode_escaped', '{"a":"é"}', '{"a":"\\u00E9"}'],
  ['sends escapes', 'unicode_unescaped', '{"a": "\\u00e9\\ud83d\\udcb3"}', '{"a": "é💳"}'],
  ['signs escapes of HTML', 'html_escaped', '{"a":"<b>&"}', '{"a":"\\u003cb\\u003e\\u0026"}'],
  ['sends escapes of HTML', 'html_unescaped', '{"a": "\\u003cb\\u003e\\u0026"}', '{"a": "<b>&"}'],
  ['signs escaped slashes', 'slash_escaped', '{"a":"x/y"}', '{"a":"x\\/y"}'],
  ['sends escaped slashes', 'slash_unescaped', '{"a": "x\\/y"}', '{"a": "x/y"}'],
  ['signs 1 and sends 1.0', 'number_shortened', '{ "a":1.0,"b":"1.0","c":1e2}', '{ "a":1,"b":"1.0","c":100}'],
  ['signs 1.0 and sends 1', 'number_decimal', '{"a":1,"b":"1","c":2.5}', '{"a":1.0,"b":"1","c":2.5}'],
  ['signs 1.00 and sends 1', 'number_decimal', '{"a":1}', '{"a":1.00}'],
  ['signs 1E2 and sends 1e2', 'number_exponent', '{"a":1e2}', '{"a":1E2}'],
  ['signs 1e+2 and sends 1e2', 'number_exponent', '{"a":1e2}', '{"a":1e+2}'],
  ['signs 1e+2 and sends 100', 'number_exponent', '{"a":100}', '{"a":1e+2}'],
  ['signs without nulls', 'nulls_dropped', '{"a":null,"b":{"c":null,"d":1}}', '{"b":{"d":1}}'],
  ['signs JSON in a string', 'json_in_string', '{"a":1}', '"{\\"a\\":1}"'],
  ['sends JSON in a string', 'json_out_of_string', '"{\\"a\\":1}"', '{"a":1}'],
  ['signs ISO-8859-1', 'charset_latin1', '{"a":"é"}', Buffer.from('{"a":"é"}', 'latin1')],
  ['sends ISO-8859-1', 'charset_utf8', Buffer.from('{"a":"é"}', 'latin1'), '{"a":"é"}'],
  ['signs UTF-8 twice', 'charset_utf8', '{"a":"é"}', '{"a":"Ã©"}'],
  ['signs UTF-16', 'charset_utf16', document, Buffer.from(document, 'utf16le')],
  ['signs question marks', 'charset_ascii', '{"a":"é☃"}', '{"a":"??"}'],
  ['signs NFD', 'unicode_normalised', '{"a":"é"}', '{"a":"e\u0301"}'],
  ['signs percent-encoded', 'url_encoded', '{"a":"b c"}', encodeURIComponent('{"a":"b c"}')],
  ['sends percent-encoded', 'url_decoded', 'a%3D1%26b', 'a=1&b'],
  ['signs the payload in base64', 'payload_base64', `${document}\n`, Buffer.from(`${document}\n`).toString('base64')],
  ['signs the payload in base64url', 'payload_base64url', document, encodeTextBase64url(document)],
  ['signs a digest in hexadecimal', 'payload_digest', document, createHash('sha256').update(document).digest('hex')],
  ['signs a digest in base64', 'payload_digest', document, createHash('sha256').update(document).digest('base64')],
  ['signs a digest', 'payload_digest', document, createHash('sha256').update(document).digest()],
  ['signs nothing of the body', 'body_not_signed', document, ''],
  ['signs the path and not the body', 'target_not_body', document, target],
];

const at: Partial<RequestMessage> = { method: 'GET', target: `https://lender.test${target}`, requestTarget: target };
const targets: readonly Wrong[] = [
  ['signs the absolute URI', 'target_absolute', '', `https://lender.test${target}`],
  ['signs the path without its query', 'target_without_query', '', '/v4/loans/a%20b'],
  ['signs the path without its version', 'target_without_prefix', '', '/loans/a%20b?page=2'],
  ['signs the path without its slash', 'target_without_slash', '', target.slice(1)],
  ['signs the path with a slash more', 'target_with_slash', '', '/v4/loans/a%20b/?page=2'],
  ['signs the method too', 'target_with_method', '', `GET ${target}`],
  ['signs the path decoded', 'target_decoded', '', '/v4/loans/a b?page=2'],
  ['signs {} for no body', 'empty_as_object', '', '{}'],
  ['signs null for no body', 'empty_as_null', '', 'null'],
  ['signs "" for no body', 'empty_as_string', '', '""'],
  ['signs nothing for no body', 'empty_as_nothing', '', ''],
];

const signers: readonly (readonly [Sender, string])[] = [
  [rsa, ocen],
  [pss, crit('PS256')],
  [ec, crit('ES256')],
  [ed, crit('Ed25519')],
];

test.each([...bodies, ...targets])('a sender that %s', async (_, fault, sent, signed) => {
  for (const [one, header] of signers) {
    const expected = expecting(one, { message: request(sent, at) });
    const presented = rawValue(one, header, signed);
    await expect(verifyMessage(presented, expected)).rejects.toMatchObject({ code: 'message.signature' });
    const explained = await explainSignature(presented, expected);
    expect(explained).toMatchObject({ fault, code: 'message.signature' });
    expect(explained.checks).toBeLessThanOrEqual(60);
  }
});

test('an empty response is no request without a target', async () => {
  for (const [fault, signed] of [
    ['empty_as_object', '{}'],
    ['empty_as_null', 'null'],
  ] as const) {
    const explained = await explainSignature(rawValue(rsa, ocen, signed), expecting(rsa, { message: response() }));
    expect(explained.fault).toBe(fault);
  }
});

const body = '{"a":1}';
const good = rawValue(rsa, ocen, body);
const signature = good.slice(good.lastIndexOf('.') + 1);
const over = (input: string | Uint8Array, header = ocen, one: Sender = rsa, as?: AlgorithmName) =>
  `${head(header)}..${encodeBase64url(signBytes(one, input, as))}`;
const hashed = (hash: string, header = ocen) =>
  `${head(header)}..${encodeBase64url(nodeSign(hash, Buffer.from(`${head(header)}.${body}`), rsa.privateKey))}`;
const compact = (header: string, payload: string) => {
  const input = `${head(header)}.${encodeTextBase64url(payload)}`;
  return `${input}.${encodeBase64url(signBytes(rsa, input))}`;
};
const ecSignature = signatureOf(rawValue(ec, crit('ES256'), body));
const der = nodeSign('sha256', Buffer.from(`${head(crit('ES256'))}.${body}`), ec.privateKey);
const withChars = plainBase64();

/** A signature whose base64 shows that it is not base64url. */
function plainBase64(): string {
  for (let i = 0; ; i++) {
    const header = `{"alg":"RS256","b64":false,"i":${i}}`;
    const made = Buffer.from(signatureOf(rawValue(rsa, header, body))).toString('base64');
    if (/[+/]/.test(made)) return `${head(header)}..${made}`;
  }
}

type Changes = Partial<MessageExpectation>;
const strictClaims = { htm: 'POST', htu: 'https://lender.test/v4/loans?page=2', aud: 'lender-1', iat: now, jti: 'n' };
const strict = (changes: object) => {
  const names = ['b64', 'htm', 'htu', 'aud', 'iat', 'jti'];
  return rawValue(rsa, JSON.stringify({ alg: 'RS256', b64: false, crit: names, ...strictClaims, ...changes }), body);
};
const strictResponse = (changes: object) => {
  const req = createHash('sha256').update('h..s').digest('base64url');
  const claims = { sts: 200, req, aud: 'lender-1', iat: now };
  const names = ['b64', ...Object.keys(claims)];
  return rawValue(rsa, JSON.stringify({ alg: 'RS256', b64: false, crit: names, ...claims, ...changes }), body);
};
const answer: Changes = { message: response(body, { requestSignature: 'h..s' }) };

const values: readonly [string, Fault, unknown, Changes?][] = [
  ['does it right', 'none', good],
  ['puts a space before', 'value_whitespace', ` ${good}`],
  ['puts a line end after', 'value_whitespace', `${good}\n`],
  ['puts quotes around', 'value_quoted', `"${good}"`],
  ['leaves out a dot', 'one_dot', `${head()}.${signature}`],
  ['leaves out a dot and encodes', 'one_dot', compact('{"alg":"RS256"}', body).replace(/\.[^.]*\./, '.')],
  ['pads the header', 'header_spelling', rawPaddedHeader()],
  ['pads the signature', 'signature_padded', `${good}==`],
  ['writes plain base64', 'signature_base64', withChars],
  ['writes hexadecimal', 'signature_hex', `${head()}..${Buffer.from(signatureOf(good)).toString('hex')}`],
  ['sends DER', 'signature_der', `${head(crit('ES256'))}..${encodeBase64url(der)}`, { keys: [{ jwk: ec.jwk }] }],
  ['embeds the body', 'payload_embedded', compact('{"alg":"RS256"}', body)],
  ['embeds something else', 'payload_embedded_other', compact('{"alg":"RS256"}', '{"b":2}')],
  ['follows appendix F', 'appendix_f', compact('{"alg":"RS256"}', body).replace(/\.[^.]*\./, '..')],
  ['says b64 true and encodes', 'b64_true', compact('{"alg":"RS256","b64":true}', body).replace(/\.[^.]*\./, '..')],
  ['says b64 true and does not', 'b64_true', rawValue(rsa, '{"alg":"RS256","b64":true}', body)],
  ['does not say b64', 'b64_missing', rawValue(rsa, '{"alg":"RS256"}', body)],
  ['does not say crit', 'crit_missing', good, { forms: ['rfc7797', 'strict'] }],
  ['is not strict', 'form_too_weak', rawValue(rsa, crit('RS256'), body), { forms: ['strict'] }],
  ['is not strict with a strict key', 'form_too_weak', good, { keys: [{ jwk: rsa.jwk, form: 'strict' }] }],
  ['writes RSA256', 'alg_misspelled', rawValue(rsa, '{"alg":"RSA256","b64":false}', body)],
  ['writes rs256', 'alg_misspelled', rawValue(rsa, '{"alg":"rs256","b64":false}', body)],
  ['uses an alg that is not registered', 'alg_not_registered', rawValue(rsa, crit('PS256'), body, 'PS256')],
  [
    'uses PS256 in the ocen form',
    'alg_not_of_form',
    rawValue(pss, '{"alg":"PS256","b64":false}', body),
    { keys: [{ jwk: pss.jwk }] },
  ],
  ['says RS256 and signs PS256', 'alg_other', rawValue(rsa, ocen, body, 'PS256')],
  [
    'says PS256 and signs RS256',
    'alg_other',
    rawValue(pss, crit('PS256'), body, 'RS256'),
    { keys: [{ jwk: pss.jwk }] },
  ],
  [
    'names a key that is not there',
    'kid_unknown',
    rawValue(rsa, strictText({ kid: 'k9' }), body),
    { keys: [{ jwk: stranger.jwk }] },
  ],
  ['uses the previous key', 'key_previous', good, { keys: [{ jwk: stranger.jwk }, { jwk: rsa.jwk, notAfter: 1 }] }],
  ['uses the next key', 'key_next', good, { keys: [{ jwk: stranger.jwk }, { jwk: rsa.jwk, notBefore: now + 1 }] }],
  ["uses a stranger's key", 'key_other', good, { keys: [{ jwk: stranger.jwk }] }],
  ['signs with SHA-512', 'hash_sha512', hashed('sha512')],
  ['says RS512 and signs so', 'hash_sha512', hashed('sha512', '{"alg":"RS512","b64":false}')],
  ['signs with SHA-384', 'hash_sha384', hashed('sha384')],
  ['signs with SHA-1', 'hash_sha1', hashed('sha1')],
  ['signs something else altogether', 'bytes_other', rawValue(rsa, ocen, 'something else')],
  [
    'signs something else with ECDSA',
    'unknown',
    rawValue(ec, crit('ES256'), 'something else'),
    { keys: [{ jwk: ec.jwk }] },
  ],
  ['leaves out the dot of the input', 'dot_missing', over(`${head()}${body}`)],
  ['leaves out the header of the input', 'header_missing', over(body)],
  ['turns the input round', 'order_reversed', over(`${body}.${head()}`)],
  ['signs the header as JSON', 'header_not_encoded', over(`${ocen}.${body}`)],
  [
    'signs another spelling of the header',
    'header_reserialised',
    over(`${head(ocen)}.${body}`, JSON.stringify(JSON.parse(ocen), null, 1)),
  ],
  ['sends no signature', 'stated', ''],
  ['sends anything', 'stated', 'anything'],
  ['sends crit empty over something else', 'stated', rawValue(rsa, '{"alg":"RS256","b64":false,"crit":[]}', 'x y')],
  ['sends crit empty', 'stated', rawValue(rsa, '{"alg":"RS256","b64":false,"crit":[]}', body)],
  ['writes the method in small letters', 'method_case', strict({ htm: 'post' })],
  ['names another method', 'method_other', strict({ htm: 'GET' })],
  ['names a path as htu', 'htu_relative', strict({ htu: '/v4/loans?page=2' })],
  ['leaves out the query of htu', 'htu_without_query', strict({ htu: 'https://lender.test/v4/loans' })],
  ['names http', 'htu_scheme', strict({ htu: 'http://lender.test/v4/loans?page=2' })],
  ['names another host', 'htu_host', strict({ htu: 'https://internal:8443/v4/loans?page=2' })],
  ['names a slash more', 'htu_slash', strict({ htu: 'https://lender.test/v4/loans/?page=2' })],
  ['escapes htu', 'htu_escapes', strict({ htu: 'https://lender.test/v4/lo%61ns?page=2' })],
  ['names another path', 'htu_other', strict({ htu: 'https://lender.test/v4/x?page=2' })],
  ['names a list', 'recipient_list', strict({ aud: ['lender-1'] })],
  ['names another recipient', 'recipient_other', strict({ aud: 'lender-2' })],
  ['writes the time as text', 'time_text', strict({ iat: `${now}` })],
  ['writes a fraction of a second', 'time_fraction', strict({ iat: now + 0.25 })],
  ['writes milliseconds', 'time_milliseconds', strict({ iat: now * 1000 })],
  ['has a clock that is ahead', 'clock_ahead', strict({ iat: now + 100 })],
  ['has a clock that is behind', 'clock_behind', strict({ iat: now - 1000 })],
  ['writes the status as text', 'status_text', strictResponse({ sts: '200' }), answer],
  ['names another status', 'status_other', strictResponse({ sts: 201 }), answer],
  ['names another request', 'request_other', strictResponse({ req: 'x' }), answer],
];

function rawPaddedHeader(): string {
  const encoded = `${encodeTextBase64url('{"alg":"RS256","b64":false }')}==`;
  return `${encoded}..${encodeBase64url(signBytes(rsa, `${encoded}.${body}`))}`;
}

function strictText(changes: object): string {
  const names = ['b64', 'htm', 'htu', 'aud', 'iat', 'jti'];
  return JSON.stringify({ alg: 'RS256', b64: false, crit: names, ...strictClaims, ...changes });
}

test.each(values)('a sender that %s', async (_, fault, presented, changes = {}) => {
  const known: Changes = fault === 'kid_unknown' ? { keys: [{ jwk: rsa.jwk }] } : changes;
  const expected = expecting(rsa, known);
  const explained = await explainSignature(presented, expected);
  expect(explained.fault).toBe(fault);
  expect(explained.text).not.toBe('');
  if (fault === 'none') expect(explained.code).toBeUndefined();
  else await expect(verifyMessage(presented, expected)).rejects.toMatchObject({ code: explained.code });
});

test('every fault has a name of its own in the table of senders, and many are known', () => {
  const named = new Set([...bodies, ...targets].map(([, fault]) => fault).concat(values.map(([, fault]) => fault)));
  expect(named.size).toBeGreaterThan(80);
});

test('an explanation repeats nothing of what was presented', async () => {
  const presented = rawValue(rsa, '{"alg":"RS256","kid":"SECRETKID","b64":false}', 'SECRET other');
  const explained = await explainSignature(presented, expecting(rsa, { message: request('SECRET body') }), {
    senderSigningInput: bytes('SECRET'),
  });
  const text = JSON.stringify(explained);
  expect(text).not.toContain('SECRET');
  expect(text).not.toContain(rsa.jwk.kty === 'RSA' ? rsa.jwk.n : '');
  expect(text).not.toContain(presented.slice(-20));
});

test('the work is bounded: eight keys, sixty checks, 256 KiB', async () => {
  let checks = 0;
  const keys = Array.from({ length: 12 }, (_, i) => ({ jwk: sender('ES256', `e${i}`).jwk }));
  const { crypto } = expecting(ec);
  const counted = { ...crypto, verify: () => checks++ < 0 };
  const presented = rawValue(ec, crit('ES256'), 'other');
  const expected = expecting(ec, { keys, crypto: counted, message: request(document) });
  const explained = await explainSignature(presented, expected);
  expect(explained).toMatchObject({ fault: 'unknown', checks: 60 });
  // verifyMessage itself has tried eight.
  expect(checks).toBe(68);
  const large = expecting(rsa, { message: request(new Uint8Array(262_145)) });
  expect(await explainSignature(good, large)).toMatchObject({ fault: 'too_large', checks: 0 });
});

test('many keys leave enough checks for the one that signed', async () => {
  for (const [alg, header] of [
    ['RS256', '{"alg":"RS256","b64":false}'],
    ['ES256', '{"alg":"ES256","kid":"s7","b64":false,"crit":["b64"]}'],
  ] as const) {
    const all = Array.from({ length: 8 }, (_, i) => sender(alg, `s${i}`));
    const presented = rawValue(all[7] ?? rsa, header, '{"a":null,"b":"é/"}'.replace('"a":null,', ''));
    const expected = expecting(rsa, { keys: all.map(({ jwk }) => ({ jwk })), message: request('{"a":null,"b":"é/"}') });
    expect((await explainSignature(presented, expected)).fault).toBe('nulls_dropped');
  }
});

test('hostile bodies end in an explanation', async () => {
  const quotes = `"${'\\"'.repeat(60_000)}`;
  for (const hostile of [
    '['.repeat(200_000),
    `{"a":${'9'.repeat(100_000)}}`,
    quotes,
    `${quotes}"`,
    '\\u'.repeat(50_000),
    '%'.repeat(9999),
  ]) {
    const explained = await explainSignature(good, expecting(rsa, { message: request(hostile) }));
    expect(explained.fault).toBe('bytes_other');
  }
});

test('the signing input of the sender shows where the two part ways', async () => {
  const sent = '{"a":{"b":[1,{"c/d":"é2"}]}}';
  const signed = '{"a":{"b":[1,{"c/d":"é3"}]}}';
  const presented = rawValue(rsa, ocen, signed);
  const senderSigningInput = bytes(`${head()}.${signed}`);
  const expected = expecting(rsa, { message: request(sent) });
  const payloadOffset = bytes('{"a":{"b":[1,{"c/d":"é').length;
  expect(await explainSignature(presented, expected, { senderSigningInput })).toMatchObject({
    fault: 'signing_input_differs',
    difference: { part: 'payload', offset: head().length + 1 + payloadOffset, payloadOffset, pointer: '/a/b/1/c~1d' },
  });
  const elsewhere = bytes(`${head('{"alg":"RS256"}')}.${sent}`);
  const other = await explainSignature(presented, expected, { senderSigningInput: elsewhere });
  expect(other).toMatchObject({ fault: 'signing_input_not_signed', difference: { part: 'header' } });
  expect(other.difference?.pointer).toBeUndefined();
  const same = await explainSignature(presented, expected, { senderSigningInput: bytes(`${head()}.${sent}`) });
  expect(same).toMatchObject({ fault: 'signing_input_not_signed', difference: undefined });
});

test('only whole padding tells the hash of a signature', () => {
  const prefix = Buffer.from('3031300d060960864801650304020105000420', 'hex');
  const block = (padding: Uint8Array) => Buffer.concat([padding, prefix, Buffer.alloc(32)]);
  const filled = Buffer.concat([Buffer.of(0, 1), Buffer.alloc(256 - 54, 0xff), Buffer.of(0)]);
  const signed = (padding: Uint8Array) =>
    privateEncrypt({ key: rsa.privateKey, padding: constants.RSA_NO_PADDING }, block(padding));
  expect(signedDigest(rsa.jwk, signed(filled))).toBe('sha256');
  for (const at of [1, 2, 100, filled.length - 1]) {
    expect(signedDigest(rsa.jwk, signed(filled.with(at, 0x7f)))).toBeUndefined();
  }
  expect(signedDigest(ec.jwk, new Uint8Array(64))).toBeUndefined();
});

const places: readonly [string, string, string][] = [
  ['{"a":1}', '{"a":', '/a'],
  ['{"a":1}', '{', '/a'],
  ['{ "a":1}', '{', ''],
  ['{"a":1}', '{"', '/a'],
  ['{"a":1,"b":2}', '{"a":1,', '/b'],
  ['{"a":1, "b":2}', '{"a":1,', ''],
  ['{"a":1,"b":2}', '{"a":1,"b":', '/b'],
  ['[1,[2,3],{"x":4}]', '[1,[2,', '/1/1'],
  ['[1,[2,3],{"x":4}]', '[1,[2,3],{"x":', '/2/x'],
  ['{"a":{"b":1},"c":2}', '{"a":{"b":1},"c":', '/c'],
  ['{"a~/\\"":1}', '{"a~/\\"":', '/a~0~1"'],
  ['{"a":"b,{["}', '{"a":"b,{', '/a'],
  ['{"a":1} ', '{"a":1}', ''],
  ['"x"', '"', ''],
];

test.each(places)('in %s, after %s, is %j', (json, before, pointer) => {
  expect(pointerAt(bytes(json), bytes(before).length)).toBe(pointer);
});

test('what signMessage makes needs no explanation', async () => {
  for (const [one] of signers) {
    const signing = { ...keyOf(one), ...strictly };
    const presented = await signMessage(request(), signing);
    expect((await explainSignature(presented, expecting(one))).fault).toBe('none');
    expect((await explainSignature(presented, expecting(one, { message: request('{"a": 1}') }))).fault).toBe(
      'json_compact',
    );
  }
  expect(ecSignature).toHaveLength(64);
});
