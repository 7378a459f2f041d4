import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Answer,
  type Applicant,
  applicationBody,
  ask,
  createApplicant,
  proofClaims,
  proxied,
  type Request,
} from './support/applicant.ts';
import { type TestServer, testServer } from './support/server.ts';

let server: TestServer;
let applicant: Applicant;
let stranger: Applicant;
const applications = '/realms/dev/registry/applications';

beforeAll(async () => {
  server = await testServer({
    env: proxied,
    network: { realms: [{ name: 'live', profile: 'strict' }] },
  });
  applicant = await createApplicant();
  stranger = await createApplicant();
});
afterAll(() => server?.close());

type Body = Awaited<ReturnType<typeof applicationBody>>;

interface Row {
  readonly path?: string;
  /** A change of a body that nothing is wrong with. */
  readonly with?: (body: Body) => unknown;
  readonly request?: (body: Body) => Request;
  readonly expected: readonly [status: number, code: string, pointer?: string];
}

/** The good body with a proof over other claims or under another header. */
async function reproved(
  body: Body,
  claims: object,
  options: { readonly typ?: string; readonly by?: Applicant; readonly header?: Record<string, unknown> } = {},
) {
  const { typ = 'countersign-application+jwt', by = applicant, header } = options;
  const good = {
    ...proofClaims(server.issuer()),
    role: body.role,
    thumbprint: applicant.thumbprint,
    participantName: body.participant.participantName,
  };
  return { ...body, proof: await by.sign(typ, { ...good, ...claims }, header) };
}

const now = () => Math.floor(Date.now() / 1000);
const invalid = (pointer: string): Row['expected'] => [400, 'request.invalid', pointer];
const refusedProof: Row['expected'] = [401, 'registry.proof'];
const withParticipant = (body: Body, said: object) => ({ ...body, participant: { ...body.participant, ...said } });
const withKey = (body: Body, change: object) => ({ ...body, publicKey: { ...body.publicKey, ...change } });

const rows: Record<string, Row> = {
  // The request.
  'an unknown realm': { path: '/realms/nowhere/registry/applications', expected: [404, 'realm.unknown'] },
  'the realm of the administrators': {
    path: '/realms/system/registry/applications',
    expected: [404, 'request.not_found'],
  },
  'no body': { request: () => ({ rawBody: '' }), expected: invalid('') },
  'a form': {
    request: () => ({ rawBody: 'role=LENDER', headers: { 'content-type': 'application/x-www-form-urlencoded' } }),
    expected: [415, 'request.media_type'],
  },
  'no media type': {
    request: (body) => ({ rawBody: JSON.stringify(body), headers: { 'content-type': '' } }),
    expected: [415, 'request.media_type'],
  },
  'half a document': { request: (body) => ({ rawBody: JSON.stringify(body).slice(0, -5) }), expected: invalid('') },
  'a member twice': {
    request: (body) => ({ rawBody: JSON.stringify(body).replace('{', '{"role":"ADMIN",') }),
    expected: [400, 'request.duplicate_member', '/role'],
  },
  'a member of the organisation twice': {
    request: (body) => ({
      rawBody: JSON.stringify(body).replace('"participant":{', '"participant":{"participantName":"Other",'),
    }),
    expected: [400, 'request.duplicate_member', '/participant/participantName'],
  },
  'a lone surrogate': {
    request: (body) => ({ rawBody: JSON.stringify(body).replace('Lender One', '\\ud800') }),
    expected: invalid('/participant/participantName'),
  },
  'a deep document': {
    with: (body) => ({ ...body, publicKey: { deep: JSON.parse('['.repeat(60) + ']'.repeat(60)) } }),
    expected: invalid(`/publicKey/deep${'/0'.repeat(30)}`),
  },
  'more than 1 MiB': {
    with: (body) => withParticipant(body, { participantLogo: 'x'.repeat(1_100_000) }),
    expected: [413, 'request.too_large'],
  },
  'an array': { with: (body) => [body], expected: invalid('') },
  'a member that nobody asked for': { with: (body) => ({ ...body, status: 'APPROVED' }), expected: invalid('') },
  'a prototype': {
    request: (body) => ({ rawBody: JSON.stringify(body).replace('{', '{"__proto__":{"status":"APPROVED"},') }),
    expected: invalid('/__proto__'),
  },
  // Its members.
  ...Object.fromEntries(
    [
      ['participantWebsite', 'javascript:alert(1)'],
      ['participantWebsite', 'JavaScript:alert(1)//https://'],
      ['participantWebsite', 'data:text/html,x'],
      ['participantWebsite', 'lender.example'],
      ['participantWebsite', 'https://user@lender.example\\@evil.example x'],
      ['participantLogo', 'javascript:alert(1)'],
      ['participantLogo', 'data:text/html;base64,PHNjcmlwdD4='],
      ['participantLogo', 'data:image/svg+xml;base64,PHN2Zz4='],
      ['participantLogo', '<svg onload=alert(1)>'],
      ['participantLogoContentType', 'text/html'],
    ].map(([member = '', value]) => [
      `${member} ${value}`,
      { with: (body: Body) => withParticipant(body, { [member]: value }), expected: invalid(`/participant/${member}`) },
    ]),
  ),
  'no role': { with: ({ role: _, ...body }) => body, expected: invalid('/role') },
  'an unknown role': { with: (body) => ({ ...body, role: 'KING' }), expected: invalid('/role') },
  'a role in lower case': { with: (body) => ({ ...body, role: 'lender' }), expected: invalid('/role') },
  'no organisation': { with: ({ participant: _, ...body }) => body, expected: invalid('/participant') },
  'no name': { with: (body) => ({ ...body, participant: {} }), expected: invalid('/participant/participantName') },
  'an empty name': {
    with: (body) => withParticipant(body, { participantName: '' }),
    expected: invalid('/participant/participantName'),
  },
  'a name of 256 characters': {
    with: (body) => withParticipant(body, { participantName: 'x'.repeat(256) }),
    expected: invalid('/participant/participantName'),
  },
  'a name with NUL': {
    with: (body) => withParticipant(body, { participantName: 'a\0b' }),
    expected: invalid('/participant/participantName'),
  },
  'a name of two lines': {
    with: (body) => withParticipant(body, { participantName: 'a\nb' }),
    expected: invalid('/participant/participantName'),
  },
  'a number for a name': {
    with: (body) => withParticipant(body, { participantName: 7 }),
    expected: invalid('/participant/participantName'),
  },
  'a field that OCEN does not know': {
    with: (body) => withParticipant(body, { createdOn: '2020-01-01' }),
    expected: invalid('/participant'),
  },
  'an id of its own choice': {
    with: (body) => withParticipant(body, { id: '1111' }),
    expected: invalid('/participant'),
  },
  'a phone number with NUL': {
    with: (body) => withParticipant(body, { participantPhone: '\0' }),
    expected: invalid('/participant/participantPhone'),
  },
  'no contact': { with: ({ contact: _, ...body }) => body, expected: invalid('/contact') },
  'a contact that is no address': { with: (body) => ({ ...body, contact: 'me' }), expected: invalid('/contact') },
  'a contact with a header': {
    with: (body) => ({ ...body, contact: 'a@b.example\r\nBcc: all@b.example' }),
    expected: invalid('/contact'),
  },
  // Base URLs.
  'a relative base URL': { with: (body) => ({ ...body, baseUrl: '/api' }), expected: invalid('/baseUrl') },
  'a base URL of a file': {
    with: (body) => ({ ...body, baseUrl: 'file:///etc/passwd' }),
    expected: invalid('/baseUrl'),
  },
  'a base URL of a script': {
    with: (body) => ({ ...body, baseUrl: 'javascript:alert(1)' }),
    expected: invalid('/baseUrl'),
  },
  'a base URL with a password': {
    with: (body) => ({ ...body, baseUrl: 'https://a:b@c.example' }),
    expected: invalid('/baseUrl'),
  },
  'a base URL with a query': {
    with: (body) => ({ ...body, baseUrl: 'https://c.example/?a=b' }),
    expected: invalid('/baseUrl'),
  },
  'a base URL with a fragment': {
    with: (body) => ({ ...body, baseUrl: 'https://c.example/#a' }),
    expected: invalid('/baseUrl'),
  },
  'a base URL with a tab': {
    with: (body) => ({ ...body, baseUrl: 'https://c.exa\tmple' }),
    expected: invalid('/baseUrl'),
  },
  'a base URL with a backslash': {
    with: (body) => ({ ...body, baseUrl: 'https:\\\\c.example' }),
    expected: invalid('/baseUrl'),
  },
  'an http base URL where the realm is live': {
    path: '/realms/live/registry/applications',
    with: (body) => ({ ...body, baseUrl: 'http://c.example' }),
    expected: invalid('/baseUrl'),
  },
  // The key.
  'no key': { with: ({ publicKey: _, ...body }) => body, expected: invalid('/publicKey') },
  'a key as a string': {
    with: (body) => ({ ...body, publicKey: JSON.stringify(body.publicKey) }),
    expected: invalid('/publicKey'),
  },
  'a private key': {
    with: (body) => withKey(body, { d: body.publicKey.x }),
    expected: [400, 'registry.key', '/publicKey/d'],
  },
  'a symmetric key': {
    with: (body) => ({ ...body, publicKey: { kty: 'oct', alg: 'HS256', x: 'AAAA' } }),
    expected: [400, 'registry.key', '/publicKey/kty'],
  },
  'a key for encryption': {
    with: (body) => withKey(body, { use: 'enc' }),
    expected: [400, 'registry.key', '/publicKey/use'],
  },
  'a point off the curve': {
    with: (body) => withKey(body, { y: body.publicKey.x }),
    expected: [400, 'registry.key', '/publicKey/x'],
  },
  'an algorithm of another key type': {
    with: (body) => withKey(body, { alg: 'RS256' }),
    expected: [400, 'registry.key', '/publicKey/alg'],
  },
  'algorithm none': {
    with: (body) => withKey(body, { alg: 'none' }),
    expected: [400, 'registry.key', '/publicKey/alg'],
  },
  'a weak RSA key': {
    with: (body) => ({
      ...body,
      publicKey: { kty: 'RSA', e: 'AQAB', n: Buffer.alloc(128, 0xff).toString('base64url') },
    }),
    expected: [400, 'registry.key', '/publicKey/n'],
  },
  // The proof.
  'no proof': { with: ({ proof: _, ...body }) => body, expected: invalid('/proof') },
  'a huge proof': { with: (body) => ({ ...body, proof: 'x'.repeat(8_193) }), expected: invalid('/proof') },
  'a proof that is no JWS': { with: (body) => ({ ...body, proof: 'x.y.z' }), expected: refusedProof },
  'a proof without signature': {
    with: (body) => ({ ...body, proof: `${body.proof.split('.').slice(0, 2).join('.')}.` }),
    expected: refusedProof,
  },
  'a proof with algorithm none': {
    with: (body) => ({
      ...body,
      proof: [
        Buffer.from('{"alg":"none","typ":"countersign-application+jwt"}').toString('base64url'),
        body.proof.split('.')[1],
        '',
      ].join('.'),
    }),
    expected: refusedProof,
  },
  'a proof by another key': { with: (body) => reproved(body, {}, { by: stranger }), expected: refusedProof },
  "another's key under an own proof": {
    with: (body) => ({ ...body, publicKey: stranger.publicKey }),
    expected: refusedProof,
  },
  'a proof that brings its own key': {
    with: (body) => reproved(body, {}, { header: { jwk: applicant.publicKey } }),
    expected: refusedProof,
  },
  'a proof under a foreign kid': {
    with: (body) => reproved(body, {}, { header: { kid: 'other' } }),
    expected: refusedProof,
  },
  'a proof of another type': { with: (body) => reproved(body, {}, { typ: 'JWT' }), expected: refusedProof },
  'a proof for pick-ups': {
    with: (body) => reproved(body, {}, { typ: 'countersign-pickup+jwt' }),
    expected: refusedProof,
  },
  'a proof for another realm': {
    with: (body) => reproved(body, { aud: server.issuer('live') }),
    expected: refusedProof,
  },
  'a proof for two audiences': {
    with: (body) => reproved(body, { aud: [server.issuer(), 'https://other.example'] }),
    expected: refusedProof,
  },
  'a proof without audience': { with: (body) => reproved(body, { aud: undefined }), expected: refusedProof },
  'an old proof': { with: (body) => reproved(body, { iat: now() - 310 }), expected: refusedProof },
  'a proof of the future': { with: (body) => reproved(body, { iat: now() + 310 }), expected: refusedProof },
  'a proof without time': { with: (body) => reproved(body, { iat: undefined }), expected: refusedProof },
  'an expired proof': { with: (body) => reproved(body, { exp: now() - 1 }), expected: refusedProof },
  'a proof without jti': { with: (body) => reproved(body, { jti: undefined }), expected: refusedProof },
  'a proof with an empty jti': { with: (body) => reproved(body, { jti: '' }), expected: refusedProof },
  'a proof with a jti of 256 characters': {
    with: (body) => reproved(body, { jti: 'x'.repeat(256) }),
    expected: refusedProof,
  },
  'a proof for another role': { with: (body) => reproved(body, { role: 'KYC_PARTNER' }), expected: refusedProof },
  'a proof for another name': { with: (body) => reproved(body, { participantName: 'Other' }), expected: refusedProof },
  'a proof for another key': {
    with: (body) => reproved(body, { thumbprint: stranger.thumbprint }),
    expected: refusedProof,
  },
  'a base URL that the proof does not name': {
    with: (body) => ({ ...body, baseUrl: 'https://evil.example' }),
    expected: refusedProof,
  },
  'a proof with a base URL that the application does not name': {
    with: (body) => reproved(body, { baseUrl: 'https://a.example' }),
    expected: refusedProof,
  },
};

describe('an application is refused when it is, or has,', () => {
  test.each(Object.entries(rows))('%s', async (_name, row) => {
    const good = await applicationBody(server.issuer(), applicant);
    const request = row.request?.(good) ?? { body: await (row.with ?? ((body) => body))(good) };
    const { path = applications } = row;
    const answer = await ask(server, path, { method: 'POST', ...request });
    expectRefusal(answer, row.expected);
    const stored = await server.context.store.db.selectFrom('application').select('id').execute();
    expect(stored).toEqual([]);
  });
});

test('what the table changes is what was refused: the body that it starts from is taken', async () => {
  const answer = await ask(server, applications, { body: await applicationBody(server.issuer(), applicant) });
  expect(answer.status).toBe(201);
  await server.context.store.db.deleteFrom('application').execute();
});

test('an http base URL is fine where the realm is for development', async () => {
  const body = await applicationBody(server.issuer(), applicant, { baseUrl: 'http://127.0.0.1:9001' });
  expect((await ask(server, applications, { body })).status).toBe(201);
  await server.context.store.db.deleteFrom('application').execute();
});

test('thirty failed proofs of one source are enough for a minute', async () => {
  const body = { ...(await applicationBody(server.issuer(), applicant)), proof: 'x.y.z' };
  const statuses = [];
  for (let i = 0; i < 31; i++) statuses.push((await ask(server, applications, { body, source: '192.0.2.1' })).status);
  expect(statuses).toEqual([...Array(30).fill(401), 429]);
});

function expectRefusal({ status, body, headers }: Answer, [expectedStatus, code, pointer]: Row['expected']): void {
  expect({ status, code: body.code, pointer: body.pointer }).toEqual({ status: expectedStatus, code, pointer });
  expect(headers.get('content-type')).toBe('application/problem+json');
}
