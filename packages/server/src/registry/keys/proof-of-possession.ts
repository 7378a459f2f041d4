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
import type { Context } from '../../context.ts';
import { instantOfDate, seconds } from '../../kernel/clock.ts';
import { Problem } from '../../kernel/problem.ts';
import type { Realm } from '../../subject/realm.ts';
import { useOnce } from '../../subject/tokens/replay.ts';

/**
 * Proof that the caller holds the private key of a public key: a compact JWS by that key over the request.
 *
 * 1. One of the keys made the signature, under the algorithm of that key. The header brings no key of its own.
 * 2. `typ` is that of this purpose, so that a token or message signed for another purpose does not pass.
 * 3. `aud` is the realm's issuer, as a single string.
 * 4. `iat` is at most five minutes from now. `exp`, if present, has not passed.
 * 5. Every claim of `bound` has exactly that value. A claim that must be absent is absent.
 * 6. `jti` is used once. This check is last, so that a stranger cannot use up another's value.
 *
 * Every failure is `registry.proof` outside. Only the log has the reason.
 */
export interface Possession {
  readonly proof: string;
  /** One of these keys must have signed. */
  readonly keys: readonly PossessedKey[];
  readonly typ:
    | 'countersign-application+jwt'
    | 'countersign-status+jwt'
    | 'countersign-pickup+jwt'
    | 'countersign-key+jwt';
  readonly bound: Readonly<Record<string, string | undefined>>;
}

export interface PossessedKey {
  readonly jwk: PublicJwk;
  readonly thumbprint: string;
}

/** Seconds. */
const window = 300;
/** The key decides which of these algorithms is allowed. */
const allAlgorithms = Object.keys(algorithms) as AlgorithmName[];
/** Characters. */
const maxProof = 8_192;

/** Returns the thumbprint of the key that made the proof. @throws {Problem} `registry.proof` */
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
    throw thrown instanceof ProofError ? new Problem('registry.proof', { cause: thrown }) : thrown;
  }
}

function refused(reason: string): Problem {
  return new Problem('registry.proof', { reason });
}
