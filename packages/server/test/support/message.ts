/** Senders of signed messages: node:crypto signs for them, as a foreign implementation. */

import {
  constants,
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomUUID,
  sign,
} from 'node:crypto';
import type { JWK } from 'jose';

type Alg = 'RS256' | 'PS256' | 'ES256' | 'Ed25519';

export interface Sender {
  readonly alg: Alg;
  readonly jwk: JWK;
  readonly privateKey: KeyObject;
}

const makers: Record<Alg, () => { readonly privateKey: KeyObject }> = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  PS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  Ed25519: () => generateKeyPairSync('ed25519'),
};

export function sender(alg: Alg, kid: string): Sender {
  const { privateKey } = makers[alg]();
  return { alg, privateKey, jwk: { ...createPublicKey(privateKey).export({ format: 'jwk' }), alg, kid, use: 'sig' } };
}

/** Any header over any bytes: `base64url(header)..base64url(signature)`. */
export function signed(one: Sender, header: object | string, payload: Uint8Array | string, as: Alg = one.alg): string {
  const encoded = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header)).toString('base64url');
  const input = Buffer.concat([Buffer.from(`${encoded}.`), Buffer.from(payload)]);
  return `${encoded}..${signature(one, input, as).toString('base64url')}`;
}

export function signature({ privateKey: key }: Sender, input: Uint8Array, as: Alg): Buffer {
  if (as === 'Ed25519') return sign(null, input, key);
  if (as === 'PS256') return sign('sha256', input, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 });
  return sign('sha256', input, as === 'ES256' ? { key, dsaEncoding: 'ieee-p1363' } : key);
}

export const ocen = ({ jwk }: Sender) => ({ alg: 'RS256', kid: jwk.kid, b64: false });
export const rfc7797 = ({ jwk, alg }: Sender) => ({ alg, kid: jwk.kid, b64: false, crit: ['b64'] });

export const strictTarget = 'https://lender.example/v4/loans?page=2';

/** The header of a strict request to `aud`, now; members may be replaced. */
export function strict(one: Sender, aud: string, change: Readonly<Record<string, unknown>> = {}) {
  return {
    alg: one.alg,
    kid: one.jwk.kid,
    b64: false,
    crit: ['b64', 'htm', 'htu', 'aud', 'iat', 'jti'],
    htm: 'POST',
    htu: strictTarget,
    aud,
    iat: Math.floor(Date.now() / 1000),
    jti: randomUUID(),
    ...change,
  };
}

/** The header of a strict response to whoever sent `requestSignature`. */
export function strictAnswer(one: Sender, aud: string, status: number, requestSignature: string, change: object = {}) {
  return {
    alg: one.alg,
    kid: one.jwk.kid,
    b64: false,
    crit: ['b64', 'sts', 'req', 'aud', 'iat'],
    sts: status,
    req: createHash('sha256').update(requestSignature).digest('base64url'),
    aud,
    iat: Math.floor(Date.now() / 1000),
    ...change,
  };
}

export const base64 = (payload: Uint8Array | string) => Buffer.from(payload).toString('base64');
