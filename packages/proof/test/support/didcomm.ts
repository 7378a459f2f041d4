import { generateKeyPairSync } from 'node:crypto';
import { decodeBase64url } from '../../src/base64url.ts';
import { sealEnvelope } from '../../src/didcomm/encrypted.ts';
import {
  type AgreementKey,
  type CurveName,
  type OwnAgreementKey,
  type Packing,
  pack,
  parseAgreementJwk,
  parsePrivateAgreementJwk,
  type UnpackExpectation,
} from '../../src/didcomm/index.ts';
import { encodeTextBase64url } from '../../src/index.ts';

export type Jwk = Record<string, string>;

export const alice = 'did:example:alice';
export const bob = 'did:example:bob';
/** Seconds since the epoch: a time at which the messages of the appendix are valid. */
export const now = 1_516_269_100;
export const type = 'https://example.com/protocols/lunch/1.0/proposal';

export function ownKey(kid: string, jwk: unknown): OwnAgreementKey {
  const result = parsePrivateAgreementJwk(kid, jwk);
  if (!result.ok) throw new Error(result.reason);
  return result.key;
}

export function publicKey(jwk: unknown): AgreementKey {
  const result = parseAgreementJwk(jwk);
  if (!result.ok) throw new Error(result.reason);
  return result.key;
}

/** A key pair of node:crypto. */
export function privateJwk(crv: CurveName = 'X25519'): Jwk {
  const pair = crv === 'X25519' ? generateKeyPairSync('x25519') : generateKeyPairSync('ec', { namedCurve: crv });
  return pair.privateKey.export({ format: 'jwk' }) as Jwk;
}

export function freshKey(kid: string, crv?: CurveName): OwnAgreementKey {
  return ownKey(kid, privateJwk(crv));
}

export const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes));

/** One sender and one recipient, fixed for a test file. */
export const aliceKey = freshKey(`${alice}#key-1`);
export const bobKey = freshKey(`${bob}#key-1`);

/** With a sender of undefined the message is anonymous: `pack` wants the sender left out then. */
export function packing(changes: Partial<Packing> = {}): Packing {
  const { sender = 'sender' in changes ? undefined : aliceKey, ...others } = changes;
  return {
    id: 'message-1',
    type,
    body: { table: 4 },
    createdTime: now,
    expiresTime: now + 60,
    ...(sender === undefined ? {} : { sender }),
    recipients: [bobKey],
    random,
    ...others,
  };
}

export function expecting(changes: Partial<UnpackExpectation> = {}): UnpackExpectation {
  return {
    keys: [bobKey],
    recipient: bob,
    modes: ['authcrypt'],
    senderKey: (kid) => (kid === aliceKey.kid ? aliceKey.key : undefined),
    now,
    ...changes,
  };
}

/** A packed message, with anything of its envelope changed. */
export interface Document {
  protected: string;
  recipients: { header: { kid: string }; encrypted_key: string }[];
  iv: string;
  ciphertext: string;
  tag: string;
  [member: string]: unknown;
}

export function altered(packed: string, change: (document: Document) => unknown): string {
  const document: Document = JSON.parse(packed);
  change(document);
  return JSON.stringify(document);
}

/** The same for its protected header: no longer authentic, but read before that is found out. */
export function alteredHeader(packed: string, change: (header: Record<string, unknown>) => unknown): string {
  return altered(packed, (document) => {
    const header = headerOf(document);
    change(header);
    document.protected = encodeTextBase64url(JSON.stringify(header));
  });
}

export function headerOf({ protected: encoded }: Pick<Document, 'protected'>): Record<string, unknown> {
  return JSON.parse(new TextDecoder().decode(decodeBase64url(encoded, 16_384)));
}

/** A sender that has the key and no manners: anything at all in a sound envelope. */
export function sealed(content: unknown, changes: Partial<Packing> = {}): Promise<string> {
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  const bytes = content instanceof Uint8Array ? content : new TextEncoder().encode(text);
  return sealEnvelope(bytes, packing(changes));
}

/** The plaintext of `packing()`. */
export function plaintext(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    typ: 'application/didcomm-plain+json',
    id: 'message-1',
    type,
    from: alice,
    to: [bob],
    created_time: now,
    expires_time: now + 60,
    body: { table: 4 },
    ...changes,
  };
}

export const good = await pack(packing());
export const anonymous = await pack(packing({ sender: undefined }));
