import { generateKeyPairSync, type KeyObject, verify } from 'node:crypto';
import { createAccessTokenVerifier, fixedKeys, parsePublicJwk } from '@countersign/client';
import { derFromSignature } from '@countersign/client/node-crypto';
import { createLocalJWKSet, type JWK, jwtVerify, SignJWT } from 'jose';
import { type Contender, ratio, rotate } from './measure.ts';
import { type Alg, algs, bench } from './network.ts';
import { type Row, rateNote, share, times } from './report.ts';

/** `raw` does not parse the token: the signature and the signed bytes are ready for OpenSSL. */
type Name = 'countersign' | 'jose' | 'raw verify';

const issuer = 'https://auth.example/realms/dev';
const kid = 'SFqk8Yw0d3kzrJ1cZ3d1Xg7Jx0wq0mVb1h8mS2o3nQ4';
const verifications = 2_000;

export const keyPairs: Readonly<Record<Alg, () => { readonly publicKey: KeyObject; readonly privateKey: KeyObject }>> =
  {
    ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    Ed25519: () => generateKeyPairSync('ed25519'),
    RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  };

/** Warm verification of an access token, in this process: the SDK, jose, and the primitive alone. */
export async function measureVerification(rounds: number): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const alg of algs) {
    const contenders = await contendersFor(alg);
    for (const { round } of contenders) for (let turn = 0; turn < 3; turn++) await round();
    const rates = await rotate(contenders, rounds);
    const isBar = alg === 'ES256';
    rows.push(
      {
        what: `access token verification, ${alg}, against jose \`jwtVerify\``,
        measured: ratio(rates.countersign, rates.jose),
        format: times,
        ...(isBar ? { bar: { least: 1.4 } } : {}),
        note: rateNote(rates),
      },
      {
        what: `access token verification, ${alg}, against raw \`crypto.verify\``,
        measured: ratio(rates.countersign, rates['raw verify']),
        format: share,
        ...(isBar ? { bar: { least: 0.85 } } : {}),
      },
    );
  }
  return rows;
}

async function contendersFor(alg: Alg): Promise<readonly Contender<Name>[]> {
  const { publicKey, privateKey } = keyPairs[alg]();
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid, alg } as JWK;
  const token = await makeToken(alg, privateKey);
  const parsed = parsePublicJwk(jwk);
  if (!parsed.ok) throw new Error('our own key was refused');
  const verifier = createAccessTokenVerifier({ issuer, audience: issuer, jwks: fixedKeys([parsed.key]) });
  const local = createLocalJWKSet({ keys: [jwk] });
  const signed = Buffer.from(token.slice(0, token.lastIndexOf('.')));
  const joseSignature = Buffer.from(token.slice(token.lastIndexOf('.') + 1), 'base64url');
  const signature = alg === 'ES256' ? derFromSignature(joseSignature) : joseSignature;
  const digest = alg === 'Ed25519' ? null : 'sha256';
  return [
    contender('countersign', () => verifier.verify(token)),
    contender('jose', () => jwtVerify(token, local, { issuer, audience: issuer })),
    contender('raw verify', () => {
      if (!verify(digest, signed, publicKey, signature)) throw new Error('the signature is not good');
    }),
  ];
}

/** An operation that this process repeats: its rate is per second of CPU time. */
export function contender<Name extends string>(name: Name, act: () => unknown, times = verifications): Contender<Name> {
  return {
    name,
    async round() {
      const before = process.cpuUsage();
      for (let i = 0; i < times; i++) await act();
      const { user, system } = process.cpuUsage(before);
      return times / ((user + system) / 1e6);
    },
  };
}

/** The claims that our token endpoint writes. */
function makeToken(alg: Alg, privateKey: KeyObject): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({
    iss: issuer,
    sub: '5a0c7b9e-0f5a-4c57-9d0e-3a1f6f0b7c22',
    aud: issuer,
    exp: now + 600,
    iat: now,
    nbf: now,
    jti: 'f3b0a1d2-7c6e-4a5b-8d9c-0e1f2a3b4c5d',
    typ: 'Bearer',
    azp: bench.clientId,
    client_id: bench.clientId,
    scope: '',
    gen: 1,
    participantId: bench.participantId,
    realm_access: { roles: ['LENDER'] },
    resource_access: { [bench.resource]: { roles: bench.roles } },
  })
    .setProtectedHeader({ alg, typ: 'at+jwt', kid })
    .sign(privateKey);
}
