import { applyForParticipation, pickUpCredentials as pickUpThroughSdk } from '@countersign/client';
import { exportJWK, generateKeyPair } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pickUpCredentials } from '../src/registry/onboarding/pick-up.ts';
import { requireRealm } from '../src/subject/realm.ts';
import {
  type Applicant,
  anySource,
  applicationBody,
  ask,
  createApplicant,
  onboard,
  pickUpBody,
  proofClaims,
  proxied,
  step,
} from './support/applicant.ts';
import { eachDatabase } from './support/databases.ts';
import { obtainToken, type TestServer, testServer } from './support/server.ts';

const applications = '/realms/dev/registry/applications';

eachDatabase('onboarding', (freshUrl) => {
  let server: TestServer;
  let admin: string;
  let issuer: string;
  beforeAll(async () => {
    server = await testServer({ databaseUrl: await freshUrl(), env: proxied });
    admin = await server.adminToken();
    issuer = server.issuer();
  });
  afterAll(() => server?.close());

  async function submit(applicant: Applicant, wishes = {}): Promise<{ id: string; pickUpCode: string }> {
    const answer = await ask(server, applications, { body: await applicationBody(issuer, applicant, wishes) });
    expect(answer.status, JSON.stringify(answer.body)).toBe(201);
    return answer.body;
  }
  const show = async (id: string) => (await ask(server, `${applications}/${id}`, { token: admin })).body;
  const participantCount = async () =>
    (await ask(server, '/realms/dev/admin/participants?limit=200', { token: admin })).body.items.length;

  describe.each(['ES256', 'RS256', 'EdDSA'] as const)('with a key for %s', (alg) => {
    test('an applicant becomes a participant that obtains tokens', async () => {
      const applicant = await createApplicant(alg);
      const baseUrl = `https://la.example/${alg}`;
      const { id, pickUpCode } = await submit(applicant, {
        role: 'LOAN_AGENT',
        baseUrl,
        participantName: 'Zürich €',
      });
      expect(await show(id)).toMatchObject({
        id,
        status: 'APPLIED',
        role: 'LOAN_AGENT',
        baseUrl,
        contact: 'ops@lender.example',
        thumbprint: applicant.thumbprint,
        pickedUp: false,
        participantId: null,
      });
      expect((await step(server, `${applications}/${id}/review`, admin)).body.status).toBe('UNDER_REVIEW');
      const approved = await step(server, `${applications}/${id}/approve`, admin);
      expect(approved.body).toMatchObject({ status: 'APPROVED', decidedBy: 'system/admin', pickedUp: false });

      const picked = await ask(server, `${applications}/${id}/credentials`, {
        body: await pickUpBody(issuer, applicant, id, pickUpCode),
      });
      expect(picked.status).toBe(200);
      expect(picked.headers.get('cache-control')).toBe('no-store');
      const { clientId, clientSecret, participantId, tokenEndpoint } = picked.body;
      expect(tokenEndpoint).toBe(`${issuer}/protocol/openid-connect/token`);
      expect(participantId).toBe(approved.body.participantId);
      const token = await obtainToken(issuer, clientId, clientSecret);
      const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
      expect(claims).toMatchObject({ participantId, client_id: clientId, realm_access: { roles: ['LOAN_AGENT'] } });

      const { body } = await ask(server, `/realms/dev/admin/participants/${participantId}`, { token: admin });
      expect(body).toMatchObject({
        status: 'APPROVED',
        role: 'LOAN_AGENT',
        approvedBy: 'system/admin',
        baseUrl,
        resources: [],
        participant: { participantName: 'Zürich €' },
        client: { id: clientId, status: 'ENABLED', scope: '' },
      });
      expect(body.keys).toMatchObject([{ thumbprint: applicant.thumbprint, valid: true }]);

      expect((await show(id)).pickedUp).toBe(true);
      const seen = JSON.stringify([await show(id), body, approved.body]) + server.logged.join('');
      for (const secret of [pickUpCode, clientSecret]) expect(seen).not.toContain(secret);
      expect(seen).not.toContain('digest');
    });
  });

  test('the SDK applies and picks up', async () => {
    const { privateKey } = await generateKeyPair('ES256', { extractable: true });
    const privateJwk = await exportJWK(privateKey);
    const wishes = {
      role: 'KYC_PARTNER',
      name: 'Kyc One',
      contact: 'ops@kyc.example',
      baseUrl: 'http://localhost:9100',
    };
    const { id, status, pickUpCode } = await applyForParticipation({ issuer, privateJwk, ...wishes });
    expect(status).toBe('APPLIED');
    await step(server, `${applications}/${id}/approve`, admin);
    const credentials = await pickUpThroughSdk({ issuer, privateJwk, applicationId: id, code: pickUpCode });
    await obtainToken(issuer, credentials.clientId, credentials.clientSecret);
    const again = pickUpThroughSdk({ issuer, privateJwk, applicationId: id, code: pickUpCode });
    await expect(again).rejects.toMatchObject({ code: 'onboarding.refused' });
  });

  test('the alias DERIVED_DATA_PROVIDER is written as the role that it means', async () => {
    const { id } = await submit(await createApplicant(), { role: 'DERIVED_DATA_PROVIDER' });
    expect((await show(id)).role).toBe('DERIVED_DATA_PARTNER');
  });

  test('every step is taken from the statuses that allow it, and a step taken twice changes nothing', async () => {
    const allowed: Record<string, readonly string[]> = {
      APPLIED: ['review', 'approve', 'reject'],
      UNDER_REVIEW: ['review', 'approve', 'reject'],
      APPROVED: ['approve'],
      REJECTED: ['reject'],
    };
    const way: Record<string, readonly string[]> = {
      APPLIED: [],
      UNDER_REVIEW: ['review'],
      APPROVED: ['approve'],
      REJECTED: ['reject'],
    };
    const becomes: Record<string, string> = { review: 'UNDER_REVIEW', approve: 'APPROVED', reject: 'REJECTED' };
    for (const [status, steps] of Object.entries(way)) {
      for (const name of ['review', 'approve', 'reject']) {
        const { id } = await submit(await createApplicant());
        for (const before of steps) await step(server, `${applications}/${id}/${before}`, admin);
        const known = await show(id);
        const answer = await step(server, `${applications}/${id}/${name}`, admin);
        if (allowed[status]?.includes(name)) {
          expect([answer.status, answer.body.status], `${name} of ${status}`).toEqual([200, becomes[name]]);
          if (becomes[name] === status) expect(answer.body).toEqual(known);
        } else {
          expect([answer.status, answer.body.code], `${name} of ${status}`).toEqual([409, 'registry.transition']);
          expect(await show(id)).toEqual(known);
        }
      }
    }
  });

  test('two approvals at once make one participant', async () => {
    const { id } = await submit(await createApplicant());
    const before = await participantCount();
    const answers = await Promise.all([1, 2, 3, 4].map(() => step(server, `${applications}/${id}/approve`, admin)));
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThan(0);
    for (const { status, body } of answers)
      if (status !== 200) expect([status, body.code]).toEqual([409, 'write.conflict']);
    expect(await participantCount()).toBe(before + 1);
  });

  test('a key that another organisation holds is refused at approval and nothing is changed', async () => {
    const applicant = await createApplicant();
    const first = await submit(applicant);
    const second = await submit(applicant, { role: 'KYC_PARTNER' });
    const { participantId } = (await step(server, `${applications}/${first.id}/approve`, admin)).body;
    const before = await participantCount();
    const known = await show(second.id);
    const refused = await step(server, `${applications}/${second.id}/approve`, admin);
    expect([refused.status, refused.body.code]).toEqual([409, 'registry.key_taken']);
    expect(await participantCount()).toBe(before);
    expect(await show(second.id)).toEqual(known);

    const unknown = await step(server, `${applications}/${second.id}/approve`, admin, { organisationId: 'nobody' });
    expect([unknown.status, unknown.body.pointer]).toEqual([400, '/organisationId']);
    const { organisationId } = (await ask(server, `/realms/dev/admin/participants/${participantId}`, { token: admin }))
      .body;
    const joined = await step(server, `${applications}/${second.id}/approve`, admin, { organisationId });
    expect(joined.status).toBe(200);
    const other = (await ask(server, `/realms/dev/admin/participants/${joined.body.participantId}`, { token: admin }))
      .body;
    expect([other.organisationId, other.role]).toEqual([organisationId, 'KYC_PARTNER']);
  });

  describe('pick-up', () => {
    async function approved() {
      const applicant = await createApplicant();
      const { id, pickUpCode } = await submit(applicant);
      const { participantId, clientId } = (await step(server, `${applications}/${id}/approve`, admin)).body;
      return { applicant, id, pickUpCode, participantId, clientId, path: `${applications}/${id}/credentials` };
    }

    test('hands out one secret, however many ask at once, and none the second time', async () => {
      const { applicant, id, pickUpCode, path, clientId } = await approved();
      const bodies = await Promise.all([1, 2, 3, 4, 5, 6].map(() => pickUpBody(issuer, applicant, id, pickUpCode)));
      const answers = await Promise.all(bodies.map((body) => ask(server, path, { body })));
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
      for (const { status, body } of answers)
        if (status !== 200) expect([status, body.code]).toEqual([409, 'registry.transition']);
      const again = await ask(server, path, { body: await pickUpBody(issuer, applicant, id, pickUpCode) });
      expect([again.status, again.body.code]).toEqual([409, 'registry.transition']);
      expect(again.body.detail).toMatch(/^The credentials were picked up on 20/);
      const client = (await ask(server, `/realms/dev/admin/clients/${clientId}`, { token: admin })).body;
      expect(client.secrets).toHaveLength(1);
    });

    test('hands out one secret to two that were both found right before either was written', async () => {
      const { applicant, id, pickUpCode, clientId } = await approved();
      const realm = await requireRealm(server.context, 'dev');
      const bodies = await Promise.all([1, 2].map(() => pickUpBody(issuer, applicant, id, pickUpCode)));
      const caller = { actor: 'anonymous', requestId: 'test' };
      const outcomes = await Promise.allSettled(
        bodies.map((body) => pickUpCredentials(server.context, realm, id, body, caller)),
      );
      expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      const client = (await ask(server, `/realms/dev/admin/clients/${clientId}`, { token: admin })).body;
      expect(client.secrets).toHaveLength(1);
    });

    test('changes nothing on GET', async () => {
      const { applicant, id, pickUpCode, path } = await approved();
      const got = await ask(server, path);
      expect([got.status, got.headers.get('allow')]).toEqual([405, 'POST']);
      expect((await ask(server, path, { body: await pickUpBody(issuer, applicant, id, pickUpCode) })).status).toBe(200);
    });

    test('refuses every wrong code and proof alike, and the right one still works afterwards', async () => {
      const { applicant, id, pickUpCode, path } = await approved();
      const stranger = await createApplicant();
      const good = await pickUpBody(issuer, applicant, id, pickUpCode);
      const sign = (claims: object, typ = 'countersign-pickup+jwt', by = applicant) =>
        by.sign(typ, { ...proofClaims(issuer), id, codeHash: hashOf(good.proof), ...claims });
      const wrong: Record<string, { code: string; proof: string }> = {
        'another code': { ...good, code: `${pickUpCode.slice(0, -1)}${pickUpCode.endsWith('A') ? 'B' : 'A'}` },
        'the key of a stranger': await pickUpBody(issuer, stranger, id, pickUpCode),
        'another application': await pickUpBody(issuer, applicant, 'another', pickUpCode),
        'another realm': await pickUpBody(server.issuer('system'), applicant, id, pickUpCode),
        'the hash of another code': {
          code: pickUpCode,
          proof: await sign({ codeHash: hashOf((await pickUpBody(issuer, applicant, id, 'x')).proof) }),
        },
        'no hash': { code: pickUpCode, proof: await sign({ codeHash: undefined }) },
        'a proof for applications': { code: pickUpCode, proof: await sign({}, 'countersign-application+jwt') },
        'a proof of yesterday': {
          code: pickUpCode,
          proof: await sign({ iat: Math.floor(Date.now() / 1000) - 86_400 }),
        },
        'no proof': { code: pickUpCode, proof: 'x' },
      };
      const texts = new Set<string>();
      for (const [name, body] of Object.entries(wrong)) {
        const answer = await ask(server, path, { body });
        expect([answer.status, answer.body.code], name).toEqual([401, 'registry.proof']);
        const { requestId: _, ...rest } = answer.body;
        texts.add(JSON.stringify(rest));
      }
      const unknown = await ask(server, `${applications}/0190-nobody/credentials`, { body: good });
      const { requestId: _, ...rest } = unknown.body;
      texts.add(JSON.stringify(rest));
      expect([...texts]).toHaveLength(1);
      expect((await ask(server, path, { body: good })).status).toBe(200);
    });

    test('is throttled by application and source', async () => {
      const { applicant, id, pickUpCode, path } = await approved();
      const source = anySource();
      const tried = [];
      for (let i = 0; i < 31; i++) tried.push(await ask(server, path, { source, body: { code: 'guess', proof: 'x' } }));
      expect(tried.slice(0, 30).every(({ status }) => status === 401)).toBe(true);
      expect(tried[30]?.status).toBe(429);
      expect(Number(tried[30]?.headers.get('retry-after'))).toBeGreaterThan(0);
      const elsewhere = await ask(server, path, { body: await pickUpBody(issuer, applicant, id, pickUpCode) });
      expect(elsewhere.status).toBe(200);
    });

    test('tells who proved both code and key that the application is not approved, or the participant suspended', async () => {
      const applicant = await createApplicant();
      const { id, pickUpCode } = await submit(applicant);
      const pickUp = async () =>
        ask(server, `${applications}/${id}/credentials`, { body: await pickUpBody(issuer, applicant, id, pickUpCode) });
      const early = await pickUp();
      expect([early.status, early.body.code]).toEqual([409, 'registry.transition']);
      const { participantId } = (await step(server, `${applications}/${id}/approve`, admin)).body;
      await step(server, `/realms/dev/registry/participants/${participantId}/suspend`, admin);
      const suspended = await pickUp();
      expect([suspended.status, suspended.body.code]).toEqual([409, 'registry.transition']);
      await step(server, `/realms/dev/registry/participants/${participantId}/reinstate`, admin);
      expect((await pickUp()).status).toBe(200);
    });

    test('is refused when the key has been retired, the application rejected, or the participant offboarded', async () => {
      const retired = await approved();
      await step(
        server,
        `/realms/dev/admin/participants/${retired.participantId}/keys/${retired.applicant.thumbprint}/retire`,
        admin,
      );
      const answer = await ask(server, retired.path, {
        body: await pickUpBody(issuer, retired.applicant, retired.id, retired.pickUpCode),
      });
      expect([answer.status, answer.body.code]).toEqual([401, 'registry.proof']);

      const offboarded = await approved();
      await step(server, `/realms/dev/registry/participants/${offboarded.participantId}/offboard`, admin);
      const late = await ask(server, offboarded.path, {
        body: await pickUpBody(issuer, offboarded.applicant, offboarded.id, offboarded.pickUpCode),
      });
      expect([late.status, late.body.code]).toEqual([409, 'registry.transition']);

      const applicant = await createApplicant();
      const { id, pickUpCode } = await submit(applicant);
      await step(server, `${applications}/${id}/reject`, admin);
      const rejected = await ask(server, `${applications}/${id}/credentials`, {
        body: await pickUpBody(issuer, applicant, id, pickUpCode),
      });
      expect([rejected.status, rejected.body.code]).toEqual([401, 'registry.proof']);
    });
  });

  test('one source may apply ten times an hour, another one still may', async () => {
    const source = anySource();
    const applicant = await createApplicant();
    const statuses = [];
    let last: Awaited<ReturnType<typeof ask>> | undefined;
    for (let i = 0; i < 11; i++) {
      last = await ask(server, applications, { source, body: await applicationBody(issuer, applicant) });
      statuses.push(last.status);
    }
    expect(statuses).toEqual([...Array(10).fill(201), 429]);
    expect(Number(last?.headers.get('retry-after'))).toBeGreaterThan(60);
    expect((await ask(server, applications, { body: await applicationBody(issuer, applicant) })).status).toBe(201);
  });

  test('a host with a /64 of addresses is one source', async () => {
    const applicant = await createApplicant();
    const statuses = [];
    for (let host = 1; host <= 11; host++) {
      const source = host % 2 === 0 ? `2001:db8:0:7::${host}` : `2001:db8::7:0:0:0:${host}`;
      statuses.push(
        (await ask(server, applications, { source, body: await applicationBody(issuer, applicant) })).status,
      );
    }
    expect(statuses).toEqual([...Array(10).fill(201), 429]);
    const neighbour = { source: '2001:db8:0:8::1', body: await applicationBody(issuer, applicant) };
    expect((await ask(server, applications, neighbour)).status).toBe(201);
  });

  test('a realm keeps a thousand undecided applications and no more', async () => {
    const { db } = server.context.store;
    const { id } = await submit(await createApplicant());
    const model = await db.selectFrom('application').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
    const fill = Array.from({ length: 1_000 }, (_, index) => ({ ...model, id: `fill-${index}` }));
    for (let at = 0; at < fill.length; at += 100)
      await db
        .insertInto('application')
        .values(fill.slice(at, at + 100))
        .execute();
    const applicant = await createApplicant();
    const full = await ask(server, applications, { body: await applicationBody(issuer, applicant) });
    expect([full.status, full.body.code]).toEqual([429, 'attempt.throttled']);
    expect(Number(full.headers.get('retry-after'))).toBeGreaterThan(0);
    await db.updateTable('application').set({ status: 'REJECTED' }).where('id', 'like', 'fill-%').execute();
    await submit(applicant);
    await db.deleteFrom('application').where('id', 'like', 'fill-%').execute();
  });

  test('a proof is good for one application', async () => {
    const body = await applicationBody(issuer, await createApplicant());
    expect((await ask(server, applications, { body })).status).toBe(201);
    const again = await ask(server, applications, { body });
    expect([again.status, again.body.code]).toEqual([401, 'registry.proof']);
  });

  test('lists applications page by page, of one status if asked', async () => {
    const { id } = await submit(await createApplicant());
    const ids: string[] = [];
    for (let after = ''; ; ) {
      const { body } = await ask(server, `${applications}?limit=7&status=APPLIED&after=${after}`, { token: admin });
      expect(body.items.length).toBeLessThanOrEqual(7);
      for (const item of body.items) expect(item.status).toBe('APPLIED');
      ids.push(...body.items.map((item: { id: string }) => item.id));
      if (body.next === undefined) break;
      after = body.next;
    }
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toContain(id);
  });

  test('every step leaves an event with who, before and after, and no secret', async () => {
    const applicant = await createApplicant();
    const { participantId, clientSecret } = await onboard(server, applicant);
    const rows = await server.context.store.db.selectFrom('event').selectAll().orderBy('id').execute();
    const own = rows.filter((row) => row.object === `participant:${participantId}`);
    expect(own.map((row) => [row.type, row.actor])).toEqual([['participant.registered', 'system/admin']]);
    const { id } = await server.context.store.db
      .selectFrom('application')
      .select('id')
      .where('participant_id', '=', participantId)
      .executeTakeFirstOrThrow();
    const steps = rows.filter((row) => row.object === `application:${id}`).map((row) => row.type);
    expect(steps.sort()).toEqual(['application.approved', 'application.picked_up', 'application.submitted']);
    expect(JSON.stringify(rows)).not.toContain(clientSecret);
  });
});

function hashOf(proof: string): string {
  return JSON.parse(Buffer.from(proof.split('.')[1] ?? '', 'base64url').toString()).codeHash;
}
