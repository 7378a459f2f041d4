import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Context } from '../src/context.ts';
import { Problem } from '../src/kernel/problem.ts';
import { applyNetwork } from '../src/registry/network-file/apply.ts';
import { parseNetworkFile } from '../src/registry/network-file/prepare.ts';
import { openContext } from './support/context.ts';
import { caller, contentOf, keyOf, publicKey, wholeNetwork } from './support/network.ts';

/** Against a store that holds `wholeNetwork()` in realm dev, where http base URLs are allowed, and the empty realm `bank`. */
let context: Context;
const network = wholeNetwork();
const taken = network.realms[0]?.participants[0]?.keys?.[0];

beforeAll(async () => {
  context = await openContext(undefined, { realms: true });
  await applyNetwork(context, network, caller);
  await applyNetwork(context, { realms: [{ name: 'bank', profile: 'strict' }] }, caller);
});
afterAll(() => context.store.close());

const key = publicKey();
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' });
const lender = { id: 'x', role: 'LENDER', baseUrl: 'https://x.example', keys: [keyOf('x')] };
const realm = (others: object, name = 'dev') => ({ realms: [{ name, ...others }] });
const one = (others: object) => realm({ participants: [{ ...lender, ...others }] });
const withClient = (client: object) => one({ client: { id: 'x-client', ...client } });
const withKey = (jwk: unknown) => one({ keys: [jwk] });
const passwords = (rules: object) =>
  realm({ passwordProfiles: [{ id: 'ip-1', configPerCredentialType: { ROOT: rules } }] });
const participant = '/realms/0/participants/0';

/** What is wrong, the file, and where the refusal must point. */
const hostile: readonly (readonly [what: string, file: unknown, pointer: string])[] = [
  ['no object', [], ''],
  ['null', null, ''],
  ['a number', 7, ''],
  ['no realms', {}, '/realms'],
  ['realms no list', { realms: {} }, '/realms'],
  ['an unknown member at the top', { realms: [], version: 1 }, '/version'],
  ['an unknown member of a realm', realm({ participant: [] }), '/realms/0/participant'],
  ['an unknown member with a slash and a tilde', realm({ 'a/b~c': 1 }), '/realms/0/a~1b~0c'],
  ['a member named __proto__', JSON.parse('{"realms":[{"name":"dev","__proto__":{"x":1}}]}'), '/realms/0/__proto__'],
  ['no realm name', { realms: [{}] }, '/realms/0/name'],
  ['a realm name with capitals', realm({}, 'Dev'), '/realms/0/name'],
  ['a realm name with a slash', realm({}, 'dev/../system'), '/realms/0/name'],
  ['a realm twice', { realms: [{ name: 'dev' }, { name: 'bank' }, { name: 'dev' }] }, '/realms/2/name'],
  ['an unknown profile', realm({ profile: 'lax' }), '/realms/0/profile'],
  ['an unknown setting', realm({ settings: { accessTokenLife: 1 } }), '/realms/0/settings/accessTokenLife'],
  [
    'a setting out of range',
    realm({ settings: { accessTokenSeconds: 86_401 } }),
    '/realms/0/settings/accessTokenSeconds',
  ],
  ['an algorithm that is none', realm({ settings: { accessTokenAlg: 'HS256' } }), '/realms/0/settings/accessTokenAlg'],
  ['participants in realm system', realm({ participants: [lender] }, 'system'), '/realms/0/participants'],
  [
    'identities in realm system',
    realm({ identityProfiles: [{ id: 'a', name: 'b' }] }, 'system'),
    '/realms/0/identityProfiles',
  ],
  ['a participant without id', realm({ participants: [{ role: 'LENDER' }] }), `${participant}/id`],
  ['a numeric id', one({ id: 1802 }), `${participant}/id`],
  ['an empty id', one({ id: '' }), `${participant}/id`],
  ['an id of two dots', one({ id: '..' }), `${participant}/id`],
  ['an id with a slash', one({ id: 'a/b' }), `${participant}/id`],
  ['an id with NUL', one({ id: 'a\0b' }), `${participant}/id`],
  ['an id of 256 characters', one({ id: 'x'.repeat(256) }), `${participant}/id`],
  ['the same id twice', realm({ participants: [lender, { ...lender, role: 'ADMIN' }] }), '/realms/0/participants/1/id'],
  ['an unknown role', one({ role: 'BORROWER' }), `${participant}/role`],
  ['no role', one({ role: undefined }), `${participant}/role`],
  ['an unknown status', one({ status: 'ACTIVE' }), `${participant}/status`],
  ['an unknown member of a participant', one({ kcClientSecret: 'x' }), `${participant}/kcClientSecret`],
  ['neither client nor base URL', one({ baseUrl: undefined }), participant],
  [
    'a base URL cleared and no client',
    realm({ participants: [{ ...lender, id: 'data', baseUrl: null }] }),
    participant,
  ],
  [
    'http where the realm is not for development',
    realm({ participants: [{ ...lender, baseUrl: 'http://x.example' }] }, 'bank'),
    `${participant}/baseUrl`,
  ],
  [
    'http in a new strict realm',
    realm({ participants: [{ ...lender, baseUrl: 'http://localhost:1' }] }, 'new'),
    `${participant}/baseUrl`,
  ],
  [
    'development switched off in the same file',
    realm({ settings: { development: false }, participants: [{ ...lender, baseUrl: 'HTTP://x.example' }] }),
    `${participant}/baseUrl`,
  ],
  ['a base URL with a user', one({ baseUrl: 'https://user:secret@x.example' }), `${participant}/baseUrl`],
  ['a base URL with an empty user', one({ baseUrl: 'https://@x.example' }), `${participant}/baseUrl`],
  ['a base URL with a query', one({ baseUrl: 'https://x.example/?a=b' }), `${participant}/baseUrl`],
  ['a base URL with an empty query', one({ baseUrl: 'https://x.example/?' }), `${participant}/baseUrl`],
  ['a base URL with a fragment', one({ baseUrl: 'https://x.example/#a' }), `${participant}/baseUrl`],
  [
    'a website that is a script',
    one({ participant: { participantWebsite: 'javascript:alert(1)' } }),
    `${participant}/participant/participantWebsite`,
  ],
  [
    'a website without a scheme',
    one({ participant: { participantWebsite: 'x.example' } }),
    `${participant}/participant/participantWebsite`,
  ],
  [
    'a logo that is a page',
    one({ participant: { participantLogo: 'data:text/html,x' } }),
    `${participant}/participant/participantLogo`,
  ],
  [
    'a logo of a type that is no image',
    one({ participant: { participantLogoContentType: 'text/html' } }),
    `${participant}/participant/participantLogoContentType`,
  ],
  ['a relative base URL', one({ baseUrl: '/ocen' }), `${participant}/baseUrl`],
  ['a scheme-relative base URL', one({ baseUrl: '//x.example' }), `${participant}/baseUrl`],
  ['a file URL', one({ baseUrl: 'file:///etc/passwd' }), `${participant}/baseUrl`],
  ['a script URL', one({ baseUrl: 'javascript:alert(1)' }), `${participant}/baseUrl`],
  ['a base URL with a backslash', one({ baseUrl: 'https://x.example\\@evil.example' }), `${participant}/baseUrl`],
  ['a base URL with a newline', one({ baseUrl: 'https://x.exa\nmple' }), `${participant}/baseUrl`],
  ['a base URL with a space before it', one({ baseUrl: ' https://x.example' }), `${participant}/baseUrl`],
  ['a base URL without host', one({ baseUrl: 'https:///ocen' }), `${participant}/baseUrl`],
  ['a base URL with an impossible port', one({ baseUrl: 'https://x.example:99999' }), `${participant}/baseUrl`],
  [
    'a base URL of 3000 characters',
    one({ baseUrl: `https://x.example/${'a'.repeat(3000)}` }),
    `${participant}/baseUrl`,
  ],
  ['a date without a zone', one({ createdOn: '2024-01-24T00:00:00' }), `${participant}/createdOn`],
  ['a day that does not exist', one({ updatedOn: '2024-02-30' }), `${participant}/updatedOn`],
  ['a date as a number', one({ approvedOn: 1_700_000_000 }), `${participant}/approvedOn`],
  ['an unknown participant field', one({ participant: { name: 'x' } }), `${participant}/participant/name`],
  [
    'a name with a control character',
    one({ participant: { participantName: 'a\u0007b' } }),
    `${participant}/participant/participantName`,
  ],
  [
    'a lone surrogate in a description',
    one({ participant: { participantDescription: '\ud800' } }),
    `${participant}/participant/participantDescription`,
  ],
  [
    'an organisation that a participant with keys leaves',
    realm({ participants: [{ id: 'agent', role: 'LOAN_AGENT', participant: { id: 'other' } }] }),
    `${participant}/participant/id`,
  ],
  ['keys no list', one({ keys: key }), `${participant}/keys`],
  ['a key that is a string', withKey(JSON.stringify(key)), `${participant}/keys/0`],
  ['a private key', withKey(privateKey.export({ format: 'jwk' })), `${participant}/keys/0/d`],
  ['a symmetric key', withKey({ kty: 'oct', k: 'AAAA' }), `${participant}/keys/0/k`],
  ['an RSA key of 1024 bits', withKey(weak), `${participant}/keys/0/n`],
  ['an unknown curve', withKey({ ...key, crv: 'P-521' }), `${participant}/keys/0/crv`],
  ['a point off the curve', withKey({ ...key, y: key.x }), `${participant}/keys/0/x`],
  ['a key for encryption', withKey({ ...key, use: 'enc' }), `${participant}/keys/0/use`],
  ['a key with an algorithm of another kind', withKey({ ...key, alg: 'RS256' }), `${participant}/keys/0/alg`],
  [
    'a key that ends before it begins',
    withKey({ ...key, nbf: 2_000_000_000, exp: 1_999_999_999 }),
    `${participant}/keys/0/exp`,
  ],
  ['a key that ends before it begins now', withKey({ ...key, exp: 1 }), `${participant}/keys/0/exp`],
  ['an end that is no number', withKey({ ...key, exp: 'tomorrow' }), `${participant}/keys/0/exp`],
  ['a beginning in milliseconds beyond all dates', withKey({ ...key, nbf: 9e15 }), `${participant}/keys/0/nbf`],
  ['the same key twice', one({ keys: [publicKey(), key, { ...key, kid: 'other' }] }), `${participant}/keys/2`],
  [
    'the same key for two organisations',
    realm({
      participants: [
        { ...lender, keys: [key] },
        { ...lender, id: 'y', keys: [key] },
      ],
    }),
    '/realms/0/participants/1/keys/0',
  ],
  ["another organisation's key", withKey(taken), `${participant}/keys/0`],
  ['a client without id', one({ client: {} }), `${participant}/client/id`],
  ['a client id with a space', withClient({ id: 'a b' }), `${participant}/client/id`],
  ['a secret of 15 characters', withClient({ secret: 'secret-of-15-ch' }), `${participant}/client/secret`],
  ['a secret of 1025 characters', withClient({ secret: 's'.repeat(1_025) }), `${participant}/client/secret`],
  ['a secret with NUL', withClient({ secret: 'a-secret-with\0-a-NUL' }), `${participant}/client/secret`],
  ['a secret that is null', withClient({ secret: null }), `${participant}/client/secret`],
  ['the scope of administrators', withClient({ scope: 'loans countersign:admin' }), `${participant}/client/scope`],
  ['a scope with two spaces', withClient({ scope: 'a  b' }), `${participant}/client/scope`],
  ['an audience with a space', withClient({ audiences: ['a', 'b c'] }), `${participant}/client/audiences/1`],
  ['an unknown member of a client', withClient({ clientSecret: 'x' }), `${participant}/client/clientSecret`],
  [
    'a client id twice',
    realm({
      participants: [
        { ...lender, client: { id: 'c' } },
        { ...lender, id: 'y', client: { id: 'c' } },
      ],
    }),
    '/realms/0/participants/1/client/id',
  ],
  ['a client id that another participant has', withClient({ id: 'agent-client' }), `${participant}/client/id`],
  [
    'another client id than the participant has',
    realm({ participants: [{ id: 'agent', role: 'LENDER', client: { id: 'c' } }] }),
    `${participant}/client/id`,
  ],
  [
    'a resource twice',
    one({
      resources: [
        { resource: 'r', roles: [] },
        { resource: 'r', roles: [] },
      ],
    }),
    `${participant}/resources/1/resource`,
  ],
  ['a resource without roles', one({ resources: [{ resource: 'r' }] }), `${participant}/resources/0/roles`],
  ['a product without a name', realm({ products: [{ id: 'p' }] }), '/realms/0/products/0/name'],
  [
    'a product twice',
    realm({
      products: [
        { id: 'p', name: 'P' },
        { id: 'p', name: 'P' },
      ],
    }),
    '/realms/0/products/1/id',
  ],
  [
    'a network of an unknown product',
    realm({ productNetworks: [{ id: 'n', name: 'N', productId: 'q' }] }),
    '/realms/0/productNetworks/0/productId',
  ],
  [
    'a network with an unknown participant',
    realm({ productNetworks: [{ id: 'n', name: 'N', participants: ['agent', 'nobody'] }] }),
    '/realms/0/productNetworks/0/participants/1',
  ],
  [
    'a network with a participant of another realm',
    realm({ productNetworks: [{ id: 'n', name: 'N', participants: ['agent'] }] }, 'bank'),
    '/realms/0/productNetworks/0/participants/0',
  ],
  [
    'a member twice',
    realm({ productNetworks: [{ id: 'n', name: 'N', participants: ['agent', 'agent'] }] }),
    '/realms/0/productNetworks/0/participants/1',
  ],
  [
    'a filter without id',
    realm({ lenderNetworkFilters: [{ requirementName: 'BUREAU_SCORE' }] }),
    '/realms/0/lenderNetworkFilters/0/id',
  ],
  [
    'a whitelisting item of an unknown participant',
    realm({
      serverWhitelistingItems: [{ id: 'i', ipAddress: '192.0.2.1', portNumber: '1', participantRole: 'nobody' }],
    }),
    '/realms/0/serverWhitelistingItems/0/participantRole',
  ],
  [
    'a port that is a number',
    realm({ serverWhitelistingItems: [{ id: 'i', ipAddress: '192.0.2.1', portNumber: 1 }] }),
    '/realms/0/serverWhitelistingItems/0/portNumber',
  ],
  [
    'a password profile without its identity profile',
    realm({ passwordProfiles: [{ id: 'ip-2', configPerCredentialType: {} }] }),
    '/realms/0/passwordProfiles/0/id',
  ],
  [
    'passwords of seven characters',
    passwords({ minimumLength: 7 }),
    '/realms/0/passwordProfiles/0/configPerCredentialType/ROOT/minimumLength',
  ],
  [
    'a maximum below the minimum',
    passwords({ minimumLength: 20, maximumLength: 19 }),
    '/realms/0/passwordProfiles/0/configPerCredentialType/ROOT/maximumLength',
  ],
  [
    'a maximum below the minimum that is left out',
    passwords({ maximumLength: 14 }),
    '/realms/0/passwordProfiles/0/configPerCredentialType/ROOT/maximumLength',
  ],
  [
    'an unknown credential type',
    realm({ passwordProfiles: [{ id: 'ip-1', configPerCredentialType: { GUEST: {} } }] }),
    '/realms/0/passwordProfiles/0/configPerCredentialType/GUEST',
  ],
  [
    'an identity of an unknown profile',
    realm({ identities: [{ id: 'i', profileId: 'ip-2', name: 'I' }] }),
    '/realms/0/identities/0/profileId',
  ],
  [
    'a credential of an unknown identity',
    realm({ credentials: [{ id: 'c', identityId: 'i', type: 'ROOT', code: 'c' }] }),
    '/realms/0/credentials/0/identityId',
  ],
  [
    'a credential of an unknown type',
    realm({ credentials: [{ id: 'c', identityId: 'corp-1', type: 'ADMIN', code: 'c' }] }),
    '/realms/0/credentials/0/type',
  ],
  [
    'a code twice',
    realm({ credentials: ['c', 'd'].map((id) => ({ id, identityId: 'corp-1', type: 'USER', code: 'same' })) }),
    '/realms/0/credentials/1/code',
  ],
  [
    "another credential's code",
    realm({ credentials: [{ id: 'c', identityId: 'corp-1', type: 'USER', code: 'alice@acme.example' }] }),
    '/realms/0/credentials/0/code',
  ],
];

/** A change that would be visible if the refused file were applied by halves. */
const innocent = {
  name: 'aaa-new',
  profile: 'ocen4',
  products: [{ id: 'p', name: 'P' }],
  participants: [{ ...lender, client: { id: 'innocent' } }],
};

async function refusalOf(act: () => Promise<unknown>): Promise<Problem> {
  const thrown = await act().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(thrown).toBeInstanceOf(Problem);
  return thrown as Problem;
}

test.each(hostile)('%s', async (_what, file, pointer) => {
  const before = await contentOf(context);
  const refusal = await refusalOf(() => applyNetwork(context, file, caller));
  expect([refusal.code, refusal.pointer]).toEqual(['network.invalid', pointer]);
  expect(refusal.message.startsWith(pointer === '' ? 'The file' : pointer)).toBe(true);
  expect(await contentOf(context)).toBe(before);
});

test('a refusal in the last realm leaves nothing of the ones before', async () => {
  const before = await contentOf(context);
  for (const [, file, pointer] of hostile) {
    const realms = (file as { realms?: unknown } | null)?.realms;
    if (!Array.isArray(realms) || realms.length !== 1 || !pointer.startsWith('/realms/0')) continue;
    const refusal = await refusalOf(() => applyNetwork(context, { realms: [innocent, ...realms] }, caller));
    expect(refusal.pointer).toBe(pointer.replace('/realms/0', '/realms/1'));
  }
  expect(await contentOf(context)).toBe(before);
});

test('no refusal tells a secret', async () => {
  const secret = 'short-secret-1';
  const refusal = await refusalOf(() => applyNetwork(context, withClient({ secret }), caller));
  expect(JSON.stringify({ ...refusal, message: refusal.message, cause: String(refusal.cause) })).not.toContain(secret);
});

test('a realm alone: a file that names another one is refused', async () => {
  const file = { realms: [{ name: 'dev' }, { name: 'bank' }] };
  const refusal = await refusalOf(() => applyNetwork(context, file, caller, 'dev'));
  expect([refusal.code, refusal.pointer]).toEqual(['network.invalid', '/realms/1/name']);
});

test('the client id of an offboarded participant is never used again', async () => {
  const gone = { id: 'gone', role: 'LENDER', status: 'OFFBOARDED', client: { id: 'gone-client' } };
  await applyNetwork(context, realm({ participants: [gone] }), caller);
  const refusal = await refusalOf(() => applyNetwork(context, withClient({ id: 'gone-client' }), caller));
  expect([refusal.code, refusal.pointer]).toEqual(['network.invalid', `${participant}/client/id`]);
});

test.each([
  ['a member twice', '{"realms":[{"name":"dev","name":"bank"}]}', '/realms/0/name'],
  ['a member twice, once escaped', '{"realms":[],"re\\u0061lms":[]}', '/realms'],
  ['no JSON', '{"realms":[}', ''],
  ['a byte order mark', '\ufeff{"realms":[]}', ''],
  ['nothing', '', ''],
  ['too deep', `{"realms":${'['.repeat(40)}${']'.repeat(40)}}`, `/realms${'/0'.repeat(31)}`],
  [
    'a number that would be rounded',
    '{"realms":[{"lenderNetworkFilters":[{"a":12345678901234567890}]}]}',
    '/realms/0/lenderNetworkFilters/0/a',
  ],
  [
    'a member that would be dropped',
    '{"realms":[{"lenderNetworkFilters":[{"__proto__":{}}]}]}',
    '/realms/0/lenderNetworkFilters/0/__proto__',
  ],
  ['invalid UTF-8', Uint8Array.from([0x22, 0xff, 0x22]), ''],
])('not strict JSON: %s', (_what, text, pointer) => {
  let refusal: unknown;
  try {
    parseNetworkFile(text);
  } catch (thrown) {
    refusal = thrown;
  }
  expect(refusal).toMatchObject({ code: 'network.invalid', pointer });
});
