import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requireRealm } from '../src/subject/realm.ts';
import { issueStatus } from '../src/subject/tokens/status.ts';
import {
  ask,
  askSigned,
  basic,
  type Credentials,
  createApplicant,
  isActive,
  onboard,
  proxied,
  step,
} from './support/applicant.ts';
import { eachDatabase } from './support/databases.ts';
import { eventually } from './support/eventually.ts';
import { freePort } from './support/free-port.ts';
import { keyOf } from './support/network.ts';
import { obtainToken, type TestServer, testServer } from './support/server.ts';

const watcher = { clientId: 'watcher', clientSecret: 'watcher-secret-for-tests' };
const network = {
  realms: [
    {
      name: 'dev',
      profile: 'ocen4',
      participants: [
        {
          id: 'mapped',
          role: 'LOAN_AGENT',
          status: 'APPROVED',
          client: { id: 'mapped-client', secret: 'mapped-secret-for-tests' },
          resources: [{ resource: 'loan-api', roles: ['apply'] }],
        },
        {
          id: 'provider',
          role: 'LENDER',
          status: 'APPROVED',
          baseUrl: 'https://provider.example',
          keys: [keyOf('provider')],
        },
        {
          id: 'watching',
          role: 'REGULATOR',
          status: 'APPROVED',
          client: { id: watcher.clientId, secret: watcher.clientSecret },
        },
      ],
      products: [{ id: 'product', name: 'Loan' }],
      productNetworks: [{ id: 'network', name: 'Loans', productId: 'product', participants: ['mapped', 'provider'] }],
    },
    { name: 'other', profile: 'ocen4' },
  ],
};

eachDatabase('lifecycle', (freshUrl) => {
  let server: TestServer;
  let second: TestServer;
  let admin: string;
  let issuer: string;
  beforeAll(async () => {
    const databaseUrl = await freshUrl();
    server = await testServer({ databaseUrl, env: proxied, network });
    second = await secondNode(server, databaseUrl);
    admin = await server.adminToken();
    issuer = server.issuer();
  });
  afterAll(async () => {
    await second?.close();
    await server?.close();
  });

  const path = (id: string, name: string) => `/realms/dev/registry/participants/${id}/${name}`;
  const move = (id: string, name: string, body: unknown = {}) => step(server, path(id, name), admin, body);
  const detail = async (id: string) =>
    (await ask(server, `/realms/dev/admin/participants/${id}`, { token: admin })).body;
  const tokenOf = ({ clientId, clientSecret }: Credentials) => obtainToken(issuer, clientId, clientSecret);
  const active = (token: string) => isActive(server, token, watcher);
  const newParticipant = async () => onboard(server, await createApplicant());
  const eventsOf = async (object: string) =>
    server.context.store.db.selectFrom('event').selectAll().where('object', '=', object).orderBy('id').execute();

  async function refusedAtTokenEndpoint({ clientId, clientSecret }: { clientId: string; clientSecret: string }) {
    await expect(obtainToken(issuer, clientId, clientSecret)).rejects.toThrow(/401.*invalid_client/);
  }

  test('a suspension kills tokens at once, and a reinstatement revives none', async () => {
    const participant = await newParticipant();
    const before = await tokenOf(participant);
    expect(await active(before)).toBe(true);

    const suspended = await move(participant.participantId, 'suspend', { reason: 'late with its report' });
    expect([suspended.status, suspended.body.status, suspended.body.client.status]).toEqual([
      200,
      'SUSPENDED',
      'DISABLED',
    ]);
    expect(await active(before)).toBe(false);
    await refusedAtTokenEndpoint(participant);
    const own = await step(server, path(participant.participantId, 'secrets'), before);
    expect([own.status, own.body.code]).toEqual([401, 'token.invalid']);

    const reinstated = await move(participant.participantId, 'reinstate');
    expect([reinstated.status, reinstated.body.status]).toEqual([200, 'APPROVED']);
    expect(await active(before)).toBe(false);
    expect(await active(await tokenOf(participant))).toBe(true);

    const events = await eventsOf(`participant:${participant.participantId}`);
    const [suspension, reinstatement] = events.slice(-2);
    expect([suspension?.type, reinstatement?.type]).toEqual(['participant.suspended', 'participant.reinstated']);
    expect(JSON.parse(suspension?.before ?? '')).toMatchObject({ status: 'APPROVED' });
    expect(JSON.parse(suspension?.after ?? '')).toEqual({ status: 'SUSPENDED', reason: 'late with its report' });
    expect([suspension?.actor, suspension?.request_id]).toEqual([
      'system/admin',
      suspended.headers.get('x-request-id'),
    ]);
  });

  test('another node refuses within two seconds', async () => {
    const participant = await newParticipant();
    const token = await tokenOf(participant);
    const elsewhere = () => isActive(second, token, watcher);
    expect(await elsewhere()).toBe(true);
    await move(participant.participantId, 'suspend');
    const deadline = performance.now() + 2_000;
    while (await elsewhere()) {
      if (performance.now() > deadline) throw new Error('the other node still honours the token');
    }
    const { clientId, clientSecret } = participant;
    await expect(obtainToken(second.issuer(), clientId, clientSecret)).rejects.toThrow(/invalid_client/);
  });

  test('the status feed names the subject with the generation that died', async () => {
    const participant = await newParticipant();
    const claims = claimsOf(await tokenOf(participant));
    await move(participant.participantId, 'suspend');
    const realm = await requireRealm(server.context, 'dev');
    const { revoked } = (await issueStatus(server.context, realm, 0)).claims;
    expect(revoked).toContainEqual(
      expect.objectContaining({ kind: 'subject', id: claims.sub, generation: claims.gen }),
    );
  });

  describe('steps', () => {
    const outcomes: Record<string, Record<string, readonly [status: number, becomes: string]>> = {
      APPROVED: { suspend: [200, 'SUSPENDED'], reinstate: [200, 'APPROVED'], offboard: [200, 'OFFBOARDED'] },
      SUSPENDED: { suspend: [200, 'SUSPENDED'], reinstate: [200, 'APPROVED'], offboard: [200, 'OFFBOARDED'] },
      OFFBOARDED: { suspend: [409, 'OFFBOARDED'], reinstate: [409, 'OFFBOARDED'], offboard: [200, 'OFFBOARDED'] },
    };
    const way: Record<string, readonly string[]> = { APPROVED: [], SUSPENDED: ['suspend'], OFFBOARDED: ['offboard'] };

    for (const [status, byStep] of Object.entries(outcomes)) {
      test.each(Object.entries(byStep))(`${status}: %s`, async (name, [expected, becomes]) => {
        const { participantId } = await newParticipant();
        for (const before of way[status] ?? []) await move(participantId, before);
        const known = await detail(participantId);
        const events = (await eventsOf(`participant:${participantId}`)).length;
        const answer = await move(participantId, name);
        expect(answer.status).toBe(expected);
        if (expected === 409) expect(answer.body.code).toBe('registry.transition');
        const after = await detail(participantId);
        expect(after.status).toBe(becomes);
        const written = (await eventsOf(`participant:${participantId}`)).length - events;
        expect(written).toBe(becomes === status ? 0 : 1);
        if (becomes === status) expect(after).toEqual(known);
      });
    }

    test.each(['suspend', 'reinstate', 'offboard'])('nobody but an administrator of the realm may %s', async (name) => {
      const { participantId } = await newParticipant();
      const expectRefusal = async (token: string | undefined, expected: readonly unknown[]) => {
        const { status, body } = await ask(server, path(participantId, name), {
          method: 'POST',
          ...(token === undefined ? {} : { token }),
        });
        expect([status, body.code]).toEqual(expected);
      };
      await expectRefusal(undefined, [401, 'token.missing']);
      await expectRefusal('x.y.z', [401, 'token.invalid']);
      await expectRefusal(await obtainToken(issuer, watcher.clientId, watcher.clientSecret), [
        403,
        'token.insufficient_scope',
      ]);
      const foreign = await createAdministrator('other');
      await expectRefusal(await obtainToken(server.issuer('other'), foreign.clientId, foreign.clientSecret), [
        403,
        'token.other_realm',
      ]);
      expect((await detail(participantId)).status).toBe('APPROVED');
    });

    test('an administrator of the realm itself may, and stands in the event', async () => {
      const own = await createAdministrator('dev');
      const { participantId } = await newParticipant();
      const token = await obtainToken(issuer, own.clientId, own.clientSecret);
      expect((await step(server, path(participantId, 'suspend'), token)).status).toBe(200);
      expect((await eventsOf(`participant:${participantId}`)).at(-1)?.actor).toBe(own.clientId);
    });

    test.each([
      ['an unknown participant', 'nobody', {}, [404, 'participant.unknown', undefined]],
      ['a name with NUL', '%00', {}, [404, 'request.not_found', undefined]],
      ['a name too long', 'x'.repeat(300), {}, [404, 'request.not_found', undefined]],
      ['a member that nobody asked for', 'provider', { status: 'APPROVED' }, [400, 'request.invalid', '']],
      ['a reason of two lines', 'provider', { reason: 'a\nb' }, [400, 'request.invalid', '/reason']],
      ['a reason too long', 'provider', { reason: 'x'.repeat(1_001) }, [400, 'request.invalid', '/reason']],
      ['a number as reason', 'provider', { reason: 1 }, [400, 'request.invalid', '/reason']],
    ])('%s is refused', async (_name, id, body, expected) => {
      const answer = await move(id, 'suspend', body);
      expect([answer.status, answer.body.code, answer.body.pointer]).toEqual(expected);
    });

    test('a participant without a client can be suspended too', async () => {
      expect((await move('provider', 'suspend')).body).toMatchObject({ status: 'SUSPENDED', client: null });
      expect((await move('provider', 'reinstate')).body).toMatchObject({ status: 'APPROVED', client: null });
    });
  });

  test('offboarding deletes secrets and mappings, kills tokens, ends keys, and keeps the history', async () => {
    const secret = { clientId: 'mapped-client', clientSecret: 'mapped-secret-for-tests', participantId: 'mapped' };
    const { publicKey, thumbprint } = await createApplicant();
    await step(server, '/realms/dev/admin/participants/mapped/keys', admin, { publicKey });
    const token = await tokenOf(secret);
    expect(claimsOf(token).resource_access).toEqual({ 'loan-api': { roles: ['apply'] } });

    const { body } = await move('mapped', 'offboard');
    expect(body).toMatchObject({
      status: 'OFFBOARDED',
      resources: [],
      clientId: 'mapped-client',
      client: { status: 'ENDED', secrets: [] },
    });
    expect(body.keys).toMatchObject([{ thumbprint, valid: false }]);
    expect(await active(token)).toBe(false);
    await refusedAtTokenEndpoint(secret);

    const listed = await ask(server, '/realms/dev/admin/clients', {
      token: admin,
      body: { id: 'mapped-client', name: 'Again' },
    });
    expect([listed.status, listed.body.code]).toEqual([409, 'registry.conflict']);
    const rotated = await step(server, '/realms/dev/admin/clients/mapped-client/secrets', admin);
    expect([rotated.status, rotated.body.code]).toEqual([409, 'registry.transition']);
    const own = basic({ clientId: 'mapped-client', clientSecret: 'mapped-secret-for-tests' });
    expect((await ask(server, path('mapped', 'secrets'), { body: {}, headers: own })).status).toBe(401);
    const keyed = await step(server, '/realms/dev/admin/participants/mapped/keys', admin, {
      publicKey: (await createApplicant()).publicKey,
    });
    expect([keyed.status, keyed.body.code]).toEqual([409, 'registry.transition']);

    const { db } = server.context.store;
    const memberships = await db
      .selectFrom('product_network_participant')
      .selectAll()
      .where('participant_id', '=', 'mapped')
      .execute();
    expect(memberships).toEqual([]);
    const event = (await eventsOf('participant:mapped')).at(-1);
    expect(JSON.parse(event?.after ?? '')).toMatchObject({ removed: { productNetworks: ['network'] } });
    expect(JSON.parse(event?.before ?? '')).toMatchObject({
      resources: [{ resource: 'loan-api', roles: ['apply'] }],
      keys: [thumbprint],
    });
    // The key stays with its organisation.
    const { participantId } = await newParticipant();
    const taken = await step(server, `/realms/dev/admin/participants/${participantId}/keys`, admin, { publicKey });
    expect([taken.status, taken.body.code]).toEqual([409, 'registry.key_taken']);
  });

  test('a suspension and an offboarding at the same moment leave one whole outcome', async () => {
    for (let round = 0; round < 8; round++) {
      const participant = await newParticipant();
      const token = await tokenOf(participant);
      const [suspended, offboarded] = await Promise.all([
        step(round % 2 === 0 ? server : second, path(participant.participantId, 'suspend'), admin),
        step(server, path(participant.participantId, 'offboard'), admin),
      ]);
      for (const { status, body } of [suspended, offboarded]) {
        if (status !== 200) expect(['write.conflict', 'registry.transition']).toContain(body.code);
      }
      const { status, client } = await detail(participant.participantId);
      if (offboarded.status === 200)
        expect([status, client.status, client.secrets]).toEqual(['OFFBOARDED', 'ENDED', []]);
      else expect([suspended.status, status, client.status]).toEqual([200, 'SUSPENDED', 'DISABLED']);
      expect(await active(token)).toBe(false);
    }
  });

  test('a participant that changes its secrets in a loop cannot keep itself from being suspended', async () => {
    const { participantId, clientId, clientSecret } = await newParticipant();
    // The newest ones: which of them are still good, only the server knows.
    const known = [clientSecret];
    let turn = 0;
    let isOver = false;
    let made = 0;
    const changing = async (at: TestServer) => {
      while (!isOver) {
        const path = `/realms/dev/registry/participants/${participantId}/secrets`;
        const own = { clientId, clientSecret: known[turn++ % known.length] as string };
        const { status, body } = await ask(at, path, { body: {}, headers: basic(own) });
        if (status !== 201) continue;
        known.unshift(body.clientSecret);
        known.splice(5);
        made++;
      }
    };
    const loops = [server, second, server, second, server, second].map(changing);
    const answers: number[] = [];
    for (let round = 0; round < 8; round++) {
      const before = made;
      await eventually(async () => made > before + 2, 10_000);
      const secret = (await detail(participantId)).client.secrets[0].id;
      const revoked = await move(participantId, `secrets/${secret}/revoke`, { compromised: true });
      // The loop may have replaced it meanwhile.
      expect(revoked.body?.code ?? 'revoked').toMatch(/^(revoked|registry\.unknown)$/);
      for (const name of ['suspend', 'reinstate']) answers.push((await move(participantId, name)).status);
    }
    isOver = true;
    await Promise.all(loops);
    expect(answers).toEqual(Array(16).fill(200));
  });

  describe('secrets', () => {
    const replace = (own: Credentials, body: unknown = {}) =>
      ask(server, path(own.participantId, 'secrets'), { body, headers: basic(own) });

    test('a participant replaces its own: two live, never three', async () => {
      const participant = await newParticipant();
      const issued = await replace(participant);
      expect([issued.status, issued.headers.get('cache-control')]).toEqual([201, 'no-store']);
      const next = { ...participant, clientSecret: issued.body.clientSecret };
      await tokenOf(participant);
      const third = await replace(next);
      await refusedAtTokenEndpoint(participant);
      await tokenOf(next);
      await tokenOf({ ...participant, clientSecret: third.body.clientSecret });
      const { client } = await detail(participant.participantId);
      expect(client.secrets).toHaveLength(2);
      expect(Object.keys(client.secrets[0]).sort()).toEqual(['createdAt', 'expiresAt', 'id']);
      const overlap = Date.parse(client.secrets[0].expiresAt) - Date.parse(client.secrets[1].createdAt);
      expect(Math.round(overlap / 1000)).toBe(86_400);
      expect((await eventsOf(`client:${participant.clientId}`)).at(-1)?.actor).toBe(participant.clientId);
    });

    test('without overlap the one before ends at once', async () => {
      const participant = await newParticipant();
      const { body } = await replace(participant, { overlapSeconds: 0 });
      await refusedAtTokenEndpoint(participant);
      await tokenOf({ ...participant, clientSecret: body.clientSecret });
    });

    test.each([-1, 2_592_001, 1.5, '60', null])('an overlap of %s is refused', async (overlapSeconds) => {
      const answer = await replace({ ...watcher, participantId: 'watching' }, { overlapSeconds });
      expect([answer.status, answer.body.pointer]).toEqual([400, '/overlapSeconds']);
    });

    test('nobody replaces those of another participant', async () => {
      const [one, two] = [await newParticipant(), await newParticipant()];
      const token = await tokenOf(one);
      for (const name of ['secrets', 'secrets/any/revoke']) {
        const answer = await step(server, path(two.participantId, name), token);
        expect([answer.status, answer.body.code]).toEqual([403, 'token.insufficient_scope']);
        const anonymous = await ask(server, path(two.participantId, name), { method: 'POST' });
        expect([anonymous.status, anonymous.body.code]).toEqual([401, 'registry.own_proof']);
        expect(anonymous.headers.get('www-authenticate')).toBe('Basic realm="dev", charset="UTF-8"');
        const asOne = await ask(server, path(two.participantId, name), { body: {}, headers: basic(one) });
        expect([asOne.status, asOne.body.code]).toEqual([403, 'token.insufficient_scope']);
      }
      await tokenOf(two);
    });

    test('a revoked one is refused, and its tokens die when it is compromised', async () => {
      const participant = await newParticipant();
      const issued = (await replace(participant)).body;
      const next = { ...participant, clientSecret: issued.clientSecret };
      const [first] = (await detail(participant.participantId)).client.secrets;
      const token = await tokenOf(participant);
      const revoked = await move(participant.participantId, `secrets/${first.id}/revoke`);
      expect(revoked.status).toBe(204);
      await refusedAtTokenEndpoint(participant);
      expect(await active(token)).toBe(true);
      const again = await move(participant.participantId, `secrets/${first.id}/revoke`);
      expect([again.status, again.body.code]).toEqual([404, 'registry.unknown']);

      await replace(next);
      await move(participant.participantId, `secrets/${issued.secretId}/revoke`, { compromised: true });
      expect(await active(token)).toBe(false);
      await refusedAtTokenEndpoint(next);
    });

    test('a participant without a client has none', async () => {
      const key = await createApplicant();
      await step(server, '/realms/dev/admin/participants/provider/keys', admin, { publicKey: key.publicKey });
      const answer = await askSigned(server, path('provider', 'secrets'), key);
      expect([answer.status, answer.body.code]).toEqual([404, 'client.unknown']);
    });
  });

  describe('keys', () => {
    const keys = (id: string) => `/realms/dev/admin/participants/${id}/keys`;

    test('an administrator adds one with its time and retires another', async () => {
      const applicant = await createApplicant();
      const { participantId } = await onboard(server, applicant);
      const next = await createApplicant('EdDSA');
      const nbf = Math.floor(Date.now() / 1000) + 3_600;
      const added = await step(server, keys(participantId), admin, { publicKey: next.publicKey, nbf, exp: nbf + 60 });
      expect(added.status).toBe(201);
      expect(added.body).toMatchObject({ thumbprint: next.thumbprint, nbf, exp: nbf + 60, valid: false });
      const twice = await step(server, keys(participantId), admin, { publicKey: next.publicKey });
      expect([twice.status, twice.body.code]).toEqual([409, 'registry.conflict']);

      const retired = await step(server, `${keys(participantId)}/${applicant.thumbprint}/retire`, admin);
      expect([retired.status, retired.body.valid]).toEqual([200, false]);
      const events = (await eventsOf(`participant:${participantId}`)).length;
      const again = await step(server, `${keys(participantId)}/${applicant.thumbprint}/retire`, admin);
      expect(again.body).toEqual(retired.body);
      expect(await eventsOf(`participant:${participantId}`)).toHaveLength(events);
      const unknown = await step(server, `${keys(participantId)}/nothing/retire`, admin);
      expect([unknown.status, unknown.body.code]).toEqual([404, 'registry.unknown']);
    });

    test('a compromised one is in the status feed and the tokens of the participant are dead', async () => {
      const applicant = await createApplicant();
      const participant = await onboard(server, applicant);
      const token = await tokenOf(participant);
      await step(server, `${keys(participant.participantId)}/${applicant.thumbprint}/retire`, admin, {
        compromised: true,
      });
      expect(await active(token)).toBe(false);
      expect(await active(await tokenOf(participant))).toBe(true);
      const realm = await requireRealm(server.context, 'dev');
      const { revoked } = (await issueStatus(server.context, realm, 0)).claims;
      expect(revoked).toContainEqual(expect.objectContaining({ kind: 'key', id: applicant.thumbprint }));
    });

    test('a compromised key of a suspended participant reinstates nothing', async () => {
      const applicant = await createApplicant();
      const participant = await onboard(server, applicant);
      await move(participant.participantId, 'suspend');
      await step(server, `${keys(participant.participantId)}/${applicant.thumbprint}/retire`, admin, {
        compromised: true,
      });
      expect((await detail(participant.participantId)).client.status).toBe('DISABLED');
      await refusedAtTokenEndpoint(participant);
    });

    test('one that is compromised at the moment of a suspension does not lift it', async () => {
      for (let round = 0; round < 6; round++) {
        const applicant = await createApplicant();
        const participant = await onboard(server, applicant);
        const token = await tokenOf(participant);
        const [suspended] = await Promise.all([
          move(participant.participantId, 'suspend'),
          step(second, `${keys(participant.participantId)}/${applicant.thumbprint}/retire`, admin, {
            compromised: true,
          }),
        ]);
        const { status, client } = await detail(participant.participantId);
        expect([status, client.status]).toEqual(
          suspended.status === 200 ? ['SUSPENDED', 'DISABLED'] : ['APPROVED', 'ENABLED'],
        );
        expect(await active(token)).toBe(false);
      }
    });

    test('two organisations that register one key at once: one has it', async () => {
      const { publicKey } = await createApplicant();
      const [one, two] = [await newParticipant(), await newParticipant()];
      const answers = await Promise.all(
        [one, two].map(({ participantId }) => step(server, keys(participantId), admin, { publicKey })),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
    });

    test.each([
      ['a private key', (jwk: object) => ({ publicKey: { ...jwk, d: 'AAAA' } }), [400, 'registry.key', '/publicKey/d']],
      ['an end in the past', (jwk: object) => ({ publicKey: jwk, exp: 1 }), [400, 'request.invalid', '/exp']],
      [
        'an end before its beginning',
        (jwk: object) => ({ publicKey: jwk, nbf: 4e9, exp: 3.9e9 }),
        [400, 'request.invalid', '/exp'],
      ],
      ['a beginning before time', (jwk: object) => ({ publicKey: jwk, nbf: -1 }), [400, 'request.invalid', '/nbf']],
      ['a date as text', (jwk: object) => ({ publicKey: jwk, nbf: '2030-01-01' }), [400, 'request.invalid', '/nbf']],
      ['no key', () => ({}), [400, 'request.invalid', '/publicKey']],
    ])('%s is refused', async (_name, body, expected) => {
      const answer = await step(server, keys('watching'), admin, body((await createApplicant()).publicKey));
      expect([answer.status, answer.body.code, answer.body.pointer]).toEqual(expected);
    });
  });

  async function createAdministrator(realm: string): Promise<{ clientId: string; clientSecret: string }> {
    const body = { name: 'Administrator', scope: 'countersign:admin' };
    return (await ask(server, `/realms/${realm}/admin/clients`, { token: admin, body })).body;
  }
});

// biome-ignore lint/suspicious/noExplicitAny: claims are read one by one and compared.
function claimsOf(token: string): any {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
}

/** Another node on the same database: it says the same of itself, and is reached at an address of its own. */
async function secondNode(first: TestServer, databaseUrl: string): Promise<TestServer> {
  const port = String(await freePort());
  const env = { ...proxied, COUNTERSIGN_PORT: port, COUNTERSIGN_PUBLIC_URL: first.url };
  const node = await testServer({ databaseUrl, env });
  const url = `http://127.0.0.1:${port}`;
  return { ...node, url, issuer: (realm = 'dev') => `${url}/realms/${realm}` };
}
