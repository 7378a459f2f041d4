import type { JWTPayload } from 'jose';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createSubjectVerifier, type SubjectKind, type SubjectVerifierOptions, webCrypto } from '../src/index.ts';
import { startIssuer, type TestIssuer, testClock } from './support/issuer.ts';

let server: TestIssuer;
let clock: ReturnType<typeof testClock>;
beforeEach(async () => {
  server = await startIssuer();
  clock = testClock(Math.floor(Date.now() / 1000) * 1000);
});
afterEach(() => server[Symbol.asyncDispose]());

/** A signed subject, as the realm issues it. */
function transactionToken(change: JWTPayload = {}, typ = 'txntoken+jwt'): Promise<string> {
  const iat = clock.now() / 1000;
  const claims = {
    ...{ aud: 'api', sub: 'credential:c-1', iat, exp: iat + 60, jti: 'j-1', txn: 'call-1', sid: 'session-1' },
    ...{ acr: 'aal1', amr: ['pwd'], auth_time: iat - 100, epoch: 1, realm: 'dev', azp: undefined },
    credential: { type: 'ROOT', id: 'c-1', code: 'alice@acme.example' },
    identity: { type: 'corporates', id: 'corp-1' },
    participantId: undefined,
    ...change,
  };
  return server.sign(claims as JWTPayload, { typ });
}

function verifier(options: Partial<SubjectVerifierOptions> = {}) {
  const { issuer } = server;
  return createSubjectVerifier({ issuer, audience: 'api', accept: ['credential'], now: clock.now, ...options });
}

const outcome = async (token: string, options: Partial<SubjectVerifierOptions> = {}) =>
  verifier(options)
    .verify(token)
    .then(
      ({ kind }) => kind,
      (error) => (error as { code?: string }).code,
    );

describe('whom it lets in', () => {
  const participant = () => server.sign();
  const client = () => server.sign({ participantId: undefined });
  const credential = () => transactionToken();
  test.each<[string, () => Promise<string>, readonly SubjectKind[], string]>([
    ['a credential', credential, ['credential'], 'credential'],
    ['a participant', participant, ['participant'], 'participant'],
    ['a client', client, ['client'], 'client'],
    ['any of them', participant, ['participant', 'client', 'credential'], 'participant'],
    ['a participant where only clients may', participant, ['client'], 'token.kind'],
    ['a client where only participants may', client, ['participant', 'credential'], 'token.kind'],
    ['a participant where only credentials may', participant, ['credential'], 'jwt.typ'],
    ['a credential where only participants may', credential, ['participant', 'client'], 'jwt.typ'],
  ])('%s', async (_name, make, accept, result) => {
    expect(await outcome(await make(), { accept })).toBe(result);
  });

  test.each([
    ['nobody', { accept: [] }, 'verifier.accept'],
    ['credentials for no audience', { audience: [] }, 'verifier.audience'],
    ['credentials for the issuer alone, which is for exchange', { audience: 'ISSUER' }, 'verifier.audience'],
  ])('cannot be %s', (_name, options, code) => {
    const audience = 'audience' in options && options.audience === 'ISSUER' ? { audience: server.issuer } : {};
    expect(() => verifier({ ...options, ...audience })).toThrow(expect.objectContaining({ code }));
  });
});

describe('a signed subject', () => {
  test('verifies under WebCrypto, and a warm verification makes no network call', async () => {
    const own = verifier({ crypto: webCrypto });
    expect(await own.verify(await transactionToken())).toMatchObject({ sessionId: 'session-1', transaction: 'call-1' });
    const before = { ...server.seen };
    await own.verify(await transactionToken({ jti: 'j-2' }));
    expect(server.seen).toEqual(before);
  });

  test('is for its audience only, and what is for the issuer is for nobody who is called', async () => {
    expect(await outcome(await transactionToken({ aud: 'other' }))).toBe('jwt.audience');
    expect(await outcome(await transactionToken({ aud: undefined as never }))).toBe('jwt.audience');
    const audience = ['api', server.issuer];
    expect(await outcome(await transactionToken({ aud: server.issuer }), { audience })).toBe('jwt.audience');
    expect(await outcome(await transactionToken({ aud: ['api', server.issuer] }), { audience })).toBe('credential');
    const accept = ['participant'] as const;
    expect(await outcome(await server.sign({ aud: server.issuer }), { audience, accept })).toBe('participant');
  });

  test('lives for a minute, and five seconds more for clocks that differ', async () => {
    const token = await transactionToken();
    clock.advance(64_000);
    expect(await outcome(token)).toBe('credential');
    clock.advance(1_000);
    expect(await outcome(token)).toBe('jwt.expired');
    const iat = clock.now() / 1000;
    expect(await outcome(await transactionToken({ iat, exp: iat + 61 }))).toBe('transaction_token.lifetime');
    expect(await outcome(await transactionToken({ iat: iat + 10, exp: iat + 60 }))).toBe('jwt.issued_in_future');
  });

  test('under another type, or half of one, is none', async () => {
    const all = { accept: ['participant', 'client', 'credential'] } as const;
    expect(await outcome(await transactionToken({}, 'JWT'), all)).toBe('access_token.client');
    expect(await outcome(await transactionToken({}, 'status+jwt'), all)).toBe('jwt.typ');
    expect(await outcome(await server.sign({}, { typ: 'txntoken+jwt' }), all)).toBe('transaction_token.lifetime');
    expect(await outcome(await transactionToken({ epoch: '1' }))).toBe('transaction_token.claim');
  });
});
