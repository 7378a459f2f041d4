/** The recorded exchanges of OCEN's own participants with their authorization server, replayed byte for byte. */

import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readVector, vectorsPresent } from '../../proof/test/support/vectors.ts';
import { type TestServer, testServer } from './support/server.ts';

interface Exchange {
  readonly id: string;
  readonly request: {
    readonly method: string;
    readonly url: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body_b64: string;
  };
  readonly response: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
  };
}

interface Flow {
  readonly ids: Readonly<Record<'la' | 'lender' | 'laClient' | 'leClient', string>>;
  readonly client_secrets: Readonly<Record<'la' | 'le', string>>;
  readonly exchanges: readonly Exchange[];
}

const recorded = 'https://auth.ocen.test/realms/dev';

describe.runIf(vectorsPresent)("OCEN's token exchanges", () => {
  const flow = vectorsPresent ? (readVector('ocen/http_flow.json') as Flow) : undefined;
  const exchanges = new Map(flow?.exchanges.map((exchange) => [exchange.id, exchange]));
  let server: TestServer;

  beforeAll(async () => {
    const { ids, client_secrets: secrets } = flow as Flow;
    const participants = [
      { id: ids.la, role: 'LOAN_AGENT', client: { id: ids.laClient, secret: secrets.la } },
      { id: ids.lender, role: 'LENDER', client: { id: ids.leClient, secret: secrets.le } },
    ];
    server = await testServer({ network: { realms: [{ name: 'dev', profile: 'ocen4', participants }] } });
  });
  afterAll(() => server.close());

  async function replay(id: string) {
    const { request, response } = exchanges.get(id) as Exchange;
    const answer = await fetch(request.url.replace(recorded, server.issuer()), {
      method: request.method,
      headers: { ...request.headers },
      ...(request.method === 'GET' ? {} : { body: Buffer.from(request.body_b64, 'base64') }),
    });
    expect(answer.status).toBe(response.status);
    expect(answer.headers.get('content-type')).toBe(response.headers['content-type']);
    const expected = JSON.parse(response.body.replaceAll(recorded, server.issuer())) as Record<string, unknown>;
    return { answer: (await answer.json()) as Record<string, unknown>, expected };
  }

  test('01 discovery', async () => {
    const { answer, expected } = await replay('01-discovery');
    // Ours says what is true of it: no response type at all, where the recorded one says "none"; one more method, more grants.
    const {
      response_types_supported: _,
      token_endpoint_auth_methods_supported: methods,
      grant_types_supported: grants,
      ...same
    } = expected;
    expect(answer).toMatchObject(same);
    expect(answer.grant_types_supported).toEqual(expect.arrayContaining(grants as string[]));
    expect(answer.response_types_supported).toEqual([]);
    expect(answer.token_endpoint_auth_methods_supported).toEqual(expect.arrayContaining(methods as string[]));
  });

  test('02 certs', async () => {
    const { answer, expected } = await replay('02-certs');
    const [shape] = expected.keys as object[];
    const signing = (answer.keys as Record<string, string>[]).filter(({ kty }) => kty === 'RSA');
    expect(signing.length).toBeGreaterThanOrEqual(1);
    for (const key of signing) {
      expect(Object.keys(key).sort()).toEqual(Object.keys(shape as object).sort());
      expect(key).toMatchObject({ kty: 'RSA', e: 'AQAB', use: 'sig', alg: 'RS256' });
    }
  });

  test.each(['03-la-token', '06-lender-token', 'n05-token-json-body', 'n06-token-basic-auth'])('%s', async (id) => {
    const { answer, expected } = await replay(id);
    expect(answer).toEqual({ ...expected, access_token: expect.any(String) });
    const [ours, theirs] = [answer.access_token as string, expected.access_token as string];
    expect(decodeProtectedHeader(ours)).toEqual({ ...decodeProtectedHeader(theirs), kid: expect.any(String) });
    const [claims, recordedClaims] = [decodeJwt(ours), decodeJwt(theirs)];
    for (const claim of ['typ', 'azp', 'scope', 'participantId']) expect(claims[claim]).toBe(recordedClaims[claim]);
    const life = (of: typeof claims) => (of.exp as number) - (of.iat as number);
    expect(life(claims)).toBe(life(recordedClaims));
    expect(claims.iss).toBe(server.issuer());
  });

  test.each([
    'n01-token-bad-secret',
    'n02-token-unknown-client',
    'n03-token-duplicate-param',
    'n04-token-both-auth-methods',
  ])('%s', async (id) => {
    const { answer, expected } = await replay(id);
    expect(answer.error).toBe(expected.error);
    expect(Object.keys(answer).sort()).toEqual(['error', 'error_description']);
  });
});
