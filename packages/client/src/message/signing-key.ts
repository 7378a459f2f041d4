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
import { ClientError } from '../error.ts';
import type { PrivateJwk, Sign } from './private-jwk.ts';

/** A private key that can sign, but cannot be read. */
export interface SigningKey {
  readonly alg: AlgorithmName;
  readonly publicJwk: PublicJwk;
  readonly sign: Sign;
}

const privateMembers = new Set(['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth']);

/**
 * Imports the private key of a JWK (RFC 7517). Its public half must belong to it: signatures of a JWK that mixes two
 * keys could not be verified, so a trial signature is made and verified.
 *
 * It does not check that the key is registered, nor whether an RSA key can be factored: `isFactorable` does.
 *
 * @throws {ClientError} `signing_key.public` (with the faulty member), `signing_key.private`
 * @throws {TypeError} if it is not an object: parse a file first
 * @example
 * const { alg, publicJwk } = await importSigningKey(agent.privateJwk);
 * [alg, publicJwk.kid]; // → ['EdDSA', 'agent-key']
 * await importSigningKey({ ...agent.privateJwk, d: lender.privateJwk.d }); // throws signing_key.private
 */
export async function importSigningKey(given: PrivateJwk): Promise<SigningKey> {
  // A copy, so that exactly the checked members are imported.
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
    // The runtime's error text may quote the private key.
    throw new ClientError('signing_key.private', 'The private part of the key is missing or malformed.');
  }
  if (!fits)
    throw new ClientError('signing_key.private', 'The private part of the key does not belong to its public part.');
  return { alg, publicJwk, sign };
}

/**
 * Imports a key to register. The registry refuses an RSA key whose private part can be computed from its public part; such a
 * key is already refused here.
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

/** The SHA-256 as base64url. */
export async function digest(bytes: Uint8Array, port: Pick<CryptoPort, 'sha256'> = cryptoPort): Promise<string> {
  return encodeBase64url(await port.sha256(bytes));
}
