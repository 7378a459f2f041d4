import { cryptoPort } from '@countersign/client/node-crypto';
import {
  type AlgorithmName,
  algorithms,
  isJsonObject,
  type JsonObject,
  ProofError,
  type PublicJwk,
  parseJson,
  verifyJws,
} from '@countersign/proof';
import type { Context } from '../context.ts';
import { instantOfDate, seconds } from '../kernel/clock.ts';
import { Problem } from '../kernel/problem.ts';
import type { Realm } from '../subject/realm.ts';
import { useOnce } from '../subject/replay.ts';

/**
 * Proof that whoever speaks holds the private key of a public key: a compact JWS by that very key over what it is asked for.
 *
 * 1. The signature is that of one of the keys, under the algorithm that this key is for. The header brings no key of its own.
 * 2. `typ` is the one of this purpose, so that no token or message signed for another purpose passes.
 * 3. `aud` is the realm's issuer, as a single string.
 * 4. `iat` is at most five minutes from now, and `exp`, where there is one, has not passed.
 * 5. Every claim of `bound` is there with exactly that value; one that must be absent is absent.
 * 6. `jti` is used once. Last, so that nobody burns a value that is not theirs.
 *
 * Whatever fails, the outside sees `registry.proof` and only the log knows why.
 */
export interface Possession {
  readonly proof: string;
  /** Any of them will do. */
  readonly keys: readonly PossessedKey[];
  readonly typ: 'countersign-application+jwt' | 'countersign-pickup+jwt' | 'countersign-key+jwt';
  readonly bound: Readonly<Record<string, string | undefined>>;
}

export interface PossessedKey {
  readonly jwk: PublicJwk;
  readonly thumbprint: string;
}

/** Seconds. */
const window = 300;
/** Which of them it may be is decided by the key. */
const allAlgorithms = Object.keys(algorithms) as AlgorithmName[];
/** Characters. */
const maxProof = 8_192;

/** The thumbprint of the key that made the proof. */
export async function requirePossession(context: Context, realm: Realm, possession: Possession): Promise<string> {
  const { claims, thumbprint } = await signedClaims(possession);
  const now = seconds(context.clock.now());
  if (claims.aud !== realm.issuer) throw refused('the audience is not the issuer');
  const { iat, exp } = claims;
  if (typeof iat !== 'number' || !Number.isFinite(iat)) throw refused('there is no time of issue');
  if (Math.abs(now - iat) > window) throw refused('the time of issue is too far from now');
  if (exp !== undefined && !(typeof exp === 'number' && exp > now)) throw refused('the proof has expired');
  for (const [claim, value] of Object.entries(possession.bound)) {
    if (claims[claim] !== value) throw refused(`the claim ${claim} is not what is asked for`);
  }
  const { jti } = claims;
  if (typeof jti !== 'string' || jti.length === 0 || jti.length > 255) throw refused('there is no jti');
  const value = `${thumbprint}\0${jti}`;
  if (!(await useOnce(context, realm.name, possession.typ, value, instantOfDate(iat + 2 * window)))) {
    throw refused('the proof was presented before');
  }
  return thumbprint;
}

/** Steps 1 and 2. */
async function signedClaims({
  proof,
  keys,
  typ,
}: Possession): Promise<{ readonly claims: JsonObject; readonly thumbprint: string }> {
  try {
    const jwks = keys.map(({ jwk }) => jwk);
    const expected = { keys: jwks, algorithms: allAlgorithms, crypto: cryptoPort, maxBytes: maxProof };
    const { header, payload, key } = await verifyJws(proof, expected);
    if (header.typ !== typ) throw refused('the type is another');
    const claims = parseJson(payload, { maxBytes: maxProof, maxDepth: 4 });
    if (!claims.ok || !isJsonObject(claims.value)) throw refused('the claims are not a JSON object');
    return { claims: claims.value, thumbprint: (keys[jwks.indexOf(key)] as PossessedKey).thumbprint };
  } catch (thrown) {
    throw thrown instanceof ProofError ? new Problem('registry.proof', undefined, { cause: thrown }) : thrown;
  }
}

function refused(reason: string): Problem {
  return new Problem('registry.proof', undefined, { cause: new Error(reason) });
}
