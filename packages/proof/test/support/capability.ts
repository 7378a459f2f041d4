/**
 * Capabilities as somebody makes them who has the keys and no manners: any document under a proof that verifies. Written without
 * the code under test, so that a mistake there cannot hide here.
 */
import { createHash, createPrivateKey, createPublicKey, hkdfSync, type KeyObject, sign } from 'node:crypto';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [member: string]: Json | undefined };
export type Doc = { readonly [member: string]: Json | undefined };

export interface Party {
  readonly did: string;
  /** The verification method. */
  readonly kid: string;
  readonly privateKey: KeyObject;
}

/** PKCS #8 of an Ed25519 seed. */
const pkcs8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

export function base58(bytes: Uint8Array): string {
  let number = BigInt(`0x${Buffer.from(bytes).toString('hex') || '0'}`);
  let text = '';
  for (; number > 0n; number /= 58n) text = alphabet[Number(number % 58n)] + text;
  const zeros = bytes.findIndex((byte) => byte !== 0);
  return '1'.repeat(zeros < 0 ? bytes.length : zeros) + text;
}

/** The party of a seed: always the same. */
export function partyOf(seed: Uint8Array): Party {
  const privateKey = createPrivateKey({ key: Buffer.concat([pkcs8, seed]), format: 'der', type: 'pkcs8' });
  const raw = Buffer.from(createPublicKey(privateKey).export({ format: 'jwk' }).x as string, 'base64url');
  const multikey = `z${base58(Buffer.concat([Buffer.from([0xed, 0x01]), raw]))}`;
  const did = `did:key:${multikey}`;
  return { did, kid: `${did}#${multikey}`, privateKey };
}

export function party(name: string): Party {
  return partyOf(new Uint8Array(hkdfSync('sha256', name, '', 'countersign test party', 32)));
}

/** RFC 8785 for what the tests sign: no number but small integers, no name beyond ASCII. */
export function jcs(value: Json | undefined): string {
  if (Array.isArray(value)) return `[${value.map(jcs).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, one]) => one !== undefined);
  const members = entries
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, one]) => `${JSON.stringify(name)}:${jcs(one)}`);
  return `{${members.join(',')}}`;
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** The document under an eddsa-jcs-2022 proof of `by`. What `options` says twice or wrongly is signed as it is. */
export function secure(document: Doc, options: Doc, by: Party): Doc {
  const config = {
    '@context': document['@context'],
    type: 'DataIntegrityProof',
    cryptosuite: 'eddsa-jcs-2022',
    verificationMethod: by.kid,
    ...options,
  };
  const data = Buffer.concat([sha256(jcs(config)), sha256(jcs(document))]);
  return { ...document, proof: { ...config, proofValue: `z${base58(sign(null, data, by.privateKey))}` } };
}

export const contexts = ['https://w3id.org/zcap/v1', 'https://w3id.org/security/data-integrity/v2'];

/** Seconds since the epoch as RFC 3339. */
export const instant = (seconds: number) => new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');

export const bytes = (text: string) => new TextEncoder().encode(text);
