import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, ask, askSigned, createApplicant } from './support/applicant.ts';
import { eachDatabase } from './support/databases.ts';
import {
  base64,
  ocen,
  rfc7797,
  sender,
  signature,
  signed,
  strict,
  strictAnswer,
  strictTarget,
} from './support/message.ts';
import { entryOf, keysPath, member, rotate, secretOf, tokenOf } from './support/rotation.ts';
import { obtainToken, type TestServer, testServer } from './support/server.ts';

const rsa = sender('RS256', 'agent-rsa');
const pss = sender('PS256', 'agent-pss');
const ec = sender('ES256', 'agent-ec');
const ed = sender('Ed25519', 'agent-ed');
const gone = sender('ES256', 'agent-gone');
const coming = sender('ES256', 'agent-coming');
const lender = sender('ES256', 'lender-ec');
const stranger = sender('RS256', 'agent-rsa');

const document = '{"name":"Aé","amount":100,"list":[1,2.50],"none":null}';
const now = () => Math.floor(Date.now() / 1000);
const outcome = ({ status, body }: Answer) => (status < 300 ? status : `${status} ${body.code}`);

function network() {
  const agentKeys = [
    ...[rsa, pss, ec, ed].map(({ jwk }) => jwk),
    { ...gone.jwk, nbf: 1_600_000_000, exp: 1_700_000_000 },
    { ...coming.jwk, nbf: now() + 3_600 },
  ];
  const entry = (id: string, keys: readonly object[], more: object = {}) => ({
    ...entryOf({ id, organisation: `org-${id}`, keys: [] }),
    keys,
    ...more,
  });
  const participants = [
    entry('agent', agentKeys),
    entry('lender', [lender.jwk]),
    entry('asleep', [sender('ES256', 'asleep').jwk], { status: 'SUSPENDED' }),
  ];
  return {
    realms: [
      { name: 'dev', profile: 'ocen4', participants },
      { name: 'bank', profile: 'strict', participants: [entry('agent', [ec.jwk]), entry('lender', [lender.jwk])] },
    ],
  };
}

let server: TestServer;
let tokens: Record<'agent' | 'lender', string>;
beforeAll(async () => {
  server = await testServer({ network: network() });
  tokens = { agent: await tokenOf(server, 'agent'), lender: await tokenOf(server, 'lender') };
});
afterAll(() => server.close());

const path = '/realms/dev/signatures/verify';
const check = (body: object, by: keyof typeof tokens = 'lender') => ask(server, path, { token: tokens[by], body });
const ofAgent = (value: string, payload: Uint8Array | string = document, more: object = {}) => ({
  signature: value,
  payload: base64(payload),
  participantId: 'agent',
  ...more,
});

describe('a good signature', () => {
  test.each([
    ['ocen', 'bytes', rsa, ocen(rsa)],
    ['rfc7797', 'bytes', rsa, rfc7797(rsa)],
    ['rfc7797', 'bytes', pss, rfc7797(pss)],
    ['rfc7797', 'bytes', ec, rfc7797(ec)],
    ['rfc7797', 'bytes', ed, rfc7797(ed)],
    ['strict', 'message', ec, strict(ec, 'lender')],
  ] as const)('in the form %s, bound to %s', async (form, binding, one, header) => {
    const answer = await check(
      ofAgent(signed(one, header, document), document, { method: 'POST', target: strictTarget }),
    );
    expect(answer.body).toEqual({ valid: true, binding, form, kid: one.jwk.kid, alg: one.alg });
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  test('is reported with a hint where the key id is not that of the key', async () => {
    for (const [kid, hint] of [
      ['other', 'kid_unknown'],
      ['agent-gone', 'kid_mismatch'],
      [undefined, 'kid_absent'],
    ]) {
      const { body } = await check(ofAgent(signed(ec, { ...rfc7797(ec), kid }, document)));
      expect(body).toMatchObject({ valid: true, kid: 'agent-ec', hint });
    }
  });

  test('of a request without a body is over its target, of a response without a body over nothing', async () => {
    const target = '/v4/loans/a%20b?page=2';
    const value = signed(ec, rfc7797(ec), target);
    expect((await check(ofAgent(value, '', { method: 'GET', target }))).body.valid).toBe(true);
    expect(
      (await check(ofAgent(value, '', { method: 'GET', target: `https://lender.example${target}` }))).body.valid,
    ).toBe(true);
    expect((await check(ofAgent(value, '', { status: 204 }))).body).toMatchObject({
      valid: false,
      reason: 'message.signature',
    });
    expect((await check(ofAgent(signed(ec, rfc7797(ec), ''), '', { status: 204 }))).body.valid).toBe(true);
  });

  test('where nothing is said of the message, is over no bytes, and the answer says so', async () => {
    const nothing = { payload: '' };
    const of = async (signedBytes: string) =>
      (await check(ofAgent(signed(ec, rfc7797(ec), signedBytes), document, nothing))).body;
    expect(await of('')).toMatchObject({ valid: true, binding: 'bytes', covers: 'nothing' });
    expect(await of('/v4/loans')).toMatchObject({ valid: false, covers: 'nothing', reason: 'message.signature' });
    const strictly = await check(ofAgent(signed(ec, strict(ec, 'lender'), ''), document, nothing));
    expect(strictly.body).toMatchObject({ valid: false, covers: 'nothing' });
    const whole = await check(ofAgent(signed(ec, rfc7797(ec), document)));
    expect(whole.body.covers).toBeUndefined();
  });

  test('of one that the caller sent itself, to whom it names', async () => {
    const value = signed(ec, strict(ec, 'lender'), document);
    const request = { method: 'POST', target: strictTarget };
    expect((await check(ofAgent(value, document, { ...request, audience: 'lender' }), 'agent')).body.valid).toBe(true);
    for (const more of [{}, { audience: 'agent' }]) {
      const { body } = await check(ofAgent(value, document, { ...request, ...more }), 'agent');
      expect(body).toMatchObject({ valid: false, reason: 'message.aud' });
    }
  });

  test('of a strict response', async () => {
    const request = signed(lender, strict(lender, 'agent'), '{}');
    const value = signed(ec, strictAnswer(ec, 'lender', 201, request), document);
    const told = { status: 201, requestSignature: request };
    expect((await check(ofAgent(value, document, told))).body).toMatchObject({ valid: true, binding: 'message' });
    for (const [change, reason] of [
      [{ ...told, status: 200 }, 'message.sts'],
      [{ ...told, requestSignature: `${request}x` }, 'message.req'],
      [{ status: 201 }, 'message.req'],
      [{ method: 'POST', target: strictTarget }, 'message.kind'],
    ] as const) {
      expect((await check(ofAgent(value, document, change))).body).toMatchObject({ valid: false, reason });
    }
  });

  test('with a key that the caller brings it matches, and is never called valid', async () => {
    const value = signed(ec, rfc7797(ec), document);
    const { alg: _, ...unnamed } = ec.jwk;
    const good = await check({ signature: value, payload: base64(document), publicKey: unnamed });
    expect(good.body).toEqual({ matches: true, binding: 'bytes', form: 'rfc7797', kid: 'agent-ec', alg: 'ES256' });
    const bad = await check({ signature: value, payload: base64(`${document} `), publicKey: unnamed });
    expect(bad.body).toMatchObject({ matches: false, reason: 'message.signature' });
    expect(bad.body).not.toHaveProperty('valid');
    // A key that was retired long ago is a key like any other here: nothing is said about whose it is.
    const old = await check({
      signature: signed(gone, rfc7797(gone), document),
      payload: base64(document),
      publicKey: gone.jwk,
    });
    expect(old.body).toMatchObject({ matches: true });
  });

  test('of 700 KiB; one byte more is refused', async () => {
    const bytes = Buffer.alloc(700 * 1024, 'x ');
    expect((await check(ofAgent(signed(ec, rfc7797(ec), bytes), bytes))).body.valid).toBe(true);
    const more = Buffer.alloc(bytes.length + 1, 'x ');
    const answer = await check(ofAgent(signed(ec, rfc7797(ec), more), more));
    expect([outcome(answer), answer.body.pointer]).toEqual(['400 request.invalid', '/payload']);
  });
});

describe('time', () => {
  test('a key that has been retired is not revived by the time at which it was valid', async () => {
    const value = signed(gone, rfc7797(gone), document);
    for (const at of [1_650_000_000, '2022-04-15T05:20:00Z', '2022-04-15T10:50:00+05:30', undefined]) {
      const { body } = await check(ofAgent(value, document, at === undefined ? {} : { at }));
      expect(body).toMatchObject({
        valid: false,
        reason: 'message.key_retired',
        explanation: { fault: 'key_previous' },
      });
      expect(body.signingTime).toBe(at === undefined ? undefined : 'unproven');
    }
  });

  test('a key counts from its beginning, now and at the time that is asked for', async () => {
    const early = await check(ofAgent(signed(coming, rfc7797(coming), document)));
    expect(early.body).toMatchObject({
      valid: false,
      reason: 'message.key_not_yet_valid',
      explanation: { fault: 'key_next' },
    });
    const value = signed(ec, rfc7797(ec), document);
    // The keys of the file are valid since it was applied.
    const before = await check(ofAgent(value, document, { at: now() - 86_400 }));
    expect(before.body).toMatchObject({ valid: false, reason: 'message.key_not_yet_valid', signingTime: 'unproven' });
    const present = await check(ofAgent(value, document, { at: now() }));
    expect(present.body).toMatchObject({ valid: true, signingTime: 'unproven' });
  });

  test('a strict message is stale now, and its time may be claimed but is not proven', async () => {
    const own = await testServer({ network: network() });
    try {
      await own.context.store.db.updateTable('participant_key').set({ not_before: 0 }).execute();
      const iat = now() - 7_200;
      const body = ofAgent(signed(ec, strict(ec, 'lender', { iat }), document), document, {
        method: 'POST',
        target: strictTarget,
      });
      const by = { token: await tokenOf(own, 'lender') };
      expect((await ask(own, path, { ...by, body })).body).toMatchObject({ valid: false, reason: 'message.stale' });
      const then = await ask(own, path, { ...by, body: { ...body, at: iat + 1 } });
      expect(then.body).toMatchObject({ valid: true, signingTime: 'unproven' });
    } finally {
      await own.close();
    }
  });
});

describe('a sender that does one thing wrong is told which', () => {
  const head = (header: object) => Buffer.from(JSON.stringify(header)).toString('base64url');
  const raw = (input: string) => signature(ec, Buffer.from(input), 'ES256').toString('base64url');
  const over = (payload: Uint8Array | string) => signed(ec, rfc7797(ec), payload);
  const good = over(document);
  const pretty = JSON.stringify(JSON.parse(document), null, 2);
  const request = { method: 'POST', target: strictTarget };
  const strictly = (change: object) =>
    [signed(ec, strict(ec, 'lender', { ...change }), document), document, request] as const;

  type Row = readonly [name: string, fault: string, value: string, payload?: Uint8Array | string, more?: object];
  const rows: readonly Row[] = [
    ['signs indented JSON', 'json_indented', over(pretty), JSON.stringify(JSON.parse(document))],
    ['signs compact JSON', 'json_compact', over(JSON.stringify(JSON.parse(document))), pretty],
    ['signs a line end more', 'newline_added', over(`${document}\n`)],
    ['sends a line end more', 'newline_removed', over('plain'), 'plain\n'],
    ['signs a byte order mark', 'bom_added', over(`\ufeff${document}`)],
    ['signs LF and sends CRLF', 'lines_lf', over('{\n"a":1.0}'), '{\r\n"a":1.0}'],
    ['signs escapes', 'unicode_escaped', over('{"a":"\\u00e9"}'), '{"a":"é"}'],
    ['signs ISO-8859-1', 'charset_latin1', over(Buffer.from('{"a":"é"}', 'latin1')), '{"a":"é"}'],
    ['signs UTF-16', 'charset_utf16', over(Buffer.from(document, 'utf16le'))],
    ['signs sorted members', 'json_sorted', over('{"a":1,"b":2}'), '{"b":2,"a":1}'],
    ['signs the payload in base64', 'payload_base64', over(base64(document))],
    ['signs the payload in base64url', 'payload_base64url', over(Buffer.from(document).toString('base64url'))],
    ['signs a digest', 'payload_digest', over(createHash('sha256').update(document).digest('hex'))],
    ['signs nothing of the body', 'body_not_signed', over('')],
    ['signs the path and not the body', 'target_not_body', over('/v4/loans?page=2'), document, request],
    ['signs the absolute URI', 'target_absolute', over(strictTarget), '', { method: 'GET', target: strictTarget }],
    ['signs {} for no body', 'empty_as_object', over('{}'), '', { method: 'GET', target: '/v4/loans' }],
    ['signs the method too', 'target_with_method', over('GET /v4/loans'), '', { method: 'GET', target: '/v4/loans' }],
    ['pads the signature', 'signature_padded', `${good}==`],
    [
      'writes the signature in hexadecimal',
      'signature_hex',
      `${head(rfc7797(ec))}..${signature(ec, Buffer.from(`${head(rfc7797(ec))}.${document}`), 'ES256').toString('hex')}`,
    ],
    ['quotes the value', 'value_quoted', `"${good}"`],
    [
      'writes one dot',
      'one_dot',
      (() => {
        const header = head(rfc7797(ec));
        return `${header}.${raw(`${header}.${Buffer.from(document).toString('base64url')}`)}`;
      })(),
    ],
    [
      'embeds the payload',
      'payload_embedded',
      (() => {
        const input = `${head(rfc7797(ec))}.${Buffer.from(document).toString('base64url')}`;
        return `${input}.${raw(input)}`;
      })(),
    ],
    ['says nothing of b64', 'b64_missing', signed(ec, { alg: 'ES256', kid: 'agent-ec' }, document)],
    ['says b64 true', 'b64_true', signed(ec, { alg: 'ES256', kid: 'agent-ec', b64: true, crit: ['b64'] }, document)],
    ['signs with a key that is not registered', 'key_other', signed(stranger, rfc7797(stranger), document)],
    ['signs with a retired key', 'key_previous', signed(gone, rfc7797(gone), document)],
    ['signs with a key before its time', 'key_next', signed(coming, rfc7797(coming), document)],
    ['misspells the algorithm', 'alg_misspelled', signed(ec, { ...rfc7797(ec), alg: 'es256' }, document)],
    ['signs another method', 'method_case', ...strictly({ htm: 'post' })],
    ['signs another path', 'htu_slash', ...strictly({ htu: 'https://lender.example/v4/loans/?page=2' })],
    ['signs the path alone', 'htu_relative', ...strictly({ htu: '/v4/loans?page=2' })],
    ['signs another host', 'htu_host', ...strictly({ htu: 'https://other.example/v4/loans?page=2' })],
    ['signs for another recipient', 'recipient_other', ...strictly({ aud: 'somebody' })],
    ['signs for a list', 'recipient_list', ...strictly({ aud: ['lender'] })],
    ['has a clock that is ahead', 'clock_ahead', ...strictly({ iat: now() + 600 })],
    ['has a clock that is behind', 'clock_behind', ...strictly({ iat: now() - 6_000 })],
    ['writes milliseconds', 'time_milliseconds', ...strictly({ iat: Date.now() })],
    ['writes the time as text', 'time_text', ...strictly({ iat: String(now()) })],
  ];

  let asked = 0;
  test.each(rows.map((row) => [`${row[0]}: ${row[1]}`, row] as const))(
    '%s',
    async (_name, [, fault, value, payload, more]) => {
      // Diagnoses are counted per caller, and both parties may ask.
      const by = asked++ % 2 === 0 || Object.keys(more ?? {}).length > 0 ? 'lender' : 'agent';
      const answer = await check(ofAgent(value, payload, more ?? {}), by);
      expect(answer.status).toBe(200);
      expect(answer.body).toMatchObject({ valid: false, explanation: { fault } });
      expect(answer.body.reason).toMatch(/^message\./);
      expect(answer.body.explanation.text.length).toBeGreaterThan(10);
    },
  );

  test('and where its signing input parts from ours', async () => {
    const theirs = '{"name":"Aé","amount":101}';
    const header = head(rfc7797(ec));
    const { body } = await check(
      ofAgent(over(theirs), '{"name":"Aé","amount":100}', { signingInput: base64(`${header}.${theirs}`) }),
    );
    expect(body.explanation).toMatchObject({
      fault: 'signing_input_differs',
      difference: { part: 'payload', pointer: '/amount' },
    });
    // Whose key it was is not said by showing it.
    expect(JSON.stringify(body)).not.toContain(ec.jwk.x);
  });

  test('only if it wants to know', async () => {
    const { body } = await check(ofAgent(over('x'), document, { explain: false }));
    expect(body).toEqual({ valid: false, reason: 'message.signature', kid: 'agent-ec', alg: 'ES256' });
  });
});

describe('what is not asked well', () => {
  const value = signed(ec, rfc7797(ec), document);
  const body = ofAgent(value);
  const bad = (change: object, remove: string[] = []) =>
    Object.fromEntries(Object.entries({ ...body, ...change }).filter(([name]) => !remove.includes(name)));
  const rows: readonly (readonly [string, unknown, string, string?])[] = [
    ['no signature', bad({}, ['signature']), '400 request.invalid', '/signature'],
    ['a signature that is no text', bad({ signature: 1 }), '400 request.invalid', '/signature'],
    ['two signatures', bad({ signature: [value, value] }), '400 request.invalid', '/signature'],
    ['a huge signature', bad({ signature: 'x'.repeat(65_537) }), '400 request.invalid', '/signature'],
    ['no payload', bad({}, ['payload']), '400 request.invalid', '/payload'],
    ['base64url', bad({ payload: '-_-_' }), '400 request.invalid', '/payload'],
    ['base64 without padding', bad({ payload: 'YQ' }), '400 request.invalid', '/payload'],
    ['base64 with whitespace', bad({ payload: 'YQ==\n' }), '400 request.invalid', '/payload'],
    ['base64 with stray bits', bad({ payload: 'YR==' }), '400 request.invalid', '/payload'],
    ['base64 with a NUL', bad({ payload: 'YQ=\u0000' }), '400 request.invalid', '/payload'],
    ['nobody', bad({}, ['participantId']), '400 request.invalid', '/participantId'],
    ['a participant and a key', bad({ publicKey: ec.jwk }), '400 request.invalid', '/participantId'],
    ['a participant of control characters', bad({ participantId: 'a\u0000' }), '400 request.invalid', '/participantId'],
    [
      'a private key',
      bad({ publicKey: { ...ec.jwk, d: 'AAAA' } }, ['participantId']),
      '400 registry.key',
      '/publicKey/d',
    ],
    [
      'a key that is too short',
      bad({ publicKey: { kty: 'RSA', n: 'AQAB', e: 'AQAB' } }, ['participantId']),
      '400 registry.key',
      '/publicKey/n',
    ],
    [
      'a shared secret',
      bad({ publicKey: { kty: 'oct', k: 'AAAA' } }, ['participantId']),
      '400 registry.key',
      '/publicKey/k',
    ],
    [
      'a key by reference',
      bad({ publicKey: 'https://keys.example' }, ['participantId']),
      '400 request.invalid',
      '/publicKey',
    ],
    ['a request that is a response', bad({ method: 'POST', status: 200 }), '400 request.invalid', '/method'],
    ['a target that is a response', bad({ target: '/', status: 200 }), '400 request.invalid', '/method'],
    ['a response without a status', bad({ requestSignature: value }), '400 request.invalid', '/status'],
    ['a status of no response', bad({ status: 99 }), '400 request.invalid', '/status'],
    ['a status as text', bad({ status: '200' }), '400 request.invalid', '/status'],
    [
      'a message of another for a third',
      bad({ audience: 'third', participantId: 'lender' }),
      '400 request.invalid',
      '/audience',
    ],
    ['a time to come', bad({ at: now() + 600 }), '400 request.invalid', '/at'],
    ['a time in words', bad({ at: 'yesterday' }), '400 request.invalid', '/at'],
    ['a time beyond all', bad({ at: 1e300 }), '400 request.invalid', '/at'],
    ['a time before all', bad({ at: -1 }), '400 request.invalid', '/at'],
    ['a signing input that is no base64', bad({ signingInput: '%' }), '400 request.invalid', '/signingInput'],
    ['a word for a boolean', bad({ explain: 'no' }), '400 request.invalid', '/explain'],
    ['a wish of its own', bad({ forms: ['ocen'] }), '400 request.invalid', ''],
    ['a clock of its own', bad({ now: 0 }), '400 request.invalid', ''],
    ['a list', [body], '400 request.invalid', ''],
    ['null', null, '400 request.invalid', ''],
  ];
  test.each(rows)('%s: refused', async (_name, asked, expected, pointer) => {
    const answer = await ask(server, path, { token: tokens.agent, body: asked });
    expect([outcome(answer), answer.body.pointer]).toEqual([expected, pointer]);
    expect(answer.text()).not.toMatch(/eyJ|AAAA/);
  });

  test('bodies that are no JSON, or too much', async () => {
    const token = tokens.agent;
    const asked = async (rawBody: string, headers = {}) =>
      outcome(await ask(server, path, { token, rawBody, headers }));
    expect(await asked('{"payload":"","payload":""}')).toBe('400 request.duplicate_member');
    expect(await asked('{')).toBe('400 request.invalid');
    expect(await asked('['.repeat(1_000))).toBe('400 request.invalid');
    expect(await asked('{}', { 'content-type': 'text/plain' })).toBe('415 request.media_type');
    expect(await asked(`{"payload":"${'A'.repeat(1_048_576)}"}`)).toBe('413 request.too_large');
    expect(outcome(await ask(server, path, { token }))).toBe('405 request.method');
  });
});

describe('signatures that prove nothing are never called valid', () => {
  const good = signed(ec, rfc7797(ec), document);
  const [head = '', , tail = ''] = good.split('.');
  const rows: readonly (readonly [string, string])[] = [
    ['nothing', ''],
    ['two dots', '..'],
    ['no signature', `${head}..`],
    ['no header', `..${tail}`],
    ['none', signed(ec, { alg: 'none', b64: false, crit: ['b64'] }, document)],
    ['a shared secret', signed(ec, { alg: 'HS256', b64: false, crit: ['b64'] }, document)],
    ['a key of its own', signed(stranger, { ...rfc7797(stranger), jwk: stranger.jwk }, document)],
    ['a key elsewhere', signed(stranger, { ...rfc7797(stranger), jku: 'https://keys.example' }, document)],
    ['an unknown crit', signed(ec, { ...rfc7797(ec), crit: ['b64', 'x'], x: 1 }, document)],
    ['an empty crit', signed(ec, { ...rfc7797(ec), crit: [] }, document)],
    ['b64 said twice', signed(ec, '{"alg":"ES256","b64":true,"b64":false,"crit":["b64"]}', document)],
    ['a signature of zeros', `${head}..${'A'.repeat(86)}`],
    ['whitespace within', `${head}..${tail.slice(0, 40)} ${tail.slice(40)}`],
    ['two values', `${good},${good}`],
    ['another body', signed(ec, rfc7797(ec), `${document} `)],
    ['the key of the lender', signed(lender, rfc7797(lender), document)],
    [
      'the key of the lender under the name of the agent',
      signed(lender, { ...rfc7797(lender), kid: 'agent-ec' }, document),
    ],
    ['an RSA-PSS signature as RS256', signed(pss, { ...rfc7797(pss), alg: 'RS256' }, document, 'PS256')],
    ['ocen with a curve', signed(ec, { alg: 'ES256', kid: 'agent-ec', b64: false }, document)],
  ];
  test.each(rows)('%s', async (_name, value) => {
    for (const more of [{}, { at: now() }, { at: 1_650_000_000 }]) {
      const { status, body } = await check(ofAgent(value, document, { ...more, explain: false }));
      expect([status, body.valid]).toEqual([200, false]);
      expect(body.reason).toMatch(/^message\./);
    }
  });

  test('nor are those of participants that are unknown, suspended, or somebody else', async () => {
    for (const participantId of ['nobody', 'asleep', 'lender']) {
      const { body } = await check({ ...ofAgent(good), participantId, explain: false });
      expect(body.valid).toBe(false);
    }
    const [unknown, asleep] = await Promise.all(
      ['nobody', 'asleep'].map(async (participantId) => (await check({ ...ofAgent(good), participantId })).body),
    );
    expect(unknown).toEqual(asleep);
  });

  test('a form that the realm does not accept', async () => {
    const token = await tokenOf(server, 'lender', 'bank');
    const asked = async (value: string) =>
      (
        await ask(server, '/realms/bank/signatures/verify', {
          token,
          body: ofAgent(value, document, { method: 'POST', target: strictTarget }),
        })
      ).body;
    expect(await asked(good)).toMatchObject({
      valid: false,
      reason: 'message.form',
      explanation: { fault: 'form_too_weak' },
    });
    expect(await asked(signed(ec, strict(ec, 'lender'), document))).toMatchObject({ valid: true, form: 'strict' });
  });
});

describe('who may ask', () => {
  const body = ofAgent(signed(ec, rfc7797(ec), document));
  test('participants of the realm, and nobody else', async () => {
    const asked = async (token: string | undefined, where = path) =>
      outcome(await ask(server, where, { body, ...(token === undefined ? {} : { token }) }));
    expect(await asked(undefined)).toBe('401 token.missing');
    expect(await asked('x.y.z')).toBe('401 token.invalid');
    expect(await asked(await tokenOf(server, 'lender', 'bank'))).toBe('403 token.other_realm');
    expect(await asked(await server.adminToken())).toBe('403 token.other_realm');
    expect(await asked(tokens.lender, '/realms/nowhere/signatures/verify')).toBe('404 realm.unknown');
    const made = await ask(server, '/realms/dev/admin/clients', {
      token: await server.adminToken(),
      body: { id: 'robot', name: 'Robot' },
    });
    expect(made.status).toBe(201);
    const robot = await obtainToken(server.issuer(), 'robot', made.body.clientSecret);
    expect(await asked(robot)).toBe('403 token.insufficient_scope');
  });

  test('keys that are brought along are counted for each caller, before they are looked at', async () => {
    const own = await testServer({ network: network(), clock: { now: Date.now, elapsed: () => 0 } });
    try {
      const [agent, other] = [await tokenOf(own, 'agent'), await tokenOf(own, 'lender')];
      const { participantId: _, ...rest } = body;
      const brought = { ...rest, publicKey: { kty: 'RSA', n: 'AQAB', e: 'AQAB' } };
      const asked = async (token: string, what: object) => outcome(await ask(own, path, { token, body: what }));
      for (let count = 0; count < 60; count++) expect(await asked(agent, brought)).toBe('400 registry.key');
      expect(await asked(agent, brought)).toBe('429 attempt.throttled');
      expect(await asked(agent, body)).toBe(200);
      expect(await asked(other, brought)).toBe('400 registry.key');
    } finally {
      await own.close();
    }
  });

  test('diagnoses are counted for each caller; good signatures are not held up by them', async () => {
    const own = await testServer({ network: network(), clock: { now: Date.now, elapsed: () => 0 } });
    try {
      const [agent, other] = [await tokenOf(own, 'agent'), await tokenOf(own, 'lender')];
      const wrong = { ...body, payload: base64('other') };
      const asked = async (token: string, what: object) => ask(own, path, { token, body: what });
      for (let count = 0; count < 60; count++) expect((await asked(agent, wrong)).status).toBe(200);
      const throttled = await asked(agent, wrong);
      expect(outcome(throttled)).toBe('429 attempt.throttled');
      expect(Number(throttled.headers.get('retry-after'))).toBeGreaterThan(0);
      expect((await asked(agent, body)).body.valid).toBe(true);
      expect((await asked(agent, { ...wrong, explain: false })).body.valid).toBe(false);
      expect((await asked(other, wrong)).status).toBe(200);
    } finally {
      await own.close();
    }
  });
});

eachDatabase('keys that rotate under load', (freshUrl) => {
  test('refuse no message that a valid key signed', async () => {
    const agent = await member('agent', 'org-agent');
    const participants = [
      entryOf(agent, { keys: [...agent.keys.map(({ publicKey }) => publicKey), ec.jwk] }),
      entryOf(await member('lender', 'org-lender')),
    ];
    const busy = await testServer({
      databaseUrl: await freshUrl(),
      network: { realms: [{ name: 'dev', profile: 'ocen4', participants }] },
    });
    try {
      const [own, asking] = [await tokenOf(busy, 'agent'), await tokenOf(busy, 'lender')];
      const value = signed(ec, rfc7797(ec), document);
      const refused: unknown[] = [];
      let asked = 0;
      let done = false;
      const caller = async () => {
        while (!done && asked < 3_000) {
          asked++;
          const answer = await ask(busy, path, { token: asking, body: ofAgent(value) });
          if (answer.body.valid !== true) refused.push(answer.body);
        }
      };
      const callers = Array.from({ length: 8 }, caller);
      // Each rotation ends the key that signs the messages a day later, and retires the one that vouched for it at once.
      let vouching = agent.keys[0];
      for (let round = 0; round < 5; round++) {
        const next = await createApplicant();
        expect((await rotate(busy, 'agent', next, vouching, { token: own })).status).toBe(201);
        const retired = `${keysPath('agent')}/${vouching?.thumbprint}/retire`;
        expect((await askSigned(busy, retired, next)).status).toBe(200);
        vouching = next;
        const until = asked + 100;
        while (asked < until && asked < 3_000) await new Promise((resolve) => setTimeout(resolve, 10));
      }
      done = true;
      await Promise.all(callers);
      expect(refused).toEqual([]);
      expect(asked).toBeGreaterThanOrEqual(500);
    } finally {
      await busy.close();
    }
  });

  test('a retired key is refused from the answer on', async () => {
    const agent = await member('agent', 'org-agent', 1);
    const keys = [...agent.keys.map(({ publicKey }) => publicKey), ec.jwk];
    const participants = [entryOf(agent, { keys }), entryOf(await member('lender', 'org-lender'))];
    const one = await testServer({
      databaseUrl: await freshUrl(),
      network: { realms: [{ name: 'dev', profile: 'ocen4', participants }] },
    });
    try {
      const [own, asking] = [await tokenOf(one, 'agent'), await tokenOf(one, 'lender')];
      const body = ofAgent(signed(ec, rfc7797(ec), document));
      const asked = async (more: object = {}) =>
        (await ask(one, path, { token: asking, body: { ...body, ...more } })).body;
      expect((await asked()).valid).toBe(true);
      const wasValid = now();
      const { keys: shown } = (await ask(one, '/realms/dev/service/participant-roles/agent', { token: own })).body
        .publicKeys;
      expect(shown).toHaveLength(2);
      const admin = await one.adminToken();
      const detail = await ask(one, '/realms/dev/admin/participants/agent', { token: admin });
      const { thumbprint } = detail.body.keys.find(
        (key: { publicKey: { kid?: string } }) => key.publicKey.kid === 'agent-ec',
      );
      const retired = `${keysPath('agent')}/${thumbprint}/retire`;
      expect((await ask(one, retired, { token: admin, body: {} })).status).toBe(200);
      expect(await asked()).toMatchObject({ valid: false, reason: 'message.key_retired' });
      expect(await asked({ at: wasValid })).toMatchObject({
        valid: false,
        reason: 'message.key_retired',
        signingTime: 'unproven',
      });
    } finally {
      await one.close();
    }
  });
});

test('nothing of a message, a key or a token is logged', () => {
  const log = server.logged.join('\n');
  expect(log.length).toBeGreaterThan(0);
  for (const secret of [
    tokens.agent,
    tokens.lender,
    base64(document),
    signed(ed, rfc7797(ed), document),
    secretOf('agent'),
  ]) {
    expect(log).not.toContain(secret);
  }
});
