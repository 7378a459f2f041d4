import { expect, test } from 'vitest';
import { createHeaderCache, type JwsExpectation, type PublicJwk, verifyJws } from '../src/index.ts';
import { parsed, signRaw, testKey } from './support/keys.ts';
import { readVector, vectorsPresent } from './support/vectors.ts';
import { webPort } from './support/web-port.ts';

function expecting(key: PublicJwk): JwsExpectation {
  return { crypto: webPort, keys: [key], algorithms: [key.alg] };
}

async function payloadOf(token: string, key: PublicJwk): Promise<string> {
  return new TextDecoder().decode((await verifyJws(token, expecting(key))).payload);
}

const rfc7515Claims = 'eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ';

test('RFC 7515 appendix A.2: RS256', async () => {
  const key = parsed({
    kty: 'RSA',
    n: 'ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ',
    e: 'AQAB',
  });
  const signature =
    'cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw';
  const token = `eyJhbGciOiJSUzI1NiJ9.${rfc7515Claims}.${signature}`;
  expect(await payloadOf(token, key)).toBe(
    '{"iss":"joe",\r\n "exp":1300819380,\r\n "http://example.com/is_root":true}',
  );
});

test('RFC 7515 appendix A.3: ES256', async () => {
  const key = parsed({
    kty: 'EC',
    crv: 'P-256',
    x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
    y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
  });
  const signature = 'DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q';
  expect(await payloadOf(`eyJhbGciOiJFUzI1NiJ9.${rfc7515Claims}.${signature}`, key)).toContain('"iss":"joe"');
});

test('RFC 8037 appendix A.4: EdDSA, also where the key is registered under the name of RFC 9864', async () => {
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' };
  const token =
    'eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg';
  expect(await payloadOf(token, parsed(jwk))).toBe('Example of Ed25519 signing');
  const renamed = { ...expecting(parsed({ ...jwk, alg: 'Ed25519' })), algorithms: ['EdDSA'] as const };
  expect((await verifyJws(token, renamed)).key.alg).toBe('Ed25519');
});

interface Cookbook {
  readonly input: { readonly payload: string; readonly key: Record<string, unknown>; readonly alg: string };
  readonly output: { readonly compact: string };
}

test.skipIf(!vectorsPresent)('the RSA and Ed25519 signatures of the JOSE cookbook', async () => {
  for (const [path, alg] of [
    ['jose/cookbook-jws/4_1.rsa_v15_signature.json', 'RS256'],
    ['jose/cookbook-curve25519/jws.json', 'EdDSA'],
  ] as const) {
    const { input, output } = readVector(path) as Cookbook;
    const { kty, crv, n, e, x, kid } = input.key;
    const key = parsed(kty === 'RSA' ? { kty, n, e, kid, alg } : { kty, crv, x, kid, alg });
    expect(await payloadOf(output.compact, key)).toBe(input.payload);
  }
});

test.skipIf(!vectorsPresent)('the cookbook algorithms that are not in our table stay outside', async () => {
  const key = (await testKey('RS256')).parsed;
  for (const name of ['4_2.rsa-pss_signature', '4_3.ecdsa_signature', '4_4.hmac-sha2_integrity_protection']) {
    const { output } = readVector(`jose/cookbook-jws/${name}.json`) as Cookbook;
    const algorithms = ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'] as const;
    await expect(verifyJws(output.compact, { ...expecting(key), algorithms })).rejects.toMatchObject({
      code: 'jws.alg_not_allowed',
    });
  }
});

test('the header cache remembers verified headers only, and not without end', async () => {
  const key = await testKey('ES256');
  const headers = createHeaderCache();
  const expected = { ...expecting(key.parsed), headers };
  const good = await signRaw('{"alg":"ES256"}', 'a', key);
  const encoded = good.slice(0, good.indexOf('.'));
  const forged = `${good.slice(0, -8)}AAAAAAAA`;
  await expect(verifyJws(forged, expected)).rejects.toMatchObject({ code: 'jws.signature' });
  expect(headers.get(encoded)).toBeUndefined();
  const { header } = await verifyJws(good, expected);
  expect(headers.get(encoded)).toBe(header);
  await expect(verifyJws(forged, expected)).rejects.toMatchObject({ code: 'jws.signature' });
  for (let i = 0; i < 100; i++) headers.set(`${i}`, header);
  expect(headers.get('99')).toBeUndefined();
  expect(headers.get(encoded)).toBe(header);
});

test('a shared header cannot be changed', async () => {
  const key = await testKey('ES256');
  const { header } = await verifyJws(await signRaw('{"alg":"ES256","ext":{"a":[1]}}', '', key), expecting(key.parsed));
  expect(Object.isFrozen(header)).toBe(true);
  expect(Object.isFrozen((header.ext as { a: unknown }).a)).toBe(true);
});
