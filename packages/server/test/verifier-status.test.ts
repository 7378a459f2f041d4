import { createAccessTokenVerifier } from '@countersign/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ask, createApplicant, onboard, proxied, step } from './support/applicant.ts';
import { eachDatabase } from './support/databases.ts';
import { eventually } from './support/eventually.ts';
import { obtainToken, type TestServer, testServer } from './support/server.ts';

const service = { clientId: 'service', clientSecret: 'service-secret-for-tests' };
const participants = [
  { id: 'p-service', role: 'LENDER', client: { id: service.clientId, secret: service.clientSecret } },
];
const network = { realms: [{ name: 'dev', profile: 'ocen4', settings: { accessTokenAlg: 'ES256' }, participants }] };

eachDatabase('the verifier of access tokens', (freshUrl) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await testServer({ databaseUrl: await freshUrl(), env: proxied, network });
  });
  afterAll(() => server.close());

  const joined = async () => {
    const { participantId, clientId, clientSecret } = await onboard(server, await createApplicant());
    return { participantId, token: await obtainToken(server.issuer(), clientId, clientSecret) };
  };
  const offboard = async (id: string) =>
    step(server, `/realms/dev/registry/participants/${id}/offboard`, await server.adminToken());

  test('with a client refuses a token of an offboarded participant within ten seconds', async () => {
    const verifier = createAccessTokenVerifier({ issuer: server.issuer(), ...service });
    try {
      expect(verifier.liveness).toBe('checked');
      const { participantId, token } = await joined();
      const other = await joined();
      expect(await verifier.verify(token)).toMatchObject({ kind: 'participant', participantId });
      await offboard(participantId);
      const code = () =>
        verifier.verify(token).then(
          () => 'valid',
          (error: { code?: string }) => error.code,
        );
      await eventually(async () => (await code()) === 'token.subject_revoked', 10_000);
      expect(await verifier.verify(other.token)).toMatchObject({ participantId: other.participantId });
    } finally {
      verifier.close();
    }
  }, 30_000);

  test('without a client, or told so, says that it does not know, and lets the token pass', async () => {
    const { participantId, token } = await joined();
    await offboard(participantId);
    const issuer = server.issuer();
    for (const verifier of [
      createAccessTokenVerifier({ issuer }),
      createAccessTokenVerifier({ issuer, status: 'none' }),
      createAccessTokenVerifier({ issuer, ...service, status: 'none' }),
    ]) {
      expect(verifier.liveness).toBe('unchecked');
      expect(await verifier.verify(token)).toMatchObject({ participantId });
    }
  });

  test('with a client that the realm refuses lets nothing pass', async () => {
    const verifier = createAccessTokenVerifier({ issuer: server.issuer(), ...service, clientSecret: 'wrong' });
    try {
      const { token } = await joined();
      await expect(verifier.verify(token)).rejects.toMatchObject({ code: 'status.unavailable' });
    } finally {
      verifier.close();
    }
  });

  test('refuses half a client, and a policy without one', async () => {
    const issuer = server.issuer();
    for (const half of [
      { clientId: 'service' },
      { clientSecret: 'x' },
      { status: {} },
      { status: 'all', ...service },
    ]) {
      expect(() => createAccessTokenVerifier({ issuer, ...half } as never)).toThrow(TypeError);
    }
    expect((await ask(server, '/realms/dev/.well-known/openid-configuration')).status).toBe(200);
  });
});
