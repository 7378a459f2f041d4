import {
  type AlgorithmName,
  type CryptoPort,
  encodeBase64url,
  encodeTextBase64url,
  isFactorable,
  type PublicJwk,
  parsePublicJwk,
} from '@countersign/proof';
import { object } from '@countersign/proof/argument';
import { cryptoPort, privateSigner } from '#platform-crypto';
import { ClientError } from './error.ts';
import type { PrivateJwk, Sign } from './private-jwk.ts';

/** A private key of ours, able to sign and unable to show itself. */
export interface SigningKey {
  readonly alg: AlgorithmName;
  readonly publicJwk: PublicJwk;
  readonly sign: Sign;
}

const privateMembers = new Set(['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth']);

/**
 * The private key of a JWK. Its public half must belong to it: a JWK that was put together from two keys would sign what nobody
 * can verify, so a trial signature is made and verified.
 *
 * @throws {ClientError} `signing_key.public` (with the member that is at fault), `signing_key.private`
 * @throws {TypeError} where it is no object: a file is to be parsed first
 */
export async function importSigningKey(given: PrivateJwk): Promise<SigningKey> {
  // A copy: what was looked at is what is imported.
  const jwk: PrivateJwk = { ...object(given, 'privateKey') };
  const parsed = parsePublicJwk(Object.fromEntries(Object.entries(jwk).filter(([name]) => !privateMembers.has(name))));
  if (!parsed.ok)
    throw new ClientError('signing_key.public', `The key is not usable: ${parsed.member} ${parsed.reason}.`);
  const publicJwk = parsed.key;
  const { alg } = publicJwk;
  const trial = new TextEncoder().encode('countersign trial signature');
  let sign: Sign;
  let fits: boolean;
  try {
    sign = await privateSigner(alg, jwk);
    fits = await cryptoPort.verify(alg, publicJwk, trial, await sign(trial));
  } catch {
    // What the runtime says of a private key may quote it.
    throw new ClientError('signing_key.private', 'The private part of the key is missing or malformed.');
  }
  if (!fits)
    throw new ClientError('signing_key.private', 'The private part of the key does not belong to its public part.');
  return { alg, publicJwk, sign };
}

/**
 * A key that is to be registered. The registry refuses an RSA key whose private part can be computed from its public part; here it is not
 * even sent.
 *
 * @throws {ClientError} as `importSigningKey`
 */
export async function importNewKey(jwk: PrivateJwk): Promise<SigningKey> {
  const key = await importSigningKey(jwk);
  if (isFactorable(key.publicJwk)) throw new ClientError('signing_key.public', 'The key is not usable: n factorable.');
  return key;
}

/** A compact JWS (RFC 7515 §7.1) over JSON claims. */
export async function signJwt(key: SigningKey, typ: string, claims: object): Promise<string> {
  const { kid } = key.publicJwk;
  const header = { alg: key.alg, typ, ...(kid === undefined ? {} : { kid }) };
  const input = `${encodeTextBase64url(JSON.stringify(header))}.${encodeTextBase64url(JSON.stringify(claims))}`;
  return `${input}.${encodeBase64url(await key.sign(new TextEncoder().encode(input)))}`;
}

/** SHA-256 as base64url. */
export async function digest(bytes: Uint8Array, port: Pick<CryptoPort, 'sha256'> = cryptoPort): Promise<string> {
  return encodeBase64url(await port.sha256(bytes));
}
