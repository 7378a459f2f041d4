import { afterAll, describe, expect, test } from 'vitest';
import { system } from '../src/kernel/caller.ts';
import type { Route } from '../src/route.ts';
import { allRoutes } from '../src/server.ts';
import { write } from '../src/store/write.ts';
import { requireRealm } from '../src/subject/realm.ts';
import { authenticateSession, endSession, openSession } from '../src/subject/session.ts';
import { issueDocument } from '../src/subject/tokens/token.ts';
import { corporateAt, corporateNetwork, passwords } from './support/passwords.ts';
import { obtainToken, testServer } from './support/server.ts';

/** Every row of the table of routes, called with credentials that are not good for it, and with bodies that do not fit. */

const routes = allRoutes(() => {
  throw new Error('No metrics are asked for here.');
});

/** All that anyone may call. A new open endpoint is added here, by a person who has thought about it. */
const open = [
  'isAlive',
  'isReady',
  'getMetrics',
  'getFrontPage',
  'getDescription',
  'getDocs',
  'getDocsStyle',
  'getDocsScript',
  'getOpenIdConfiguration',
  'getAuthorizationServerMetadata',
  'getCertificate',
  'getReceiptCertificates',
  'getDidDocument',
  'explainInvitation',
  'explainRecovery',
  'submitApplication',
  'getOwnApplication',
  'pickUpCredentials',
  'logIn',
  'validatePassword',
  'startLostPassword',
  'resumeLostPassword',
];

const client = { id: 'client', secret: 'client-secret-for-tests' };

/** The same names in both realms, so that a credential of one reaches for something that the other has too. */
function network() {
  const { realms } = corporateNetwork();
  const participants = [{ id: 'party', role: 'LENDER', status: 'APPROVED', client }];
  return { realms: realms.map((realm) => ({ ...realm, participants })) };
}

describe('every route', async () => {
  const server = await testServer({ network: network(), env: { COUNTERSIGN_LOG_LEVEL: 'warn' } });
  afterAll(() => server.close());
  const { context } = server;
  const corporate = corporateAt(server);
  for (const realm of ['dev', 'bank'])
    await corporate.admin(`/realms/${realm}/passwords/cred-1/create`, { password: { value: passwords.first } });
  const admin = await server.adminToken();
  const administratorOf = async (realm: string) => {
    const { body } = await corporate.admin(`/realms/${realm}/admin/clients`, { name: 'A', scope: 'countersign:admin' });
    return obtainToken(server.issuer(realm), String(body.clientId), String(body.clientSecret));
  };
  const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  const issued = (token: string, changes: object) =>
    issueDocument(context, 'dev', 'token', 'JWT', { ...claimsOf(token), jti: context.random.uuid(), ...changes });
  const ownAdmin = await administratorOf('dev');
  const party = await obtainToken(server.issuer(), client.id, client.secret);
  const now = Math.floor(context.clock.now() / 1000);
  const session = () => corporate.session();
  /** One that has shown a second factor just now. */
  const strong = async () => {
    const { subject } = await authenticateSession(context, await session());
    const dev = await requireRealm(context, 'dev');
    return (await write(context, system, (tx) => openSession(context, tx, dev, subject, { acr: 'aal2' }))).token;
  };
  const ended = async () => {
    const token = await session();
    const { body } = await corporate.call('/auth/sessions/get', `Bearer ${token}`, {});
    const { id } = (body.sessions as { id: string; current?: boolean }[]).find((one) => one.current) as { id: string };
    await write(context, system, (tx) => endSession(tx, 'dev', id, 'force'));
    return token;
  };

  const foreign = 'an administrator of another realm';
  /** None of these is good for anything in realm `dev`. */
  const worthless: Readonly<Record<string, string | undefined>> = {
    'no credential': undefined,
    'a text that is no token': 'Bearer x.y.z',
    'Basic in place of a token': `Basic ${Buffer.from('admin:administrator').toString('base64')}`,
    [foreign]: `Bearer ${await administratorOf('bank')}`,
    'an expired token of an administrator': `Bearer ${await issued(ownAdmin, { iat: now - 900, nbf: now - 900, exp: now - 300 })}`,
    'an unknown session': `Bearer css_${'A'.repeat(43)}`,
    'a session that has ended': `Bearer ${await ended()}`,
  };

  const names: Readonly<Record<string, string>> = {
    realm: 'dev',
    id: 'party',
    credential_id: 'cred-1',
    identity_id: 'corp-1',
  };
  const call = ({ method, path }: Route, authorization: string | undefined, body?: string) =>
    fetch(server.url + path.replace(/:([A-Za-z_]+)/g, (_, name: string) => names[name] ?? '1'), {
      method,
      headers: {
        ...(authorization === undefined ? {} : { authorization }),
        ...(method === 'GET' ? {} : { 'content-type': 'application/json' }),
      },
      ...(method === 'GET' ? {} : { body: body ?? '{}' }),
      redirect: 'manual',
    });

  test('is closed, or is named here as open', () => {
    const anyone = routes.filter(({ security }) => security === 'none').map(({ operationId }) => operationId);
    expect(anyone.filter((id) => !id.endsWith('InRealm')).sort()).toEqual([...open].sort());
    for (const id of anyone.filter((one) => one.endsWith('InRealm'))) expect(open).toContain(id.slice(0, -7));
  });

  const tokens = routes.filter(({ security }) => security !== 'none' && security !== 'client');
  test.each(tokens.map((route) => [`${route.method} ${route.path}`, route] as const))(
    '%s refuses every credential that is not good for it',
    async (_, route) => {
      // Where the path names no realm, a documented call takes the realm of the token.
      const isOwnRealm = (name: string) =>
        route.refusals === 'corporate' && !route.path.startsWith('/realms/') && name === foreign;
      for (const [name, authorization] of Object.entries(worthless).filter(([one]) => !isOwnRealm(one))) {
        const { status, headers } = await call(route, authorization);
        expect([401, 403], `${name}: ${status}`).toContain(status);
        if (status === 401) expect(headers.get('www-authenticate'), name).toMatch(/^(Bearer|Basic) realm="/);
      }
    },
  );

  const administration = routes.filter(({ security }) => security === 'administrator');
  test.each(administration.map((route) => [`${route.method} ${route.path}`, route] as const))(
    '%s is for administrators only, and for none by a token that other services see',
    async (_, route) => {
      const audiences = ['https://elsewhere.example', [server.issuer(), 'https://elsewhere.example']];
      const shared = await Promise.all(audiences.map((aud) => issued(ownAdmin, { aud })));
      for (const token of [party, await session(), ...shared])
        expect([401, 403]).toContain((await call(route, `Bearer ${token}`)).status);
    },
  );

  const bodies = routes.filter(({ body }) => body?.mediaTypes.includes('application/json'));
  test.each(bodies.map((route) => [`${route.method} ${route.path}`, route] as const))(
    '%s refuses a body that does not fit before it does anything',
    async (_, route) => {
      const callers = {
        none: [undefined],
        client: [`Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}`],
        bearer: [`Bearer ${party}`],
        participant: [`Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}`, `Bearer ${admin}`],
        session: [`Bearer ${await strong()}`, `Bearer ${admin}`],
        administrator: [`Bearer ${admin}`],
      }[route.security];
      for (const body of ['[]', '"x"', '{', '{"no such member":1}', '{"__proto__":1}']) {
        const seen = [];
        for (const authorization of callers) seen.push((await call(route, authorization, body)).status);
        // 422: a network file, whose refusals are its own.
        expect(
          seen.some((status) => status === 400 || status === 422),
          `${body}: ${seen}`,
        ).toBe(true);
        for (const status of seen) expect([400, 401, 403, 422], body).toContain(status);
      }
    },
  );
});
