import { describe, expect, test } from 'vitest';
import { type JwtClaims, subjectFromWalletToken } from '../src/index.ts';

const claims: JwtClaims = {
  iss: 'https://id.example/realms/dev',
  aud: 'https://id.example/realms/dev',
  sub: 'wallet:alice',
  iat: 1_800_000_000,
  exp: 1_800_000_300,
  jti: 'j1',
  gen: 1,
  wallet: 'alice',
  device: 'did:key:z6Mk',
  actions: ['read'],
  capability: 'urn:uuid:2',
  chain: ['urn:uuid:1', 'urn:uuid:2'],
};

describe('the claims of a wallet token', () => {
  test('say whose wallet it is, through which device, and what it may do', () => {
    expect(subjectFromWalletToken(claims)).toMatchObject({
      kind: 'wallet',
      realm: 'dev',
      id: 'wallet:alice',
      walletId: 'alice',
      device: 'did:key:z6Mk',
      actions: ['read'],
      capabilities: ['urn:uuid:1', 'urn:uuid:2'],
      generation: 1,
      audience: ['https://id.example/realms/dev'],
      confirmation: undefined,
    });
    expect(subjectFromWalletToken(claims).roles).toEqual([]);
    const roles = ['individual', 'buyer'];
    expect(subjectFromWalletToken({ ...claims, roles }).roles).toEqual(roles);
    expect(subjectFromWalletToken({ ...claims, cnf: { jkt: 'thumb' } }).confirmation).toBe('thumb');
  });

  test.each([
    ['/iat', { iat: undefined }],
    ['/sub', { sub: 'wallet:bob' }],
    ['/sub', { sub: undefined }],
    ['/wallet', { wallet: '' }],
    ['/device', { device: undefined }],
    ['/actions', { actions: [] }],
    ['/actions', { actions: 'read' }],
    ['/actions', { actions: [1] }],
    ['/chain', { chain: undefined }],
    ['/chain', { chain: [] }],
    ['/capability', { capability: 'urn:uuid:1' }],
    ['/gen', { gen: '1' }],
    ['/roles', { roles: 'buyer' }],
    ['/roles', { roles: ['buyer', 1] }],
    ['/roles', { roles: [''] }],
    ['/roles', { roles: null }],
    ['/roles', { roles: { buyer: true } }],
    ['/jti', { jti: undefined }],
    ['/aud', { aud: undefined }],
    ['/cnf', { cnf: 'thumb' }],
    ['/cnf', { cnf: {} }],
    ['/cnf', { cnf: { jkt: 'thumb', jwk: {} } }],
    ['/cnf/jkt', { cnf: { jkt: '' } }],
  ])('are refused for %s in %j', (pointer, change) => {
    const altered = { ...claims, ...change } as unknown as JwtClaims;
    expect(() => subjectFromWalletToken(altered)).toThrow(
      expect.objectContaining({ code: 'wallet_token.claim', pointer }),
    );
  });

  test('never last for more than five minutes', () => {
    const long = { ...claims, exp: claims.exp + 1 };
    expect(() => subjectFromWalletToken(long)).toThrow(expect.objectContaining({ code: 'wallet_token.lifetime' }));
  });
});
