import { type CryptoKey, exportJWK, type GenerateKeyPairResult, generateKeyPair, type JWK } from 'jose';
import {
  type AlgorithmName,
  encodeBase64url,
  encodeTextBase64url,
  type PublicJwk,
  parsePublicJwk,
} from '../../src/index.ts';

/** A key pair of a foreign library (jose), and its public half as we parse it. */
export interface TestKey {
  readonly alg: AlgorithmName;
  readonly privateKey: GenerateKeyPairResult['privateKey'];
  readonly publicJwk: JWK;
  readonly parsed: PublicJwk;
}

export async function testKey(alg: AlgorithmName, kid?: string): Promise<TestKey> {
  const pair = await generateKeyPair(alg, { extractable: true });
  const publicJwk = { ...(await exportJWK(pair.publicKey)), alg, ...(kid === undefined ? {} : { kid }) };
  return { alg, privateKey: pair.privateKey, publicJwk, parsed: parsed(publicJwk) };
}

export function parsed(jwk: unknown): PublicJwk {
  const result = parsePublicJwk(jwk);
  if (!result.ok) throw new Error(`${result.reason} ${result.member}`);
  return result.key;
}

const parameters = {
  RS256: { name: 'RSASSA-PKCS1-v1_5' },
  PS256: { name: 'RSA-PSS', saltLength: 32 },
  ES256: { name: 'ECDSA', hash: 'SHA-256' },
  EdDSA: { name: 'Ed25519' },
  Ed25519: { name: 'Ed25519' },
};

/** Signs any two texts, well-formed or not, as a compact JWS: an issuer that has the key and no manners. */
export async function signRaw(header: string, payload: string, key: TestKey): Promise<string> {
  return signParts(encodeTextBase64url(header), encodeTextBase64url(payload), key);
}

/** The same over parts that are not encoded again. */
export async function signParts(header: string, payload: string, key: TestKey): Promise<string> {
  const signed = new TextEncoder().encode(`${header}.${payload}`);
  const signature = await crypto.subtle.sign(parameters[key.alg], key.privateKey as CryptoKey, signed);
  return `${header}.${payload}.${encodeBase64url(new Uint8Array(signature))}`;
}
