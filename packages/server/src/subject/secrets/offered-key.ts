import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { type PublicJwk, parsePublicJwk } from '@countersign/proof';
import { isLine, isPlain } from '../../kernel/text.ts';

/**
 * A public key as organisations have it: a JWK, perhaps with certificates in `x5c`; PEM of an SPKI or PKCS #1 public
 * key; a PEM certificate, perhaps with its chain after it. `node:crypto` reads PEM and certificates. The certificate's issuer is not judged: a registered key is trusted because the registry holds it.
 */
export interface OfferedKey {
  readonly ok: true;
  readonly jwk: PublicJwk;
  /** Epoch milliseconds. From the first certificate, if there is one. */
  readonly notBefore: number | undefined;
  /** Undefined if the certificate has no well-defined end (RFC 5280 §4.1.2.5). */
  readonly notAfter: number | undefined;
}

export interface RefusedKey {
  readonly ok: false;
  /** The faulty member of a JWK; empty for the whole value. */
  readonly member: string;
  readonly reason: string;
}

/** Other texts are no keys: not a URL, not a JWK as JSON. */
export const pemText = /-----BEGIN [A-Z0-9 ]{1,64}-----/;
/** Characters of a PEM text: a chain of certificates of the largest keys. */
export const maxKeyText = 65_536;
const maxCertificates = 10;
/** RFC 5280 §4.1.2.5: 99991231235959Z. */
const noEnd = Date.UTC(9999, 11, 31, 23, 59, 59);

export function readOfferedKey(value: unknown): OfferedKey | RefusedKey {
  if (typeof value !== 'string') return fromJwk(value);
  return value.length > maxKeyText ? refuse('', 'too large') : fromPem(value);
}

function fromJwk(value: unknown): OfferedKey | RefusedKey {
  const parsed = parsePublicJwk(value);
  if (!parsed.ok) return refuse(parsed.member, parsed.reason.replaceAll('_', ' '));
  const { kid = '' } = parsed.key;
  // Others read it in the registry.
  if (!isLine(kid) || !isPlain(kid)) return refuse('kid', 'malformed');
  const { x5c, 'x5t#S256': sha256, x5t: sha1 } = value as Readonly<Record<string, unknown>>;
  if (x5c === undefined) return { ok: true, jwk: parsed.key, notBefore: undefined, notAfter: undefined };
  const first = firstOfChain(x5c);
  if (!(first instanceof X509Certificate)) return first;
  // RFC 7517 §4.7: "The key in the first certificate MUST match the public key represented by other members".
  const key = jwkOf(first.publicKey);
  if (key === undefined || !isSameKey(key, parsed.key)) return refuse('x5c', 'the certificate is for another key');
  if (sha256 !== undefined && sha256 !== digestOf(first.fingerprint256))
    return refuse('x5t#S256', 'is not of the certificate');
  if (sha1 !== undefined && sha1 !== digestOf(first.fingerprint)) return refuse('x5t', 'is not of the certificate');
  return { ok: true, jwk: parsed.key, ...validityOf(first) };
}

/** RFC 7517 §4.7: base64, not base64url, of DER. */
function firstOfChain(x5c: unknown): X509Certificate | RefusedKey {
  const isChain = Array.isArray(x5c) && x5c.length > 0 && x5c.length <= maxCertificates;
  if (!isChain || !x5c.every((one) => typeof one === 'string' && one.length <= maxKeyText)) {
    return refuse('x5c', `must be a list of 1 to ${maxCertificates} certificates`);
  }
  const chain = (x5c as readonly string[]).map(certificateOfDer);
  return chain.every((one) => one !== undefined)
    ? (chain[0] as X509Certificate)
    : refuse('x5c', 'must be certificates, as base64 of DER');
}

function certificateOfDer(base64: string): X509Certificate | undefined {
  const der = Buffer.from(base64, 'base64');
  if (der.length === 0 || der.toString('base64') !== base64) return undefined;
  return readCertificate(der);
}

const block = /-----BEGIN ([A-Z0-9 ]{1,64})-----[^-]*-----END \1-----/g;

function fromPem(text: string): OfferedKey | RefusedKey {
  // First, by any label: a private key that came by mistake must be named, and never used.
  const secret = /-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)/.exec(text)?.[1];
  if (secret !== undefined)
    return refuse(
      '',
      `is a private key (${secret}): keep it, make a new one if others saw it, and send the public key`,
    );
  const blocks = [...text.matchAll(block)].map(([pem, label]) => ({ pem, label }));
  const [first] = blocks;
  if (first === undefined) return refuse('', 'is no PEM public key and no PEM certificate');
  if (first.label === 'CERTIFICATE' && blocks.every(({ label }) => label === 'CERTIFICATE'))
    return fromCertificates(blocks.map(({ pem }) => pem));
  if (blocks.length > 1) return refuse('', 'holds several keys: send one');
  if (first.label !== 'PUBLIC KEY' && first.label !== 'RSA PUBLIC KEY')
    return refuse('', `holds ${first.label}: send PUBLIC KEY, RSA PUBLIC KEY or CERTIFICATE`);
  const key = publicKeyOf(first.pem);
  return key === undefined ? refuse('', 'is no readable PEM public key') : fromKeyObject(key);
}

function fromCertificates(chain: readonly string[]): OfferedKey | RefusedKey {
  if (chain.length > maxCertificates) return refuse('', `holds more than ${maxCertificates} certificates`);
  const [first, ...others] = chain.map(readCertificate);
  if (first === undefined || others.includes(undefined)) return refuse('', 'is no readable PEM certificate');
  const offered = fromKeyObject(first.publicKey);
  return offered.ok ? { ...offered, ...validityOf(first) } : offered;
}

function fromKeyObject(key: KeyObject): OfferedKey | RefusedKey {
  const jwk = jwkOf(key);
  return jwk === undefined
    ? refuse('', 'has an unsupported type of key: RSA, P-256 and Ed25519 are supported')
    : fromJwk(jwk);
}

/** Undefined for a key that has no JWK, such as DSA, or RSA restricted to PSS. */
function jwkOf(key: KeyObject): Readonly<Record<string, unknown>> | undefined {
  try {
    return { ...key.export({ format: 'jwk' }) };
  } catch {
    return undefined;
  }
}

function publicKeyOf(pem: string): KeyObject | undefined {
  try {
    return createPublicKey({ key: pem, format: 'pem' });
  } catch {
    return undefined;
  }
}

/** Undefined also for a certificate whose key cannot be read. */
function readCertificate(source: string | Buffer): X509Certificate | undefined {
  try {
    const certificate = new X509Certificate(source);
    return certificate.publicKey === undefined ? undefined : certificate;
  } catch {
    return undefined;
  }
}

function validityOf({ validFromDate, validToDate }: X509Certificate) {
  const [notBefore, end] = [validFromDate.getTime(), validToDate.getTime()];
  // The last second still counts for the certificate, and no longer for the `exp` of a key.
  return { notBefore: Math.max(0, notBefore), notAfter: end >= noEnd ? undefined : Math.max(0, end + 1_000) };
}

function isSameKey(one: Readonly<Record<string, unknown>>, other: PublicJwk): boolean {
  const key = other as unknown as Readonly<Record<string, unknown>>;
  return ['kty', 'n', 'e', 'crv', 'x', 'y'].every((member) => one[member] === key[member]);
}

/** `AB:CD:…` of node:crypto as base64url. */
function digestOf(fingerprint: string): string {
  return Buffer.from(fingerprint.replaceAll(':', ''), 'hex').toString('base64url');
}

/** The private JWK of PEM, for programs that keep their keys in PEM files. Undefined if it is none, or is encrypted. */
export function privateJwkOfPem(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return { ...createPrivateKey({ key: text, format: 'pem' }).export({ format: 'jwk' }) };
  } catch {
    return undefined;
  }
}

function refuse(member: string, reason: string): RefusedKey {
  return { ok: false, member, reason };
}
