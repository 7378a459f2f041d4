import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  createAccessTokenVerifier,
  createEdge,
  createParticipant,
  createRegistry,
  createService,
  createSubjectVerifier,
  createTokenSource,
  fixedKeys,
  parsePublicJwk,
} from '../src/index.ts';
import { parseProfile } from '../src/wallet/index.ts';
import { startIssuer, type TestIssuer } from './support/issuer.ts';
import { rsaKey } from './support/realm-server.ts';

let issuer: TestIssuer;
/** What the token endpoint was shown, decoded. */
const shown: string[] = [];
let answer: { readonly status: number; readonly body: object };
beforeAll(async () => {
  issuer = await startIssuer();
  issuer.routes['/realms/dev/token'] = (request, response) => {
    shown.push(Buffer.from((request.headers.authorization ?? '').slice(6), 'base64').toString());
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body));
  };
});
afterAll(() => issuer?.[Symbol.asyncDispose]());

// biome-ignore lint/suspicious/noExplicitAny: types do not stop anybody in JavaScript
type Loose = any;
const own = () => ({ issuer: issuer.issuer, clientId: 'c', clientSecret: 's' });

describe('an audience', () => {
  test.each([undefined, null, '', [], [''], [undefined], 7, new String('api'), { 0: 'api', length: 1 }])(
    'that is %j is never any',
    (audience) => {
      const options: Loose = { ...own(), audience };
      const code = { code: 'verifier.audience' };
      expect(() => createAccessTokenVerifier(options)).toThrow();
      expect(() => createParticipant({ ...options, privateKey: rsaKey() })).toThrow(/audience/);
      for (const create of [createService, createSubjectVerifier] as Loose[]) {
        const { clientId, clientSecret, ...verifying } = options;
        const given = create === createService ? options : verifying;
        if (Array.isArray(audience) && audience.length === 0) {
          expect(() => create({ ...given, accept: ['participant'] })).toThrow(expect.objectContaining(code));
        } else expect(() => create({ ...given, accept: ['participant'] })).toThrow(TypeError);
      }
      expect(() => createEdge(options)).toThrow();
    },
  );

  test('a misspelt one is refused by its name', () => {
    const wrong: Loose = { issuer: issuer.issuer, audiance: 'api' };
    expect(() => createAccessTokenVerifier(wrong)).toThrow(new TypeError('options has no option "audiance".'));
  });

  test('left out, a token for anybody is accepted, as documented; given, it must be named', async () => {
    const token = await issuer.sign({ aud: 'somebody-else' });
    const { issuer: from } = issuer;
    await expect(createAccessTokenVerifier({ issuer: from }).verify(token)).resolves.toMatchObject({ id: 's-1' });
    await expect(createAccessTokenVerifier({ issuer: from, audience: 'api' }).verify(token)).rejects.toMatchObject({
      code: 'jwt.audience',
    });
  });
});

test.each([
  ['accepts', { accepts: 'strict' }],
  ['accepts', { accepts: undefined }],
  ['accepts', { accepts: ['Strict'] }],
  ['accept', { accept: ['strict'] }],
  ['form', { form: 'Strict' }],
  ['status', { status: 'None' }],
  ['status', { status: { onStale: 'Open' } }],
  ['status', { status: { maxStaleness: 5 } }],
  ['cache', { cache: { maxEntries: '10' } }],
  ['replay', { replay: {} }],
  ['privateKey', { privateKey: '{}' }],
  ['now', { now: Date.now() }],
])('a participant whose %s is misspelt or of another type is not made: %j', (member, change) => {
  const options: Loose = { ...own(), privateKey: rsaKey(), ...change };
  expect(() => createParticipant(options)).toThrow(TypeError);
  expect(() => createParticipant(options)).toThrow(member);
});

test('keys that nobody has looked at are none', () => {
  const jwk: Loose = issuer.keys[0];
  expect(() => fixedKeys([jwk])).toThrow('a key that parsePublicJwk returned');
  const parsed = parsePublicJwk(jwk);
  if (!parsed.ok) throw new Error('The keys of the issuer are good.');
  expect(fixedKeys([parsed.key]).keys()).toEqual([parsed.key]);
});

test.each([undefined, null, 7, ['a'], new String('a'), {}])(
  'an id of the registry that is %j is a TypeError',
  async (id) => {
    const registry = createRegistry({ issuer: issuer.issuer, token: { token: async () => 't' } });
    await expect(registry.participant(id as Loose)).rejects.toThrow(TypeError);
    await expect(registry.network(id as Loose)).rejects.toThrow(TypeError);
  },
);

describe('a client secret as a file holds it', () => {
  const good = { access_token: 't', token_type: 'Bearer', expires_in: 60 };
  test.each(['s3cret\n', 's3cret\r\n', '\ufeffs3cret', '\ufeffs3cret\r\n\r\n'])(
    '%j is s3cret',
    async (clientSecret) => {
      answer = { status: 200, body: good };
      await createTokenSource({ ...own(), clientSecret }).token();
      expect(shown.at(-1)).toBe('c:s3cret');
    },
  );

  test.each(['', '\n', '\ufeff', 'two\nlines', 'a\ttab', 'nul\0', undefined, null, 5, Buffer.from('s3cret')])(
    '%j is refused by its name, and not quoted',
    (clientSecret) => {
      const make = () => createTokenSource({ ...own(), clientSecret: clientSecret as Loose });
      expect(make).toThrow(TypeError);
      expect(make).toThrow(/^options\.clientSecret must be (?:one line|a string)[^"]*$/);
    },
  );

  test('spaces at an end are part of it, and named where the client is refused', async () => {
    answer = { status: 401, body: { error: 'invalid_client' } };
    const refused = createTokenSource({ ...own(), clientSecret: ' s3cret ' }).token();
    await expect(refused).rejects.toMatchObject({
      code: 'oauth.invalid_client',
      message: expect.stringContaining('begins or ends with a space'),
    });
    expect(shown.at(-1)).toBe('c:+s3cret+');
    const plain = createTokenSource({ ...own(), clientSecret: 's3cret' }).token();
    await expect(plain).rejects.toMatchObject({ message: expect.not.stringContaining('space') });
  });
});

test('a byte order mark before a wallet profile is left away', () => {
  const bare = '{"type":"CountersignWallet","version":2}';
  for (const text of [bare, `\ufeff${bare}`, Buffer.from(`\ufeff${bare}`)]) {
    expect(() => parseProfile(text)).toThrow(expect.objectContaining({ code: 'profile.version' }));
  }
  expect(() => parseProfile({} as Loose)).toThrow(TypeError);
});
