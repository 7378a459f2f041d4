/** What an attacker may send: tokens and signatures with anything in them, good signatures included. */
import { constants, createPrivateKey, sign } from 'node:crypto';
import type { PrivateJwk } from '../../src/index.ts';

type Header = Record<string, unknown> | string;

const text = (part: object | string) => (typeof part === 'string' ? part : JSON.stringify(part));
const encode = (part: object | string | Uint8Array) =>
  Buffer.from(part instanceof Uint8Array ? part : text(part)).toString('base64url');

function signatureOver(input: Uint8Array, key: PrivateJwk, alg: unknown = key.alg): string {
  const privateKey = createPrivateKey({ key: { ...key }, format: 'jwk' });
  if (alg === 'PS256') {
    const padding = constants.RSA_PKCS1_PSS_PADDING;
    return sign('sha256', input, { key: privateKey, padding, saltLength: 32 }).toString('base64url');
  }
  const signed = key.kty === 'EC' ? { key: privateKey, dsaEncoding: 'ieee-p1363' as const } : privateKey;
  return sign('sha256', input, signed).toString('base64url');
}

/** `header..signature` over the bytes, whatever the header says. A string stands for the header's text as it is. */
export function detached(header: Header, payload: string | Uint8Array, key: PrivateJwk): string {
  const head = encode(header);
  const alg = typeof header === 'string' ? undefined : header.alg;
  return `${head}..${signatureOver(Buffer.concat([Buffer.from(`${head}.`), Buffer.from(payload)]), key, alg === 'PS256' ? alg : undefined)}`;
}

/** A compact JWS, whatever it says. */
export function compact(header: Header, claims: object | string, key: PrivateJwk): string {
  const input = `${encode(header)}.${encode(claims)}`;
  return `${input}.${signatureOver(Buffer.from(input), key)}`;
}
