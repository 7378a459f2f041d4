/** Every export of this package, and what it makes, called with values of every type in every place: nothing of a wrong type is accepted. */
import { readFileSync } from 'node:fs';
import { type CryptoPort, parsePublicJwk } from '@countersign/proof';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { absent, data, faultsOf, options, place, type Row, row } from '../../proof/test/support/wrong-types.ts';
import * as forExpress from '../src/express.ts';
import * as forFastify from '../src/fastify.ts';
import * as forFetch from '../src/fetch.ts';
import * as forHono from '../src/hono.ts';
import * as client from '../src/index.ts';
import * as forNode from '../src/node.ts';
import * as nodeCrypto from '../src/node-crypto.ts';
import * as rpc from '../src/rpc.ts';
import * as wallet from '../src/wallet/index.ts';
import * as walletFile from '../src/wallet/node-wallet-file.ts';
import { ecKey, publicPart } from './support/realm-server.ts';

const rejections: unknown[] = [];
const onRejection = (reason: unknown) => void rejections.push(reason);
beforeAll(() => void process.on('unhandledRejection', onRejection));
afterAll(() => void process.off('unhandledRejection', onRejection));

const any = (good: unknown) => place(good, 'anything');
const text = (good: string) => place(good, 'string');
const number = (good: number) => place(good, 'number');
const maybe = (kind: 'string' | 'number' | 'function' | 'boolean') => place(absent, 'undefined', kind);
const limit = maybe('number');

/** An issuer on this machine without a listener: only `fetch` answers for it. */
const issuer = 'http://127.0.0.1:9/realms/dev';
const pair = await generateKeyPair('ES256', { extractable: true });
const jwk = { ...(await exportJWK(pair.publicKey)), alg: 'ES256', kid: 'k' };
const parsed = parsePublicJwk(jwk);
if (!parsed.ok) throw new Error('The key of the test is good.');
const seconds = Math.floor(Date.now() / 1000);
const claims = { iss: issuer, sub: 's', aud: 'api', iat: seconds, exp: seconds + 600, azp: 'c', participantId: 'p' };
const jwt = await new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'k', typ: 'JWT' }).sign(pair.privateKey);
const keys = client.fixedKeys([parsed.key]);
const privateKey = ecKey('own');
const own = parsePublicJwk(publicPart(privateKey));

const recovery = {
  ...{ recoveryId: 'r', state: 'RECOVERY_STATE_RUNNING', controller: 'd' },
  ...{ started: '2026-01-01T00:00:00Z', changed: '2026-01-01T00:00:00Z' },
};
const answers: Record<string, object> = {
  '/.well-known/openid-configuration': { issuer, token_endpoint: `${issuer}/token`, jwks_uri: `${issuer}/certs` },
  '/token': {
    access_token: jwt,
    token_type: 'Bearer',
    expires_in: 600,
    issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
  },
  '/certs': { keys: [jwk] },
  '/service/participant-roles/p': {
    ...{ id: 'p', participantRoleStatus: 'APPROVED', kcClientId: 'c' },
    publicKeys: { keys: [publicPart(privateKey)] },
  },
  '/service/product-networks/p/participants': { LENDER: [] },
  '/receipts': { receipt: 'r' },
  '/receipts/certs': { issuer, keys: [] },
  '/registry/applications': { id: 'a', status: 'APPLIED', pickUpCode: 'c' },
  '/registry/applications/a/status': { id: 'a', status: 'APPLIED', participantId: null, reason: null, pickedUp: false },
  '/registry/applications/a/credentials': { clientId: 'c', clientSecret: 's', participantId: 'p', tokenEndpoint: 't' },
  '/registry/participants/p/details': {},
  '/registry/participants/p/keys': { thumbprint: 't', nbf: 1, previous: [] },
  '/registry/participants/p/keys/t/retire': {},
  '/registry/participants/p/refusals': { proved: [], unproved: [] },
  '/registry/participants/p/secrets': { secretId: 's', clientId: 'c', clientSecret: 's' },
  '/registry/participants/p/secrets/s/revoke': {},
  '/countersign.v1.AuthService/GetChallenge': { nonce: 'n', audience: issuer },
  '/countersign.v1.AuthService/AcquireToken': { walletToken: jwt, expiresIn: 600 },
  '/countersign.v1.WalletService/GetWallet': { walletId: 'w', created: '2026-01-01T00:00:00Z' },
  '/countersign.v1.WalletService/GrantAccess': { capabilityId: 'c' },
  '/countersign.v1.WalletService/RevokeAccess': { revokedCapabilityIds: ['c'] },
  '/countersign.v1.WalletService/ListCapabilities': { capabilities: [] },
  '/countersign.v1.RecoveryService/ListRecoveries': { recoveries: [] },
  '/countersign.v1.RecoveryService/ApproveRecovery': recovery,
  '/countersign.v1.RecoveryService/CancelRecovery': recovery,
  '/countersign.v1.RecoveryService/SetAddress': { expires: '2036-01-01T00:00:00Z' },
  '/countersign.v1.RecoveryService/ConfirmAddress': {},
  '/countersign.v1.ProviderService/Invite': { invitationId: 'i', walletId: 'w', expires: '2036-01-01T00:00:00Z' },
};
const answering: client.Fetch = async (url) => {
  const answer = answers[String(url).slice(issuer.length).split('?')[0] as string];
  return Response.json(answer ?? {}, { status: answer === undefined ? 404 : 200 });
};

const tokens = { token: async () => jwt };
const port: CryptoPort = nodeCrypto.cryptoPort;
const transport = { fetch: place(answering, 'undefined', 'function'), timeoutMilliseconds: limit };
const clock = { now: maybe('function'), random: maybe('function') };
const walletClock = { ...clock, onRecovery: maybe('function') };
const credentials = { issuer: text(issuer), clientId: text('c'), clientSecret: text('s') };
const verifying = {
  ...{
    ...transport,
    issuer: text(issuer),
    algorithms: place(absent, 'undefined', 'empty'),
    jwks: place(keys, 'undefined'),
  },
  ...{ crypto: place(port, 'undefined'), now: maybe('function'), clockTolerance: limit },
};
const statusNone = place('none', 'undefined', 'object');
const rules = {
  accept: place(absent, 'empty'),
  ...{ acr: place(absent), recentLoginSeconds: place(absent, 'number') },
};
const service = client.createService({
  ...{ issuer, clientId: 'c', clientSecret: 's', audience: 'api', accept: ['participant'], jwks: keys },
  ...{ fetch: answering, status: 'none' },
});
const edge = client.createEdge({
  issuer,
  clientId: 'c',
  clientSecret: 's',
  audience: 'api',
  fetch: answering,
  jwks: keys,
});
const participant = client.createParticipant({
  ...{ issuer, clientId: 'c', clientSecret: 's', privateKey, participantId: 'p', jwks: keys },
  ...{ fetch: answering, status: 'none' },
});
const authorization = `Bearer ${jwt}`;
const message = data({
  ...{ kind: place('request'), method: text('POST'), target: text('https://a.test/b'), requestTarget: text('/b') },
  body: place(Uint8Array.of(1), 'bytes'),
});
const signed = await participant.sign(
  { kind: 'request', method: 'POST', target: 'https://a.test/b', requestTarget: '/b', body: Uint8Array.of(1) },
  { to: 'p' },
);
const handler = place(() => new Response(), 'function');
const onRefusal = maybe('function');
const onError = { onError: maybe('function') };
const login = {
  ...{ ...rules, edge: place(edge), schemes: place(absent, 'undefined'), onRefusal },
  clientAddress: place(() => '::1', 'undefined', 'function'),
};
const bearer = { ...rules, service: place(service), publicUrl: maybe('string'), onRefusal };
const countersign = {
  ...{ participant: place(participant), publicUrl: maybe('string'), maxBodyBytes: limit, maxResponseBytes: limit },
  ...{ responses: maybe('function'), onRefusal },
};
const guards = (adapter: object) => ({
  bearer: row(Reflect.get(adapter, 'bearer'), options(bearer)),
  login: row(Reflect.get(adapter, 'login'), options(login)),
  countersign: row(Reflect.get(adapter, 'countersign'), options(countersign)),
  errors: row(Reflect.get(adapter, 'errors'), options(onError, 'undefined', 'empty', 'object')),
});
/** Those without a framework, which see the errors of their handler themselves. */
const wrappers = (adapter: object) => ({
  bearer: row(Reflect.get(adapter, 'bearer'), options({ ...bearer, ...onError }), handler),
  login: row(Reflect.get(adapter, 'login'), options({ ...login, ...onError }), handler),
  countersign: row(Reflect.get(adapter, 'countersign'), options({ ...countersign, ...onError }), handler),
});

const walletKey = await (await import('../src/wallet/device-key.ts')).makeKey();
const storedKey = {
  id: 'k',
  publicKey: Buffer.from((await import('@countersign/proof')).parseDidKey(walletKey.did).publicKey),
  sign: (await (await import('../src/wallet/device-key.ts')).deviceKeyOfSeed(walletKey.did, walletKey.seed)).sign,
};
const keyStore = { name: 'test', create: async () => storedKey, open: async () => storedKey };
const profile = await wallet.prepareDevice({ issuer, keyStore });
function capabilityFor(invocationTarget: string, ...allowedAction: string[]) {
  const root = `urn:zcap:root:${encodeURIComponent(invocationTarget)}`;
  return {
    '@context': ['https://w3id.org/zcap/v1', 'https://w3id.org/security/data-integrity/v2'],
    ...{ id: `urn:uuid:${crypto.randomUUID()}`, controller: profile.did, parentCapability: root },
    ...{ invocationTarget, allowedAction, expires: '2036-01-01T00:00:00Z' },
    proof: {
      ...{ type: 'DataIntegrityProof', cryptosuite: 'eddsa-jcs-2022', created: '2026-01-01T00:00:00Z' },
      ...{ verificationMethod: `${profile.did}#${profile.did.slice(8)}`, proofPurpose: 'capabilityDelegation' },
      ...{ capabilityChain: [root], proofValue: `z${'1'.repeat(87)}` },
    },
  };
}
const capability = capabilityFor('urn:countersign:wallet:w', 'read', 'grant');
const openable = wallet.acceptCapability(profile, capability);
const forRealm = capabilityFor('urn:countersign:realm:dev', 'invite');
const lock = { keyStore: place(keyStore), passphrase: maybe('string'), cost: place(absent, 'undefined') };
const walletOptions = { ...transport, ...walletClock, tokens: place(absent, 'undefined') };
const caller = { subject: {}, token: jwt, correlationId: undefined };
const address = maybe('string');
const basic = { authorization: `Basic ${btoa('a:b')}` };
const call = data({ headers: place(basic, 'anything'), address });
const refused = (error: unknown) => {
  throw error;
};

const askingRealm =
  (act: (...parts: never[]) => Promise<unknown>) =>
  async (...parts: never[]) =>
    act(...parts).catch((error: { code?: string }) =>
      // No server answers: with good options the call gets this far.
      /^(?:http|rpc|challenge)\./.test(error.code ?? '') ? 'asked the realm' : refused(error),
    );
const recovering = { ...transport, ...walletClock, ...lock, profile: place(profile) };

const spaced: Record<string, Record<string, Row | 'value'>> = {
  './src/index.ts': {
    ...{ ClientError: 'value', MessageProblem: 'value', ProofError: 'value', webCrypto: 'value' },
    applyForParticipation: row(
      client.applyForParticipation,
      options({
        ...{ ...transport, issuer: text(issuer), privateJwk: place(privateKey), role: text('LENDER') },
        ...{ baseUrl: maybe('string'), name: text('n'), contact: text('c@a.test') },
        ...{ certificate: maybe('string'), organisationId: maybe('string') },
      }),
    ),
    createAccessTokenVerifier: row(
      client.createAccessTokenVerifier,
      options({
        ...{ ...verifying, audience: place('api', 'string', 'list'), signedBy: maybe('function') },
        ...{ clientId: maybe('string'), clientSecret: maybe('string'), random: maybe('function') },
        status: place(absent, 'undefined', 'object'),
      }),
    ),
    createEdge: row(
      client.createEdge,
      options({
        ...{ ...verifying, ...credentials, random: maybe('function'), audience: place('api', 'string', 'list') },
        ...{ status: place(absent, 'undefined', 'object'), maxSessions: limit, maxSessionSeconds: limit },
        ...{
          refusedSeconds: limit,
          transactions: place(absent, 'undefined'),
          limits: place(absent, 'undefined', 'object'),
        },
        replay: place(absent, 'undefined'),
      }),
    ),
    createExchange: row(client.createExchange, options({ ...transport, ...credentials, now: maybe('function') })),
    createMemoryReplayStore: row(
      client.createMemoryReplayStore,
      options({ now: maybe('function'), max: limit, whenFull: place(absent, 'undefined') }, 'anything'),
    ),
    createParticipant: row(
      client.createParticipant,
      options({
        ...{ ...transport, ...clock, ...credentials, privateKey: place(privateKey, 'object', 'bytes', 'other') },
        ...{ participantId: maybe('string'), form: place(absent, 'undefined'), accepts: place(absent, 'empty') },
        ...{ scope: maybe('string'), resource: place(absent, 'undefined', 'string', 'list') },
        ...{ audience: place(absent, 'string', 'list'), tokenAlgorithms: place(absent, 'undefined', 'empty') },
        ...{ replay: place(absent, 'undefined'), status: statusNone, cache: place(absent, 'undefined', 'object') },
        ...{ registry: place(absent, 'undefined'), jwks: place(keys, 'undefined'), crypto: place(port, 'undefined') },
      }),
    ),
    createRegistry: row(client.createRegistry, options({ ...transport, issuer: text(issuer), token: place(tokens) })),
    createRegistryCache: row(
      client.createRegistryCache,
      options({
        ...{ ...transport, issuer: text(issuer), token: place(tokens), now: maybe('function') },
        ...{ maxEntries: limit, maxFreshSeconds: limit, staleSeconds: limit, missesPerSecond: limit },
      }),
    ),
    createRemoteJwks: row(
      client.createRemoteJwks,
      options({ ...transport, uri: place(`${issuer}/certs`, 'string', 'function'), now: maybe('function') }),
    ),
    createService: row(
      client.createService,
      options({
        ...{ ...verifying, ...credentials, random: maybe('function'), audience: place('api', 'string', 'list') },
        ...{ accept: place(['participant']), status: statusNone, replay: place(absent, 'undefined') },
      }),
    ),
    createSubjectVerifier: row(
      client.createSubjectVerifier,
      options({
        ...{ ...verifying, audience: place('api', 'string', 'list'), accept: place(['participant']) },
        signedBy: maybe('function'),
      }),
    ),
    createBoundTokenSource: row(
      client.createBoundTokenSource,
      options({
        ...{ ...transport, ...clock, ...credentials, scope: maybe('string') },
        resource: place(absent, 'undefined', 'string', 'list'),
      }),
    ),
    createTokenSource: row(
      client.createTokenSource,
      options({
        ...{ ...transport, ...clock, ...credentials, scope: maybe('string') },
        resource: place(absent, 'undefined', 'string', 'list'),
      }),
    ),
    discover: row(client.discover, text(issuer), options(transport, 'anything')),
    fetchReceiptCerts: row(client.fetchReceiptCerts, options({ ...transport, issuer: text(issuer) })),
    fixedKeys: row(client.fixedKeys, place([parsed.key], 'empty')),
    importSigningKey: row(client.importSigningKey, place(privateKey)),
    issueSecret: row(
      client.issueSecret,
      options({
        ...{ ...transport, issuer: text(issuer), participantId: text('p'), overlapSeconds: limit },
        by: data({ clientId: text('c'), clientSecret: text('s') }),
      }),
    ),
    ownRefusals: row(
      client.ownRefusals,
      options({
        ...{ ...transport, issuer: text(issuer), participantId: text('p') },
        by: data({ clientId: text('c'), clientSecret: text('s') }),
      }),
    ),
    parsePublicJwk: row(client.parsePublicJwk, place(jwk)),
    changeDetails: {
      ...row(
        client.changeDetails,
        options({
          ...{ ...transport, issuer: text(issuer), participantId: text('p'), currentKey: place(privateKey) },
          ...{ baseUrl: maybe('string'), contact: maybe('string'), participantEmail: maybe('string') },
        }),
      ),
      isVoid: true,
    },
    applicationStatus: row(
      client.applicationStatus,
      options({ ...transport, issuer: text(issuer), privateJwk: place(privateKey), applicationId: text('a') }),
    ),
    pickUpCredentials: row(
      client.pickUpCredentials,
      options({
        ...{ ...transport, issuer: text(issuer), privateJwk: place(privateKey), applicationId: text('a') },
        code: text('c'),
      }),
    ),
    requestReceipt: row(
      client.requestReceipt,
      options({
        ...{ ...transport, issuer: text(issuer), token: place(tokens) },
        message: data({
          ...{ signature: text('s'), body: place(Uint8Array.of(1), 'bytes'), participantId: text('p') },
        }),
      }),
    ),
    retireKey: {
      ...row(
        client.retireKey,
        options({
          ...{ ...transport, issuer: text(issuer), participantId: text('p'), currentKey: place(privateKey) },
          ...{ token: place(absent, 'undefined'), thumbprint: text('t'), compromised: maybe('boolean') },
        }),
      ),
      isVoid: true,
    },
    revokeSecret: {
      ...row(
        client.revokeSecret,
        options({
          ...{ ...transport, issuer: text(issuer), participantId: text('p'), secretId: text('s') },
          ...{ by: data({ currentKey: place(privateKey) }), compromised: maybe('boolean') },
        }),
      ),
      isVoid: true,
    },
    rotateKey: row(
      client.rotateKey,
      options({
        ...{ ...transport, issuer: text(issuer), participantId: text('p'), currentKey: place(privateKey, 'undefined') },
        ...{ token: place(tokens, 'undefined'), newKey: place(ecKey('new')), notBefore: limit, overlapSeconds: limit },
        newCertificate: maybe('string'),
      }),
    ),
    tracedFetch: row(client.tracedFetch, maybe('function')),
    verifyGatewaySubject: {
      ...row(
        async (...parts: Parameters<typeof client.verifyGatewaySubject>) =>
          // The good call has no good JWT: that of the gateway's own tests has. Here it must get as far as the JWT.
          client
            .verifyGatewaySubject(...parts)
            .catch((error: { code?: string }) => (error.code === 'jwt.typ' ? 'got as far as the JWT' : refused(error))),
        data({
          ...{ subject: text(jwt), method: text('POST'), requestTarget: text('/b') },
          body: place(Uint8Array.of(1), 'bytes'),
        }),
        options({ keys: place(keys), audience: text('api'), now: maybe('function') }),
      ),
    },
    verifyReceipt: row(
      async (...parts: Parameters<typeof client.verifyReceipt>) =>
        client
          .verifyReceipt(...parts)
          .catch((error: { code?: string }) =>
            error.code === 'receipt.type' ? 'got as far as the receipt' : refused(error),
          ),
      text(jwt),
      options({ certs: place({ issuer, keys: [jwk] }), body: place(Uint8Array.of(1), 'bytes', 'undefined') }),
    ),
  },
  './src/node-crypto.ts': {
    cryptoPort: 'value',
    derFromSignature: row(nodeCrypto.derFromSignature, place(new Uint8Array(64).fill(1), 'bytes')),
    newMac: row(nodeCrypto.newMac),
    privateSigner: row(nodeCrypto.privateSigner, place('ES256'), place(privateKey)),
    signatureFromDer: row(
      nodeCrypto.signatureFromDer,
      place(nodeCrypto.derFromSignature(new Uint8Array(64).fill(1)), 'bytes'),
    ),
  },
  './src/express.ts': guards(forExpress),
  './src/fastify.ts': guards(forFastify),
  './src/fetch.ts': wrappers(forFetch),
  './src/hono.ts': guards(forHono),
  './src/node.ts': wrappers(forNode),
  // Made from `proto/`: data, and nothing that looks at anything.
  './src/rpc.ts': Object.fromEntries(Object.keys(rpc).map((name) => [name, 'value'])),
  './src/wallet/index.ts': {
    Wallet: 'value',
    beginRecovery: row(askingRealm(wallet.beginRecovery as never), options({ ...recovering, code: text('c') })),
    completeRecovery: row(
      askingRealm(wallet.completeRecovery as never),
      options({ ...recovering, tokens: place(absent, 'undefined'), code: text('c'), save: maybe('function') }),
    ),
    startRecovery: row(
      askingRealm(wallet.startRecovery as never),
      options({ ...recovering, email: text('a@b.test'), walletId: maybe('string') }),
    ),
    acceptCapability: row(wallet.acceptCapability, place(profile), place(capability)),
    createWallet: row(
      askingRealm(wallet.createWallet as never),
      options({
        ...{ ...walletOptions, ...lock, issuer: text(issuer), code: maybe('string'), description: maybe('string') },
        ...{ profile: place(absent, 'undefined'), save: maybe('function') },
      }),
    ),
    indexedDbKeys: row(wallet.indexedDbKeys, any(undefined), place('n', 'string', 'undefined')),
    openWallet: row(wallet.openWallet, place(openable), options({ ...walletOptions, ...lock })),
    parseProfile: row(wallet.parseProfile, place(wallet.profileText(openable), 'string', 'bytes')),
    prepareDevice: row(wallet.prepareDevice, options({ ...lock, issuer: text(issuer) })),
    profileText: row(wallet.profileText, place(openable)),
  },
  './src/wallet/node-wallet-file.ts': {
    walletFile: row(walletFile.walletFile, text('/nowhere/wallet.json')),
  },
};

const modules: Record<string, object> = {
  './src/index.ts': client,
  './src/node-crypto.ts': nodeCrypto,
  './src/express.ts': forExpress,
  './src/fastify.ts': forFastify,
  './src/fetch.ts': forFetch,
  './src/hono.ts': forHono,
  './src/node.ts': forNode,
  './src/rpc.ts': rpc,
  './src/wallet/index.ts': wallet,
  './src/wallet/node-wallet-file.ts': walletFile,
};

test('every entry point of the package is here', () => {
  const { exports } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  expect(Object.keys(modules).sort()).toEqual(Object.values(exports).sort());
});

describe.each(Object.entries(modules))('%s', (file, exported) => {
  const listed = spaced[file] ?? {};
  test('every export has a row', () => {
    expect(Object.keys(listed).sort()).toEqual(Object.keys(exported).sort());
  });

  const functions = Object.entries(listed).filter((one): one is [string, Row] => one[1] !== 'value');
  test.each(functions)('%s accepts nothing of a wrong type', async (name, one) => {
    expect(await faultsOf(name, one)).toEqual([]);
  });
});

const verifier = client.createAccessTokenVerifier({ issuer, jwks: keys, audience: 'api' });
const subjects = client.createSubjectVerifier({ issuer, jwks: keys, audience: 'api', accept: ['participant'] });
const registry = client.createRegistry({ issuer, token: tokens, fetch: answering });
const cache = client.createRegistryCache({ issuer, token: tokens, fetch: answering });
const replay = client.createMemoryReplayStore();
const isRefusedLogin = (error: { code?: string }) => error.code === 'login.unavailable';
const asked =
  (act: (...parts: never[]) => Promise<unknown>) =>
  async (...parts: never[]) =>
    // No realm answers: a good call gets this far.
    act(...parts).catch((error) => (isRefusedLogin(error) ? 'asked the realm' : refused(error)));
const opened = await wallet.openWallet(wallet.acceptCapability(openable, forRealm), { keyStore, fetch: answering });
const getWallet = '/countersign.v1.WalletService/GetWallet';
const by = place(absent, 'undefined');
const anyRules = options(rules, 'anything');
const verdict = {
  ...{ subject: {}, digest: '', participant: { id: 'p' } },
  signature: { value: signed['x-jws-signature'], form: 'strict' },
};

const methods: Record<string, Row> = {
  'verify of an access token': row(verifier.verify, text(jwt)),
  'verify of a subject': row(subjects.verify, text(jwt)),
  'participant of a registry': row(registry.participant, text('p')),
  'network of a registry': row(registry.network, text('p')),
  'participant of a cache': row(cache.participant, text('p')),
  'seen of a replay store': row(
    (...parts: Parameters<typeof replay.seen>) => [replay.seen(...parts)],
    text('k'),
    number(Date.now()),
    maybe('string'),
  ),
  'sign of a participant': row(
    participant.sign,
    message,
    options({ to: maybe('string'), form: place(absent, 'undefined') }, 'anything'),
  ),
  'verifyHeaders of a participant': {
    ...row(participant.verifyHeaders, place({ authorization, ...signed })),
    isVoid: true,
  },
  'verifyRequest of a participant': row(
    participant.verifyRequest,
    data({
      ...{ method: text('POST'), target: text('https://a.test/b'), requestTarget: text('/b') },
      headers: place({ authorization, ...signed }),
      body: place(Uint8Array.of(1)),
    }),
  ),
  'signResponse of a participant': row(
    participant.signResponse,
    any(verdict),
    data({ status: place(200), body: place(Uint8Array.of(1), 'bytes') }),
  ),
  'authenticate of a service': row(service.authenticate, place({ authorization }), anyRules, any(undefined)),
  'exchange of a service': row(service.exchange, text(jwt), text('https://a.test')),
  'authenticateBasic of an edge': row(asked(edge.authenticateBasic as never), call, anyRules),
  'openSession of an edge': row(
    asked(edge.openSession as never),
    text('0123456789abcdef'),
    // One of the objects says 'x' of every member: that is a name and a password.
    data({ name: text('a'), password: text('b') }, 'object'),
    call,
  ),
  'authenticateSession of an edge': row(
    asked(edge.authenticateSession as never),
    data({ headers: place({ authorization: 'Bearer css_0123456789abcdef' }, 'anything'), address }),
    anyRules,
  ),
  'resumeSession of an edge': row(
    async (...parts: Parameters<typeof edge.resumeSession>) =>
      edge
        .resumeSession(...parts)
        .catch((error: { code?: string }) => (error.code === 'session.unknown' ? 'looked it up' : refused(error))),
    text('0123456789abcdef'),
    call,
    anyRules,
  ),
  'endSession of an edge': { ...row(edge.endSession, text('0123456789abcdef')), isVoid: true },
  'fetch of a service': row(
    service.fetch,
    place(caller, 'anything'),
    text('https://a.test'),
    place(`${issuer}/certs`),
    place({}, 'anything'),
  ),
  'fetch of a participant': row(participant.fetch, place(`${issuer}/certs`), place({ response: 'ignored' })),
  'refresh of a cache': row(cache.refresh, text('p')),
  'lookUp of a cache': row(cache.lookUp, text('p')),
  'authorize of a wallet': row(opened.authorize, text(getWallet)),
  'invoke of a wallet': row(opened.invoke, text(getWallet), place(Uint8Array.of(1), 'bytes'), maybe('string')),
  'call of a wallet': row(opened.call, text(getWallet), place({}, 'object'), by, maybe('string')),
  'pack of a wallet': row(
    async (...parts: Parameters<typeof opened.pack>) =>
      opened
        .pack(...parts)
        .catch((error: { code?: string }) => (error.code === 'rpc.404' ? 'asked the realm' : refused(error))),
    place(rpc.WalletService.method.getWallet),
    place({ walletId: 'w' }, 'object'),
    by,
  ),
  'service of a wallet': row(opened.service, text('a'), options({ actions: place(absent) }, 'undefined', 'object')),
  'grant of a wallet': row(
    opened.grant,
    text(profile.did),
    options({ actions: place(['read']), expires: place(Date.now() + 60_000) }),
  ),
  'revoke of a wallet': row(opened.revoke, data({ did: text('d') })),
  'list of a wallet': row(opened.list, options({ revoked: maybe('boolean') }, 'undefined', 'object')),
  'invite of a wallet': row(
    opened.invite,
    options({
      ...{ participant: place('individual'), email: text('a@b.test'), description: maybe('string') },
      ...{ roles: place(absent, 'undefined', 'empty', 'list'), didWeb: maybe('boolean') },
    }),
  ),
  'recoveries of a wallet': row(opened.recoveries),
  'approveRecovery of a wallet': row(opened.approveRecovery, text(profile.did)),
  'cancelRecovery of a wallet': row(opened.cancelRecovery),
  'setAddress of a wallet': row(opened.setAddress, text('a@b.test')),
  'confirmAddress of a wallet': { ...row(opened.confirmAddress, text('c')), isVoid: true },
  'callOptions of a wallet': row(opened.callOptions, by),
  'grpcCallOptions of a wallet': row(opened.grpcCallOptions, place({ InterceptingCall: class {} }), by),
};

describe('what the exports make', () => {
  if (!own.ok) throw new Error('The key of the test is good.');
  test.each(Object.entries(methods))('%s accepts nothing of a wrong type', async (name, one) => {
    expect(await faultsOf(name, one)).toEqual([]);
  });
});

test('nothing is rejected that nobody waits for', async () => {
  await new Promise((resolve) => setImmediate(resolve));
  expect(rejections).toEqual([]);
});
