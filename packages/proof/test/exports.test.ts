/** Every export of this package, called with values of every type in every place: nothing of a wrong type is accepted. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as argument from '../src/argument.ts';
import * as didcomm from '../src/didcomm/index.ts';
import * as proof from '../src/index.ts';
import { aliceKey, bob, bobKey, packing, random, now as sealedAt } from './support/didcomm.ts';
import { signRaw, testKey } from './support/keys.ts';
import { keyOf, nodePort, now, rawValue, request, sender } from './support/message.ts';
import { audience, day, now as invokedAt, owner, phone, requests, root, signerOf, target } from './support/wallet.ts';
import { absent, data, faultsOf, options, type Place, place, type Row, row } from './support/wrong-types.ts';

const rejections: unknown[] = [];
const onRejection = (reason: unknown) => void rejections.push(reason);
beforeAll(() => void process.on('unhandledRejection', onRejection));
afterAll(() => void process.off('unhandledRejection', onRejection));

const any = (good: unknown) => place(good, 'anything');
const text = (good: string) => place(good, 'string');
const bytes = (good: Uint8Array) => place(good, 'bytes');
const number = (good: number) => place(good, 'number');
/** A time of which every comparison refuses by itself where it is none. */
const time = (good: number) => place(good, 'number', 'nan');
const maybe = (kind: 'string' | 'number' | 'function' | 'boolean') => place(absent, 'undefined', kind);
const limit = maybe('number');
const port = place(nodePort);
const document = place(absent, 'string', 'bytes');
const presented = (good: unknown): Place => ({ ...document, good });

const es = sender('ES256', 'es');
const value = rawValue(es, '{"alg":"ES256","kid":"es","b64":false,"crit":["b64"]}', '{"a":1}');
const key = await testKey('ES256', 'es');
const claims = {
  iss: 'https://id.test/realms/dev',
  aud: 'api',
  sub: 's',
  iat: now - 9,
  exp: now + 9,
  azp: 'c',
  jti: 'j',
};
const jwt = await signRaw('{"alg":"ES256","typ":"JWT","kid":"es"}', JSON.stringify(claims), key);
const { publicJwk: bareJwk } = await testKey('ES256');
const dpopKey = await testKey('ES256');
const dpop = await signRaw(
  JSON.stringify({ alg: 'ES256', typ: 'dpop+jwt', jwk: dpopKey.publicJwk }),
  JSON.stringify({ htm: 'POST', htu: 'https://id.test/token', iat: now, jti: 'j' }),
  dpopKey,
);
const at = invokedAt * 1000;
const ends = at + day * 1000;
const ownSigner = signerOf(owner);
const capability = await proof.delegateCapability(
  { parent: root, id: 'urn:uuid:1', controller: phone.did, allowedAction: ['read'], created: at - 1000, expires: ends },
  ownSigner,
);
const invocation = await proof.createInvocation(
  { id: 'urn:uuid:9', request: requests.rpc, audience, nonce: 'n', capability, action: 'read', created: at },
  signerOf(phone),
);
const secured = await proof.createDataIntegrityProof(
  { a: 1 },
  { verificationMethod: owner.kid, purpose: 'authentication', created: at },
  ownSigner,
);
const ed = 'z6Mkk7yqnGF3YwTrLpqrW6PGsKci7dNqh1CjnvMbzrMerSeL';
const edKey = proof.parseMultikey(ed);
const didKey = proof.parseDidKey(`did:key:${ed}`);
const peerInput = {
  '@context': ['https://www.w3.org/ns/did/v1'],
  verificationMethod: [{ id: '#s', type: 'Multikey', publicKeyMultibase: ed }],
  authentication: ['#s'],
};
const peer = await proof.createDidPeer4(peerInput, nodePort);
const didDocument = proof.didKeyDocument(didKey);
const secret = proof.blsSecretFromSeed(new Uint8Array(32).fill(7));
const bls = proof.blsKeysOf(secret);
const receiptKeys = proof.parseReceiptKeys({ keys: [{ ...es.jwk }] });
const print = await proof.thumbprint(es.jwk, nodePort);
const receipt = await signRaw(
  '{"alg":"ES256","typ":"receipt+jwt","kid":"es"}',
  JSON.stringify({
    ...{ iss: claims.iss, iat: now, jti: 'r', participantId: 'a', organisationId: 'o', signature: value },
    ...{ presenter: { sub: 's', participantId: 'l' }, form: 'rfc7797', binding: 'bytes' },
    key: { thumbprint: print, jwk: es.jwk, nbf: now - 9, exp: now + 9, status: 'current' },
    message: {
      ...{ kind: 'request', length: 7 },
      digest: proof.encodeBase64url(nodePort.sha256(request().body) as Uint8Array),
    },
  }),
  key,
);
const keyed = proof.parseReceiptKeys({ keys: [{ ...key.publicJwk }] });
const packed = await didcomm.pack(packing());
const calls = {
  sender: aliceKey,
  recipient: bobKey,
  random,
  id: 'c',
  createdTime: sealedAt,
  expiresTime: sealedAt + 60,
};
const call = { method: '/a.b.Service/Do', authorization: { token: 't' }, message: Uint8Array.of(1) };
const packedCall = await didcomm.packCall({ ...calls, ...call });
const answer = { method: call.method, status: 0, message: Uint8Array.of(1) } as const;
const packedAnswer = await didcomm.packAnswer({ ...calls, callId: 'c', answer });
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const agreementKey = p256.publicKey.export({ format: 'jwk' });
const privateAgreementKey = p256.privateKey.export({ format: 'jwk' });

const ed25519 = generateKeyPairSync('ed25519');
const signerKey = {
  crv: 'Ed25519',
  raw: Buffer.from(ed25519.publicKey.export({ format: 'jwk' }).x as string, 'base64url'),
} as const;
const plaintext = {
  ...{ typ: 'application/didcomm-plain+json', id: 'm', type: 'https://a.test/b', from: 'did:example:alice', to: [bob] },
  ...{ created_time: sealedAt, expires_time: sealedAt + 60, body: {} },
};
const protectedHeader = proof.encodeTextBase64url('{"typ":"application/didcomm-signed+json","alg":"EdDSA"}');
const payload = proof.encodeTextBase64url(JSON.stringify(plaintext));
const signature = sign(null, Buffer.from(`${protectedHeader}.${payload}`), ed25519.privateKey).toString('base64url');
const signatures = [{ protected: protectedHeader, signature, header: { kid: 'did:example:alice#key-1' } }];
const signed = JSON.stringify({ payload, signatures });

const message = data({
  kind: place('request'),
  method: text('POST'),
  target: text('https://lender.test/v4/loans?page=2'),
  requestTarget: text('/v4/loans?page=2'),
  body: bytes(request().body),
});
const messageExpectation = options({
  crypto: port,
  message,
  forms: place(['ocen', 'rfc7797', 'strict'], 'empty'),
  keys: place([{ jwk: es.jwk }], 'empty'),
  now: time(now),
  recipient: maybe('string'),
  clockTolerance: limit,
  maxAge: limit,
  headers: place(absent, 'undefined', 'object'),
});
const signing = options({
  ...{ key: any(keyOf(es).key), sign: any(keyOf(es).sign), form: place('strict') },
  ...{ recipient: text('lender-1'), now: number(now), jti: text('n'), crypto: place(nodePort, 'undefined') },
});
const jwsMembers = {
  crypto: port,
  keys: place([es.jwk, key.parsed], 'empty'),
  algorithms: place(['ES256'], 'empty'),
  maxBytes: limit,
  headers: place(absent, 'undefined', 'object'),
};
/** Durations of which NaN refuses, and infinity is none. */
const span = place(absent, 'undefined', 'number', 'nan');
const attenuation = { now: time(at), clockTolerance: span, maxLifetime: span };
const chainTerms = {
  ...attenuation,
  ...{ crypto: port, resolve: maybe('function'), delegationCrypto: place(absent, 'undefined'), maxLength: limit },
  cryptosuites: place(absent, 'undefined', 'empty', 'list'),
};
const envelope = {
  keys: place([bobKey], 'empty'),
  recipient: text(bob),
  senderKey: place((kid: string) => (kid === aliceKey.kid ? aliceKey.key : undefined), 'function'),
  ...{ now: number(sealedAt), sender: maybe('string'), thid: maybe('string'), type: maybe('string') },
  ...{ maxAge: limit, clockTolerance: limit, maxBytes: limit, maxRecipients: limit },
  ...{ encryptions: place(absent, 'undefined', 'empty'), curves: place(absent, 'undefined', 'empty') },
};
const { type: _type, thid: _thid, ...callEnvelope } = envelope;
const sealing = {
  ...{ random: any(random), id: text('m'), createdTime: number(sealedAt), expiresTime: number(sealedAt + 60) },
  ...{ ephemeral: maybe('function'), maxBytes: limit },
};
const suspects = {
  verificationMethod: text(owner.kid),
  ...{ purpose: text('authentication'), created: time(at), expires: place(absent, 'undefined', 'number') },
  ...{ domain: maybe('string'), challenge: maybe('string') },
  members: place(absent, 'undefined', 'object', 'bytes', 'other'),
};
const subjectClaims = any(claims);

/** A cryptographic port in which a wrong type is the affair of who made it. */
const signer = any(ownSigner);

const rows: Record<string, Record<string, Row | 'value'>> = {
  'index.ts': {
    ProofError: 'value',
    accessTokenTypes: 'value',
    algorithms: 'value',
    longestTransactionToken: 'value',
    longestWalletToken: 'value',
    maxActors: 'value',
    maxAncestors: 'value',
    messageFormNames: 'value',
    messageForms: 'value',
    signatureField: 'value',
    tokenTypes: 'value',
    transactionTokenTypes: 'value',
    verificationRelationships: 'value',
    walletTokenTypes: 'value',
    actionOfScope: row(proof.actionOfScope, text('wallet:read')),
    agreementKey: row(proof.agreementKey, any(didKey)),
    blsKeysOf: row(proof.blsKeysOf, bytes(secret)),
    blsSecretFromSeed: row(proof.blsSecretFromSeed, bytes(new Uint8Array(32))),
    canonicalTarget: row(proof.canonicalTarget, text('https://a.test/')),
    canonicalize: row(
      proof.canonicalize,
      place({ a: 1 }, 'null', 'boolean', 'number', 'string', 'list', 'empty', 'object', 'bytes', 'other'),
    ),
    createDataIntegrityProof: row(
      proof.createDataIntegrityProof,
      place({ a: 1 }, 'object', 'bytes', 'other'),
      options(suspects),
      signer,
    ),
    createDidPeer4: row(proof.createDidPeer4, place(peerInput, 'object', 'other', 'bytes'), port),
    createHeaderCache: row(proof.createHeaderCache),
    createInvocation: row(
      proof.createInvocation,
      options({
        ...{ id: text('urn:uuid:9'), audience: text(audience), nonce: text('n'), action: text('read') },
        request: options({ kind: place('rpc'), procedure: text('/a.B/C'), message: bytes(Uint8Array.of(1)) }),
        ...{ capability: place(capability), target: maybe('string'), created: number(at) },
        expires: maybe('number'),
      }),
      any(signerOf(phone)),
    ),
    createMessageHeaderCache: row(proof.createMessageHeaderCache),
    createRootCapability: row(proof.createRootCapability, text(target), place(owner.did, 'string', 'list')),
    decodeBase64url: row(proof.decodeBase64url, text('QUE'), place(9, 'number', 'nan')),
    decodeEitherBase64: row(proof.decodeEitherBase64, text('QUE='), place(9, 'number', 'nan')),
    decodeMultibase: row(proof.decodeMultibase, text(ed), place(99, 'number', 'nan')),
    delegateCapability: row(
      proof.delegateCapability,
      options({
        ...{ parent: place(root), id: text('urn:uuid:2'), controller: place(phone.did, 'string') },
        allowedAction: place(['read'], 'undefined', 'string', 'list'),
        ...{ invocationTarget: maybe('string'), expires: number(ends), created: number(at) },
      }),
      signer,
    ),
    dereference: row(
      proof.dereference,
      any(didDocument),
      text(didKey.verificationMethod),
      text('authentication'),
      time(at),
    ),
    dereferenceDidKey: row(proof.dereferenceDidKey, text(didKey.verificationMethod), text('authentication')),
    didKeyDocument: row(proof.didKeyDocument, any(didKey)),
    didKeyOf: row(proof.didKeyOf, any(edKey)),
    didWebOf: row(proof.didWebOf, text('a.test'), place(['x'], 'undefined', 'empty', 'list')),
    edwardsFault: row((encoded: never) => proof.edwardsFault(encoded) === undefined, bytes(edKey.publicKey)),
    encodeBase64url: row(proof.encodeBase64url, bytes(Uint8Array.of(1))),
    encodeMultibase: row(proof.encodeMultibase, bytes(Uint8Array.of(1))),
    encodeTextBase64url: row(proof.encodeTextBase64url, text('a')),
    explainCapability: row(
      proof.explainCapability,
      presented(JSON.stringify(capability)),
      options({ ...chainTerms, maxLength: place(absent, 'undefined'), root: place(absent, 'undefined') }),
    ),
    explainSignature: row(
      proof.explainSignature,
      any(value),
      messageExpectation,
      options({ senderSigningInput: place(absent, 'undefined', 'bytes') }, 'anything'),
    ),
    formatInstant: row(proof.formatInstant, number(at)),
    ipv6Groups: row(proof.ipv6Groups, text('::1')),
    isAlgorithmName: row(proof.isAlgorithmName, any('ES256')),
    actions: 'value',
    actionsOpening: row(proof.actionsOpening, text('/countersign.v1.WalletService/GetWallet')),
    isCanonicalTarget: row(proof.isCanonicalTarget, text(target)),
    realmPrefix: 'value',
    walletPrefix: 'value',
    isDidPeer4: row(proof.isDidPeer4, text(peer.long)),
    isFactorable: row((jwk: never) => !proof.isFactorable(jwk), place(es.jwk)),
    isJsonObject: row(proof.isJsonObject, any({})),
    isSameBlsSecret: row(proof.isSameBlsSecret, place(bls.g1), place(bls.g2)),
    isShortDidPeer4: row(proof.isShortDidPeer4, text(peer.short)),
    isStrictEd25519: row(proof.isStrictEd25519, bytes(Uint8Array.from([...edKey.publicKey, ...new Uint8Array(32)]))),
    isTargetWithin: row(proof.isTargetWithin, text(target), text(target)),
    isVerificationRelationship: row(proof.isVerificationRelationship, any('authentication')),
    keyResolver: row(proof.keyResolver, options({ crypto: port, known: maybe('function') }), time(at)),
    liveWhile: row(proof.liveWhile, any(proof.subjectFromAccessToken(claims))),
    mayServe: row(proof.mayServe, text('Ed25519'), text('authentication')),
    messageStatus: row(proof.messageStatus, any('message.signature')),
    multikeyFromForeignJwk: row(proof.multikeyFromForeignJwk, any({ ...bareJwk })),
    multikeyFromJwk: row(proof.multikeyFromJwk, place(es.jwk)),
    multikeyOf: row(proof.multikeyOf, text('Ed25519'), bytes(edKey.publicKey)),
    parseDidDocument: row(proof.parseDidDocument, place(didDocument.json), text(didKey.did)),
    parseDidKey: row(proof.parseDidKey, text(didKey.did)),
    parseDidPeer2: row(proof.parseDidPeer2, text(`did:peer:2.V${ed}`)),
    parseDidPeer4: row(proof.parseDidPeer4, text(peer.long), port),
    parseDidUrl: row(proof.parseDidUrl, text(didKey.verificationMethod)),
    parseDidWeb: row(proof.parseDidWeb, text('did:web:a.test')),
    parseExactJson: row(proof.parseExactJson, presented('{}'), data({ maxBytes: limit, maxDepth: limit }, 'anything')),
    parseInstant: row(proof.parseInstant, text('2026-01-01T00:00:00Z')),
    parseIpAddress: row(proof.parseIpAddress, text('::1')),
    parseJson: row(proof.parseJson, presented('{}'), data({ maxBytes: limit, maxDepth: limit }, 'anything')),
    parseMultikey: row(proof.parseMultikey, text(ed)),
    parsePublicJwk: row(proof.parsePublicJwk, place({ ...es.jwk })),
    parseReceiptKeys: {
      ...row(proof.parseReceiptKeys, place({ keys: [{ ...es.jwk }] })),
      refuses: (answer) => Array.isArray(answer) && answer.length === 0,
    },
    publicJwk: row(proof.publicJwk, place(es.jwk), any('jwk')),
    realmOf: row(proof.realmOf, text(claims.iss)),
    rememberSignatures: row(proof.rememberSignatures, port, place(absent, 'undefined', 'number')),
    resolveDid: row(proof.resolveDid, text(didKey.did), options({ crypto: port, known: maybe('function') })),
    resolveDidKey: row(proof.resolveDidKey, text(didKey.verificationMethod), text('authentication')),
    rootCapabilityId: row(proof.rootCapabilityId, text(target)),
    signMessage: row(proof.signMessage, message, signing),
    signatureHeader: row(proof.signatureHeader, place({ 'x-jws-signature': value }), place(['strict'], 'empty')),
    subjectFromAccessToken: row(proof.subjectFromAccessToken, subjectClaims),
    subjectFromToken: row(proof.subjectFromToken, any({ header: { typ: 'JWT' }, claims })),
    subjectFromTransactionToken: row(
      proof.subjectFromTransactionToken,
      any({
        ...{ ...claims, realm: 'dev', txn: 't', epoch: 0, sid: 's', acr: 'aal1', amr: ['pwd'], auth_time: now },
        ...{ credential: { type: 'ROOT', id: 'c', code: 'a' }, identity: { type: 't', id: 'i' } },
      }),
    ),
    subjectFromWalletToken: row(
      proof.subjectFromWalletToken,
      any({
        ...{ ...claims, wallet: 'w', sub: 'wallet:w', chain: ['urn:a'], capability: 'urn:a', gen: 0 },
        ...{ actions: ['read'], device: 'did:key:x' },
      }),
    ),
    thumbprint: row(proof.thumbprint, place(es.jwk), port),
    thumbprintInput: row(proof.thumbprintInput, place(es.jwk)),
    verifyCapabilityChain: row(
      proof.verifyCapabilityChain,
      presented(JSON.stringify(capability)),
      options({ ...chainTerms, root: place(root) }),
    ),
    verifyDataIntegrityProof: row(
      proof.verifyDataIntegrityProof,
      place(secured),
      options({
        ...{ crypto: port, purpose: text('authentication'), now: time(at), resolve: place(proof.resolveDidKey) },
        ...{ maxAge: span, clockTolerance: span, domain: maybe('string'), challenge: maybe('string') },
        cryptosuites: place(absent, 'undefined', 'empty'),
      }),
    ),
    verifyDpop: row(
      proof.verifyDpop,
      text(dpop),
      options({
        ...{ crypto: port, method: text('POST'), uris: place(['https://id.test/token'], 'empty', 'list') },
        ...{ now: number(now), maxAge: limit, clockTolerance: limit, accessToken: place(absent, 'string') },
      }),
    ),
    verifyInvocation: row(
      proof.verifyInvocation,
      presented(JSON.stringify(invocation)),
      options({
        ...{ ...chainTerms, root: place(root), audience: text(audience), actions: place(['read'], 'empty', 'list') },
        request: options({
          ...{ kind: place('rpc'), procedure: text((requests.rpc as { procedure: string }).procedure) },
          message: bytes((requests.rpc as { message: Uint8Array }).message),
        }),
        ...{ target: maybe('string'), nonce: maybe('string'), maxAge: span },
      }),
    ),
    verifyJws: row(proof.verifyJws, text(jwt), options(jwsMembers)),
    verifyJwt: row(
      proof.verifyJwt,
      text(jwt),
      options({
        ...{ ...jwsMembers, typ: place(['JWT'], 'empty', 'list'), issuer: text(claims.iss), now: number(now) },
        audience: place('api', 'string', 'list'),
        ...{ clockTolerance: limit, subjectRequired: maybe('boolean'), maxLifetime: limit },
      }),
    ),
    verifyMessage: row(proof.verifyMessage, text(value), messageExpectation),
    verifyReceipt: row(
      proof.verifyReceipt,
      text(receipt),
      options({
        ...{ crypto: port, keys: place([...keyed, ...receiptKeys], 'empty'), issuer: place(absent, 'string') },
        body: place(request().body, 'bytes', 'undefined'),
      }),
    ),
    verifySignature: row(
      proof.verifySignature,
      port,
      place('ES256'),
      place(key.parsed),
      bytes(Uint8Array.from(Buffer.from(jwt.slice(0, jwt.lastIndexOf('.'))))),
      bytes(Uint8Array.from(Buffer.from(jwt.slice(jwt.lastIndexOf('.') + 1), 'base64url'))),
    ),
    walletScope: row(proof.walletScope, text('read')),
    x25519FromEd25519: row(proof.x25519FromEd25519, place(edKey)),
    x25519Jwk: row(proof.x25519Jwk, place(proof.x25519FromEd25519(edKey))),
    x25519SecretFromEd25519: row(proof.x25519SecretFromEd25519, bytes(new Uint8Array(32))),
  },
  'didcomm/index.ts': {
    agreementJwk: row(didcomm.agreementJwk, place(aliceKey.key)),
    agreementKey: row(didcomm.agreementKey, text('X25519'), bytes(aliceKey.key.raw)),
    checkProver: {
      ...row(didcomm.checkProver, place({ sender: 'did:example:a' }), text('did:example:a')),
      isVoid: true,
    },
    didKeyAgreement: row(didcomm.didKeyAgreement, bytes(new Uint8Array(32).fill(7))),
    didKeyRecipient: row(didcomm.didKeyRecipient, text(didKey.did)),
    didKeySender: row(didcomm.didKeySender, text(proof.agreementKey(didKey).verificationMethod)),
    ephemeralKey: row(didcomm.ephemeralKey, text('X25519'), bytes(random(32))),
    pack: row(
      didcomm.pack,
      options({
        ...{ ...sealing, sender: place(aliceKey, 'undefined'), recipients: place([bobKey]) },
        ...{ type: text('https://a.test/b'), body: place({}, 'object', 'bytes', 'other') },
        ...{ thid: maybe('string'), pthid: maybe('string') },
      }),
    ),
    packAnswer: row(
      didcomm.packAnswer,
      options({
        ...sealing,
        sender: place(aliceKey),
        recipient: place(bobKey),
        callId: text('c'),
        answer: place(answer),
      }),
    ),
    packCall: row(
      didcomm.packCall,
      options({
        ...{ ...sealing, sender: place(aliceKey), recipient: place(bobKey), method: text(call.method) },
        ...{ authorization: place(call.authorization, 'undefined'), message: bytes(call.message) },
      }),
    ),
    parseAgreementJwk: row(didcomm.parseAgreementJwk, place(agreementKey)),
    parsePrivateAgreementJwk: row(didcomm.parsePrivateAgreementJwk, text('did:a:b#c'), place(privateAgreementKey)),
    unpack: row(didcomm.unpack, presented(packed), options({ ...envelope, modes: place(['authcrypt'], 'empty') })),
    unpackAnswer: row(
      didcomm.unpackAnswer,
      presented(packedAnswer),
      options({ ...callEnvelope, sender: text('did:example:alice'), callId: text('c'), method: text(call.method) }),
    ),
    unpackCall: row(didcomm.unpackCall, presented(packedCall), options(callEnvelope)),
    verifySigned: row(
      didcomm.verifySigned,
      presented(signed),
      options({
        ...{ recipient: text(bob), now: number(sealedAt), type: maybe('string'), thid: maybe('string') },
        ...{ maxAge: limit, clockTolerance: limit, maxBytes: limit },
        signerKey: place(() => signerKey, 'function'),
      }),
    ),
  },
};
const modules = { 'index.ts': proof, 'didcomm/index.ts': didcomm } as const;

describe.each(Object.entries(modules))('%s', (file, exported) => {
  const listed = rows[file] ?? {};
  test('every export has a row', () => {
    expect(Object.keys(listed).sort()).toEqual(Object.keys(exported).sort());
    const values = Object.entries(exported).filter(([, one]) => typeof one !== 'function');
    for (const [name] of values) expect([name, listed[name]]).toEqual([name, 'value']);
  });

  const functions = Object.entries(listed).filter((one): one is [string, Row] => one[1] !== 'value');
  test.each(functions)('%s accepts nothing of a wrong type', async (name, one) => {
    expect(await faultsOf(name, one)).toEqual([]);
  });
});

test('the checks themselves refuse by a TypeError', () => {
  expect(Object.keys(argument).length).toBeGreaterThan(15);
  for (const check of [argument.bytes, argument.text, argument.finite, argument.object, argument.names]) {
    for (const wrong of [undefined, null, Symbol('x'), () => {}]) expect(() => check(wrong, 'x')).toThrow(TypeError);
  }
});

test('nothing is rejected that nobody waits for', async () => {
  await new Promise((resolve) => setImmediate(resolve));
  expect(rejections).toEqual([]);
});
