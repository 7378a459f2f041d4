import fc from 'fast-check';
import { calculateJwkThumbprint } from 'jose';
import { expect, test } from 'vitest';
import {
  type CryptoPort,
  createMessageHeaderCache,
  type Message,
  type MessageForm,
  type MessageKey,
  type MessageSigning,
  type PublicJwk,
  signatureHeader,
  signMessage,
  verifyMessage,
} from '../src/index.ts';
import { parsed } from './support/keys.ts';
import { expecting, keyOf, nodePort, now, rawValue, request, response, sender, strictly } from './support/message.ts';
import { rounds } from './support/rounds.ts';
import { readVector, vectorsPresent } from './support/vectors.ts';
import { webPort } from './support/web-port.ts';

const senders = (['RS256', 'PS256', 'ES256', 'Ed25519', 'EdDSA'] as const).map((alg) => sender(alg, 'k1'));
const [rsa = sender('RS256')] = senders;
const others = Array.from({ length: 9 }, (_, i) => sender('RS256', `o${i}`));

interface Flow {
  readonly clock: number;
  readonly registry: Record<'loan_agent' | 'lender', { readonly publicKey: string }>;
  readonly exchanges: readonly {
    readonly id: string;
    readonly request: {
      readonly method: string;
      readonly url: string;
      readonly headers: Record<string, string>;
      readonly body_b64: string;
    };
  }[];
}

test.skipIf(!vectorsPresent)(
  'the recorded flow: what the starter signs verifies, both of its bypasses do not',
  async () => {
    const flow = readVector('ocen/http_flow.json') as Flow;
    const outcomes: Record<string, string> = {};
    for (const id of ['05', '10', 'n20', 'n21', 'n22', 'n23', 'n24', 'n25']) {
      const exchange = flow.exchanges.find((one) => one.id.startsWith(`${id}-`));
      if (exchange === undefined) throw new Error(id);
      const { method, url, headers, body_b64 } = exchange.request;
      const { publicKey } = flow.registry[id === '10' ? 'lender' : 'loan_agent'];
      const message: Message = {
        kind: 'request',
        method,
        target: url,
        requestTarget: new URL(url).pathname,
        body: Buffer.from(body_b64, 'base64'),
      };
      const keys = [{ jwk: parsed(JSON.parse(publicKey)) }];
      try {
        const { value, forms } = signatureHeader(headers, ['ocen', 'rfc7797', 'strict']);
        const verified = await verifyMessage(value, { crypto: nodePort, message, forms, keys, now: flow.clock });
        outcomes[id] = `${verified.form} ${verified.binding} ${verified.kid}`;
      } catch (refusal) {
        outcomes[id] = (refusal as { code: string }).code;
      }
    }
    expect(outcomes).toEqual({
      '05': 'ocen bytes la-sig-2024-01',
      '10': 'ocen bytes lender-sig-2024-01',
      n20: 'message.signature_missing',
      n21: 'message.signature',
      n22: 'message.signature',
      n23: 'message.b64_absent',
      n24: 'message.payload_embedded',
      n25: 'ocen bytes la-sig-2024-01',
    });
  },
);

test('what a verified message says', async () => {
  for (const one of senders) {
    const strict = await signMessage(request(), { ...keyOf(one), ...strictly });
    expect(await verifyMessage(strict, expecting(one))).toEqual({
      form: 'strict',
      binding: 'message',
      alg: one.alg,
      kid: 'k1',
      thumbprint: await calculateJwkThumbprint({ ...one.jwk }),
      jti: 'nonce-1',
      iat: now,
      freshUntil: now + 330,
    });
  }
  const value = await signMessage(request(), { form: 'ocen', ...keyOf(rsa) });
  expect(Object.keys(await verifyMessage(value, expecting(rsa)))).toEqual([
    'form',
    'binding',
    'alg',
    'kid',
    'thumbprint',
  ]);
});

test('a strict response is bound to its status and its request', async () => {
  const message = response('{"ok":true}', { status: 201, requestSignature: 'h..s' });
  const value = await signMessage(message, { ...keyOf(rsa), ...strictly });
  const verified = await verifyMessage(value, expecting(rsa, { message }));
  expect(verified).toMatchObject({ form: 'strict', binding: 'message', iat: now });
  expect(verified.jti).toBeUndefined();
});

test('a response without a body is signed over nothing', async () => {
  for (const form of ['ocen', 'rfc7797'] as const) {
    const value = await signMessage(response(), { form, ...keyOf(rsa) });
    expect(await verifyMessage(value, expecting(rsa, { message: response() }))).toMatchObject({ form });
  }
});

test('EdDSA and Ed25519 are two names of one algorithm', async () => {
  const [, , , ed25519, edDsa] = senders;
  if (!ed25519 || !edDsa) throw new Error('senders');
  for (const [one, name] of [
    [ed25519, 'EdDSA'],
    [edDsa, 'Ed25519'],
  ] as const) {
    const value = rawValue(one, `{"alg":"${name}","b64":false,"crit":["b64"]}`, '{"a":1}');
    expect(await verifyMessage(value, expecting(one))).toMatchObject({ alg: name, kid: 'k1', hint: 'kid_absent' });
  }
});

test('the members of a header may stand in any order, with others among them', async () => {
  for (const header of [
    '{"b64":false,"kid":"k1","alg":"RS256"}',
    ' { "b64" : false,\n"alg":"RS256", "typ":"JOSE", "iat": 1 } ',
    '{"crit":["b64"],"b64":false,"alg":"RS256","x":{"y":[1]}}',
  ]) {
    expect((await verifyMessage(rawValue(rsa, header, '{"a":1}'), expecting(rsa))).binding).toBe('bytes');
  }
  const crit = '["jti","iat","aud","htu","htm","b64"]';
  const claims = `"htm":"POST","htu":"HTTPS://LENDER.test:443/v4/loans?page=2","aud":"lender-1","iat":${now},"jti":"n"`;
  const value = rawValue(rsa, `{"alg":"RS256","b64":false,"crit":${crit},${claims}}`, '{"a":1}');
  expect((await verifyMessage(value, expecting(rsa))).binding).toBe('message');
});

test('kid is a hint: absent, null or unknown, every valid key is tried', async () => {
  const [other = rsa] = others;
  const nameless = parsed({ ...rsa.jwk, kid: undefined });
  const cases: readonly [string, readonly MessageKey[], string | undefined][] = [
    ['"kid":"k1",', [{ jwk: other.jwk }, { jwk: rsa.jwk }], undefined],
    ['"kid":null,', [{ jwk: other.jwk }, { jwk: rsa.jwk }], 'kid_absent'],
    ['', [{ jwk: other.jwk }, { jwk: rsa.jwk }], 'kid_absent'],
    ['"kid":"new",', [{ jwk: other.jwk }, { jwk: rsa.jwk }], 'kid_unknown'],
    ['"kid":"o0",', [{ jwk: other.jwk }, { jwk: rsa.jwk }], 'kid_mismatch'],
    ['"kid":null,', [{ jwk: nameless }], undefined],
    ['"kid":"k1",', [{ jwk: nameless }], 'kid_unknown'],
  ];
  for (const [kid, keys, hint] of cases) {
    const value = rawValue(rsa, `{"alg":"RS256",${kid}"b64":false}`, '{"a":1}');
    const verified = await verifyMessage(value, expecting(rsa, { keys }));
    expect([kid, verified.hint, verified.kid]).toEqual([kid, hint, keys.at(-1)?.jwk.kid]);
  }
});

test('in the strict form kid is no hint, except for keys that have none', async () => {
  const [other = rsa] = others;
  const value = await signMessage(request(), { ...keyOf(rsa), ...strictly });
  const nameless = parsed({ ...rsa.jwk, kid: undefined });
  const keys = [{ jwk: other.jwk }, { jwk: nameless }];
  expect(await verifyMessage(value, expecting(rsa, { keys }))).toMatchObject({ hint: 'kid_unknown', kid: undefined });
});

/** Counts what is asked of the primitives. */
function counting(): CryptoPort & { readonly asked: PublicJwk[] } {
  const asked: PublicJwk[] = [];
  return {
    ...nodePort,
    asked,
    verify: (alg, jwk, data, signature) => {
      asked.push(jwk);
      return nodePort.verify(alg, jwk, data, signature);
    },
  };
}

test('the named key is tried first, valid ones before others, and never more than eight', async () => {
  const value = await signMessage(request(), { form: 'ocen', ...keyOf(rsa) });
  const keys: MessageKey[] = [
    { jwk: others[0]?.jwk ?? rsa.jwk, notAfter: 1 },
    ...others.slice(1).map(({ jwk }) => ({ jwk })),
    { jwk: rsa.jwk },
  ];
  const first = counting();
  await verifyMessage(value, expecting(rsa, { keys, crypto: first }));
  expect(first.asked).toEqual([rsa.jwk]);

  const bounded = counting();
  const hidden = rawValue(rsa, '{"alg":"RS256","kid":null,"b64":false}', '{"a":1}');
  await expect(verifyMessage(hidden, expecting(rsa, { keys, crypto: bounded }))).rejects.toMatchObject({
    code: 'message.signature',
  });
  expect(bounded.asked).toEqual(others.slice(1).map(({ jwk }) => jwk));
});

test('no key is asked for a message that is refused by its looks', async () => {
  const crypto = counting();
  const value = await signMessage(request(), { form: 'ocen', ...keyOf(rsa) });
  const refused = [
    verifyMessage(value.slice(0, -4), expecting(rsa, { crypto })),
    verifyMessage(value, expecting(rsa, { crypto, forms: ['strict'] })),
  ];
  for (const one of refused) await expect(one).rejects.toThrow();
  expect(crypto.asked).toEqual([]);
});

test('validity starts with its first second and ends before its last', async () => {
  const value = await signMessage(request(), { form: 'ocen', ...keyOf(rsa) });
  const at = (notBefore: number, notAfter: number) =>
    verifyMessage(value, expecting(rsa, { keys: [{ jwk: rsa.jwk, notBefore, notAfter }] }));
  expect((await at(now, now + 1)).kid).toBe('k1');
  await expect(at(now - 1, now)).rejects.toMatchObject({ code: 'message.key_retired' });
  await expect(at(now + 1, now + 2)).rejects.toMatchObject({ code: 'message.key_not_yet_valid' });
  await expect(at(now, Number.NaN)).rejects.toMatchObject({ code: 'message.key_retired' });
  await expect(at(Number.NaN, now + 1)).rejects.toMatchObject({ code: 'message.key_not_yet_valid' });
});

test('a strict signature lives for its age and both clocks', async () => {
  const value = await signMessage(request(), { ...keyOf(rsa), ...strictly });
  for (const at of [now - 30, now, now + 330]) {
    expect((await verifyMessage(value, expecting(rsa, { now: at }))).freshUntil).toBe(now + 330);
  }
  const narrow = { clockTolerance: 0, maxAge: 10 };
  expect((await verifyMessage(value, expecting(rsa, { ...narrow, now: now + 10 }))).freshUntil).toBe(now + 10);
});

test('the header cache holds verified headers of the static forms, and not without end', async () => {
  const headers = createMessageHeaderCache();
  const expected = expecting(rsa, { headers });
  const value = await signMessage(request(), { form: 'ocen', ...keyOf(rsa) });
  const encoded = value.slice(0, value.indexOf('.'));
  await expect(verifyMessage(value, { ...expected, message: request('x') })).rejects.toThrow();
  expect(headers.get(encoded)).toBeUndefined();
  await verifyMessage(value, expected);
  const header = headers.get(encoded);
  expect(header).toMatchObject({ form: 'ocen', kid: 'k1' });
  // What is remembered is still held against what is expected.
  await expect(verifyMessage(value, { ...expected, message: request('x') })).rejects.toMatchObject({
    code: 'message.signature',
  });
  await expect(verifyMessage(value, { ...expected, forms: ['strict'] })).rejects.toMatchObject({
    code: 'message.form',
  });

  const strict = await signMessage(request(), { ...keyOf(rsa), ...strictly });
  await verifyMessage(strict, expected);
  expect(headers.get(strict.slice(0, strict.indexOf('.')))).toBeUndefined();

  if (header === undefined) throw new Error('not remembered');
  headers.set('x'.repeat(513), header);
  expect(headers.get('x'.repeat(513))).toBeUndefined();
  for (let i = 0; i < 256; i++) headers.set(`${i}`, header);
  expect([headers.get(encoded), headers.get('255')]).toEqual([undefined, header]);
  // Seen again is not seen anew: nothing gives way.
  headers.set('255', header);
  expect(headers.get('0')).toBe(header);
});

const anyForm = fc.constantFrom<MessageForm>('ocen', 'rfc7797', 'strict');
const anySender = fc.constantFrom(...senders);
const anyMessage: fc.Arbitrary<Message> = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map((body) => request(body)),
  fc
    .tuple(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 200, max: 599 }))
    .map(([body, status]) => ({ ...response('', { status }), body })),
);

async function sign(message: Message, form: MessageForm, one: (typeof senders)[number]): Promise<string | undefined> {
  const signing = { ...keyOf(one), ...strictly, form } as MessageSigning;
  try {
    return await signMessage(message, signing);
  } catch (refusal) {
    // What the ocen form cannot say.
    expect((refusal as { code: string }).code).toMatch(/^signing\.(alg|body_ambiguous)$/);
    return undefined;
  }
}

test('what is signed verifies, in both runtimes, whatever the bytes', async () => {
  await fc.assert(
    fc.asyncProperty(anyMessage, anyForm, anySender, async (message, form, one) => {
      const value = await sign(message, form, one);
      if (value === undefined) return;
      for (const crypto of [nodePort, webPort]) {
        expect(await verifyMessage(value, expecting(one, { message, crypto }))).toMatchObject({ form, alg: one.alg });
      }
    }),
    { numRuns: rounds(150) },
  );
});

test('no bit of the value or of the body can be turned', async () => {
  await fc.assert(
    fc.asyncProperty(anyMessage, anyForm, anySender, fc.nat(), fc.nat(7), async (message, form, one, place, bit) => {
      const value = await sign(message, form, one);
      if (value === undefined) return;
      const at = place % (value.length + message.body.length);
      const turned = (bytes: Uint8Array, i: number) => bytes.with(i, (bytes[i] as number) ^ (1 << bit));
      const isInValue = at < value.length;
      const presented = isInValue ? Buffer.from(turned(Buffer.from(value), at)).toString('latin1') : value;
      const body = isInValue ? message.body : turned(message.body, at - value.length);
      const verified = verifyMessage(presented, expecting(one, { message: { ...message, body } }));
      await expect(verified).rejects.toMatchObject({ name: 'ProofError' });
    }),
    { numRuns: rounds(600) },
  );
});

test('every single bit of one value, in turn', async () => {
  const [, , ec = rsa] = senders;
  const message = request('{}');
  const value = await signMessage(message, { form: 'rfc7797', ...keyOf(ec) });
  const expected = expecting(ec, { message, headers: createMessageHeaderCache() });
  await verifyMessage(value, expected);
  for (let bit = 0; bit < value.length * 8; bit++) {
    const bytes = Buffer.from(value);
    bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
    await expect(verifyMessage(bytes.toString('latin1'), expected)).rejects.toMatchObject({ name: 'ProofError' });
  }
});

test('any text at all is refused, and with a code', async () => {
  const text = fc.string({
    unit: fc.constantFrom('.', 'e', 'A', '=', ' ', '{', '"', 'é', 'eyJhbGciOiJSUzI1NiJ9'),
    maxLength: 12,
  });
  await fc.assert(
    fc.asyncProperty(text, async (presented) => {
      await expect(verifyMessage(presented, expecting(rsa))).rejects.toMatchObject({ name: 'ProofError' });
    }),
    { numRuns: rounds(500) },
  );
});
