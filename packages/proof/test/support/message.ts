import {
  constants,
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { decodeBase64url } from '../../src/base64url.ts';
import {
  type AlgorithmName,
  type CryptoPort,
  encodeBase64url,
  encodeTextBase64url,
  type MessageExpectation,
  type PublicJwk,
  type RequestMessage,
  type ResponseMessage,
} from '../../src/index.ts';
import { parsed } from './keys.ts';

/** A key pair of node:crypto, as a sender has it. */
export interface Sender {
  readonly alg: AlgorithmName;
  readonly privateKey: KeyObject;
  readonly jwk: PublicJwk;
  readonly kid: string | undefined;
}

const curves = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  PS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  Ed25519: () => generateKeyPairSync('ed25519'),
  EdDSA: () => generateKeyPairSync('ed25519'),
};

export function sender(alg: AlgorithmName, kid?: string): Sender {
  const { privateKey } = curves[alg]();
  return senderFrom(privateKey, alg, kid);
}

function senderFrom(privateKey: KeyObject, alg: AlgorithmName, kid?: string): Sender {
  const numbers = createPublicKey(privateKey).export({ format: 'jwk' });
  return { alg, privateKey, kid, jwk: parsed({ ...numbers, alg, ...(kid === undefined ? {} : { kid }) }) };
}

export function senderFromJwk(jwk: Record<string, unknown>, kid?: string): Sender {
  return senderFrom(createPrivateKey({ key: jwk, format: 'jwk' }), 'RS256', kid);
}

/** Independent of the port that we ship. */
export const nodePort: CryptoPort = {
  verify: (alg, jwk, data, signature) =>
    verify(hashOf(alg), data, { key: createPublicKey({ key: { ...jwk }, format: 'jwk' }), ...options(alg) }, signature),
  sha256: (bytes) => createHash('sha256').update(bytes).digest(),
};

export function signBytes({ privateKey, alg }: Sender, data: Uint8Array | string, as: AlgorithmName = alg): Uint8Array {
  return sign(hashOf(as), Buffer.from(data), { key: privateKey, ...options(as) });
}

function hashOf(alg: AlgorithmName): 'sha256' | null {
  return alg === 'Ed25519' || alg === 'EdDSA' ? null : 'sha256';
}

function options(alg: AlgorithmName) {
  if (alg === 'PS256') return { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
  return alg === 'ES256' ? { dsaEncoding: 'ieee-p1363' as const } : {};
}

/** What `signMessage` needs of a sender. */
export function keyOf(one: Sender) {
  const { alg, kid, jwk } = one;
  return { key: { alg, kid, publicJwk: jwk }, sign: { sign: (data: Uint8Array) => signBytes(one, data) } };
}

/** Any header over any input: a sender that has the key and no manners. */
export function rawValue(one: Sender, header: string, payload: Uint8Array | string, as?: AlgorithmName): string {
  const encoded = encodeTextBase64url(header);
  const input = Buffer.concat([Buffer.from(`${encoded}.`), Buffer.from(payload)]);
  return `${encoded}..${encodeBase64url(signBytes(one, input, as))}`;
}

export const bytes = (text: string) => new TextEncoder().encode(text);

export function signatureOf(value: string): Uint8Array {
  const decoded = decodeBase64url(value.slice(value.lastIndexOf('.') + 1), 4096);
  if (decoded === undefined) throw new Error('not base64url');
  return decoded;
}

export function request(body: Uint8Array | string = '{"a":1}', changes: Partial<RequestMessage> = {}): RequestMessage {
  return {
    kind: 'request',
    method: 'POST',
    target: 'https://lender.test/v4/loans?page=2',
    requestTarget: '/v4/loans?page=2',
    body: typeof body === 'string' ? bytes(body) : body,
    ...changes,
  };
}

export function response(body = '', changes: Partial<ResponseMessage> = {}): ResponseMessage {
  return { kind: 'response', status: 200, requestSignature: 'aGVhZGVy..c2lnbmF0dXJl', body: bytes(body), ...changes };
}

/** Seconds since the epoch: the clock of the OCEN vectors. */
export const now = 1_714_903_200;

export function expecting(one: Sender, changes: Partial<MessageExpectation> = {}): MessageExpectation {
  return {
    crypto: nodePort,
    message: request(),
    forms: ['ocen', 'rfc7797', 'strict'],
    keys: [{ jwk: one.jwk }],
    now,
    recipient: 'lender-1',
    ...changes,
  };
}

export const strictly = { form: 'strict', recipient: 'lender-1', now, jti: 'nonce-1', crypto: nodePort } as const;
