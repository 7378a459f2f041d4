import { describe, expect, test } from 'vitest';
import { type Fetch, fetchReceiptCerts, importSigningKey, requestReceipt, rotateKey } from '../src/index.ts';

const issuer = 'https://id.example/realms/dev';
const token = { token: async () => 'token-for-tests' };

function answering(status: number, body: unknown) {
  const calls: { url: string; init: RequestInit }[] = [];
  const fetch: Fetch = async (url, init) => {
    calls.push({ url, init });
    return new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } });
  };
  return { fetch, calls };
}

const message = { signature: 'h..s', body: new Uint8Array([0xfb, 0xff]), participantId: 'agent', method: 'POST' };

describe('a receipt is asked for', () => {
  test('with the message as plain base64 and our token', async () => {
    const { fetch, calls } = answering(200, { receipt: 'a.b.c' });
    expect(await requestReceipt({ issuer, token, fetch, message })).toBe('a.b.c');
    expect(calls.map(({ url }) => url)).toEqual([`${issuer}/receipts`]);
    expect(JSON.parse(String(calls[0]?.init.body))).toEqual({
      signature: 'h..s',
      payload: '+/8=',
      participantId: 'agent',
      method: 'POST',
    });
    expect(new Headers(calls[0]?.init.headers).get('authorization')).toBe('Bearer token-for-tests');
  });

  test.each([
    [422, { title: 'Not good.', detail: 'message.signature: no.' }, 'receipt.refused', 'message.signature: no.'],
    [429, { title: 'Wait.' }, 'receipt.refused', 'Wait.'],
    [500, 'gone', 'receipt.refused', 'HTTP 500'],
    [200, {}, 'receipt.malformed', 'The answer has no receipt.'],
    [200, { receipt: 1 }, 'receipt.malformed', 'The answer has no receipt.'],
  ])('%s %j', async (status, body, code, text) => {
    const asked = requestReceipt({ issuer, token, fetch: answering(status, body).fetch, message });
    await expect(asked).rejects.toMatchObject({ code, message: text });
  });

  test('never over a plain connection', async () => {
    const { fetch, calls } = answering(200, {});
    const asked = requestReceipt({ issuer: 'http://id.example/realms/dev', token, fetch, message });
    await expect(asked).rejects.toMatchObject({ code: 'discovery.issuer_url' });
    expect(calls).toEqual([]);
  });
});

test.each([
  [404, {}, 'receipt.unavailable'],
  [200, { keys: [] }, 'receipt.malformed'],
  [200, { issuer, keys: {} }, 'receipt.malformed'],
  [200, { issuer: 'https://other.example', keys: [] }, 'receipt.malformed'],
])('keys of receipts: %s %j', async (status, body, code) => {
  await expect(fetchReceiptCerts({ issuer, fetch: answering(status, body).fetch })).rejects.toMatchObject({ code });
});

describe('a key is rotated', () => {
  async function privateJwk() {
    const { privateKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
      'sign',
      'verify',
    ]);
    const { crv, x, y, d } = await crypto.subtle.exportKey('jwk', privateKey);
    return { kty: 'EC', crv, x, y, d, alg: 'ES256', kid: 'own' };
  }
  const good = { thumbprint: 't', nbf: 1, previous: [] };

  test('without sending a private member, and with the proofs of both keys', async () => {
    const [currentKey, newKey] = [await privateJwk(), await privateJwk()];
    const { fetch, calls } = answering(201, good);
    const options = {
      issuer,
      token,
      fetch,
      participantId: 'a/b',
      currentKey,
      newKey,
      notBefore: 5,
      overlapSeconds: 60,
    };
    expect(await rotateKey(options)).toEqual({ thumbprint: 't', notBefore: 1, previous: [] });
    expect(calls[0]?.url).toBe(`${issuer}/registry/participants/a%2Fb/keys`);
    const body = String(calls[0]?.init.body);
    for (const key of [currentKey, newKey]) expect(body).not.toContain(key.d);
    const sent = JSON.parse(body);
    expect(sent).toMatchObject({ nbf: 5, overlapSeconds: 60, publicKey: (await importSigningKey(newKey)).publicJwk });
    for (const proof of [sent.proofs.new, sent.proofs.current]) {
      const claims = JSON.parse(atob(proof.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')));
      expect(claims).toMatchObject({ aud: issuer, realm: 'dev', participantId: 'a/b' });
    }
  });

  test.each([{}, { ...good, nbf: '1' }, { ...good, previous: {} }, { ...good, previous: [{ thumbprint: 't' }] }])(
    'and an answer without its shape is refused: %j',
    async (body) => {
      const options = { issuer, token, participantId: 'agent', newKey: await privateJwk() };
      await expect(rotateKey({ ...options, fetch: answering(201, body).fetch })).rejects.toMatchObject({
        code: 'keys.malformed',
      });
    },
  );

  test('nothing is sent where a key is not whole', async () => {
    const { fetch, calls } = answering(201, good);
    const [one, two] = [await privateJwk(), await privateJwk()];
    const mixed = { ...one, d: two.d };
    const asked = rotateKey({ issuer, token, fetch, participantId: 'agent', newKey: mixed });
    await expect(asked).rejects.toMatchObject({ code: 'signing_key.private' });
    expect(calls).toEqual([]);
  });
});
