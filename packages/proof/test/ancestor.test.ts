/** The claim `ancestors`: what a token was made from, and dies with. */
import { expect, test } from 'vitest';
import {
  type JwtClaims,
  liveWhile,
  maxAncestors,
  type ProofError,
  type Subject,
  subjectFromAccessToken,
  subjectFromTransactionToken,
  subjectFromWalletToken,
} from '../src/index.ts';

const common = { iss: 'https://auth.example/realms/dev', aud: 'a', iat: 1_800_000_000, exp: 1_800_000_060, jti: 'j-1' };
const act = { act: { sub: 's-1', gen: 4 } };
const kinds: Readonly<Record<string, readonly [read: (claims: JwtClaims) => Subject, claims: JwtClaims]>> = {
  access_token: [subjectFromAccessToken, { ...common, ...act, sub: 'p-1', azp: 'c-1', gen: 2 }],
  transaction_token: [
    subjectFromTransactionToken,
    {
      ...{ ...common, ...act, sub: 'credential:c', txn: 't', sid: 'session-1', acr: 'aal1', amr: ['pwd'] },
      ...{ auth_time: 1, epoch: 2, realm: 'dev', identity: { type: 'corporates', id: 'i' } },
      credential: { type: 'ROOT', id: 'c', code: 'c' },
    },
  ],
  wallet_token: [
    subjectFromWalletToken,
    {
      ...{ ...common, ...act, sub: 'wallet:w', wallet: 'w', device: 'did:key:z', gen: 2 },
      ...{ actions: ['read'], chain: ['urn:uuid:1', 'urn:uuid:2'], capability: 'urn:uuid:2' },
    },
  ],
};
const token = { kind: 'token', id: 'j-0' };
const known = [
  token,
  { kind: 'session', id: 's' },
  { kind: 'capability', id: 'u' },
  { kind: 'subject', id: 'x', generation: 0 },
];

const refused: readonly (readonly [string, unknown])[] = [
  ['null', null],
  ['an object', token],
  ['a string', 'j-0'],
  ['an empty list', []],
  ['a list of too many', Array(maxAncestors + 1).fill(token)],
  ['a list in a list', [[token]]],
  ['a name alone', ['j-0']],
  ['an unknown kind', [{ kind: 'device', id: 'd' }]],
  ['a kind of the status feed that gives nothing', [{ kind: 'key', id: 'k' }]],
  ['an inherited name as kind', [{ kind: 'constructor', id: 'd' }]],
  ['an ancestor without id', [{ kind: 'token' }]],
  ['an empty id', [{ kind: 'token', id: '' }]],
  ['an id that is a number', [{ kind: 'token', id: 7 }]],
  ['a subject without generation', [{ kind: 'subject', id: 'x' }]],
  ['half a generation', [{ kind: 'subject', id: 'x', generation: 0.5 }]],
  ['a generation that is a string', [{ kind: 'subject', id: 'x', generation: '1' }]],
  ['a token with a generation', [{ ...token, generation: 1 }]],
  ['a member that nobody knows', [{ ...token, until: 7 }]],
  ['one good one and one that is none', [token, { kind: 'device', id: 'd' }]],
];

for (const [name, [read, claims]] of Object.entries(kinds)) {
  test(`every ancestor of an ${name} finds its place, and all that it hangs on is said`, () => {
    const subject = read({ ...claims, ancestors: known });
    expect(subject.ancestors).toEqual(known);
    expect(read(claims).ancestors).toEqual([]);
    const own = {
      access_token: [],
      transaction_token: [{ kind: 'session', id: 'session-1' }],
      wallet_token: [
        { kind: 'capability', id: 'urn:uuid:1' },
        { kind: 'capability', id: 'urn:uuid:2' },
      ],
    }[name] as object[];
    expect(liveWhile(subject)).toEqual([
      { kind: 'subject', id: claims.sub, generation: 2 },
      { kind: 'subject', id: 's-1', generation: 4 },
      { kind: 'token', id: 'j-1' },
      ...own,
      ...known,
    ]);
  });

  test.each(refused)(`%s as ancestors of an ${name} is refused`, (_name, ancestors) => {
    expect(() => read({ ...claims, ancestors } as JwtClaims)).toThrow(
      expect.objectContaining({ code: `${name}.claim`, pointer: '/ancestors' }) as ProofError,
    );
  });
}
