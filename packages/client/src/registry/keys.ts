import { isJsonObject, type JsonObject, type JsonValue, thumbprint } from '@countersign/proof';
import {
  amount,
  type Checks,
  text as checkText,
  flag,
  having,
  object,
  optional,
  options as optionsOf,
  someText,
} from '@countersign/proof/argument';
import { cryptoPort } from '#platform-crypto';
import { ClientError } from '../error.ts';
import { transportChecks } from '../fetch-json.ts';
import type { PrivateJwk } from '../message/private-jwk.ts';
import { importNewKey, importSigningKey } from '../message/signing-key.ts';
import type { TokenSource } from '../token/token.ts';
import { chainOf } from './certificate.ts';
import { possession } from './onboarding.ts';
import { byKey, byToken, postToRealm, type RealmTransport, type Shown } from './realm-call.ts';

/** The manager of a participant's keys: the participant itself with its key, or an administrator with a token. */
interface KeyManager extends RealmTransport {
  readonly participantId: string;
  /** A key of the participant that is valid now: it signs the request. */
  readonly currentKey?: PrivateJwk;
  /** The token of an administrator, if there is no key. The participant's own access token is not enough. */
  readonly token?: TokenSource;
}

/** The participant, its present key and its new key. */
export interface RotateKeyOptions extends KeyManager {
  /** The new key. Its private half is not sent. */
  readonly newKey: PrivateJwk;
  /** The PEM certificate of the new key, perhaps with its chain: the key is valid within its dates. */
  readonly newCertificate?: string;
  /** When the new key begins, in seconds since the epoch. Default: at once. Peers may have cached the registry for a minute. */
  readonly notBefore?: number;
  /** Seconds for which the older keys stay valid. Default: a day. */
  readonly overlapSeconds?: number;
}

const managerChecks = {
  ...transportChecks,
  issuer: checkText,
  participantId: someText,
  currentKey: optional(object),
  token: optional(having('token')),
} as const;

const rotateChecks: Checks<RotateKeyOptions> = {
  ...managerChecks,
  newKey: object,
  newCertificate: optional(someText),
  notBefore: optional(amount),
  overlapSeconds: optional(amount),
};

/** The new key in the registry, and the older ones that are still valid. Times are in seconds since the epoch. */
export interface RotatedKey {
  readonly thumbprint: string;
  readonly notBefore: number;
  /** The older keys that are still valid, and their ends. */
  readonly previous: readonly { readonly thumbprint: string; readonly notAfter: number }[];
}

/**
 * Registers a new key of the participant beside the present one. Times are in seconds since the epoch. Both keys sign
 * for it, so no administrator is needed.
 *
 * It does not start to sign with the new key: the caller must do so after `notBefore`, when its peers know the key.
 *
 * @throws {ClientError} `keys.refused` with the server's text, `keys.unproved`, `keys.malformed`, `signing_key.*`,
 * `http.*`
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @example
 * const keys = { currentKey: agent.privateJwk, newKey: phone.privateJwk };
 * const { notBefore, previous } = await rotateKey({ ...realm, participantId: 'agent', ...keys });
 * [notBefore === now, previous.length]; // → [true, 1]
 */
export async function rotateKey(given: RotateKeyOptions): Promise<RotatedKey> {
  const options = optionsOf(given, 'options', rotateChecks);
  const { issuer, participantId, currentKey, newKey, newCertificate, notBefore, overlapSeconds } = options;
  const next = await importNewKey(newKey);
  const realm = issuer.slice(issuer.lastIndexOf('/') + 1);
  const bound = { realm, participantId, thumbprint: await thumbprint(next.publicJwk, cryptoPort) };
  // Without its key id: the registry may know the key under another.
  const current = currentKey && (await importSigningKey({ ...currentKey, kid: undefined }));
  const members = {
    publicKey: { ...next.publicJwk, ...(newCertificate === undefined ? {} : chainOf(newCertificate)) },
    ...(notBefore === undefined ? {} : { nbf: notBefore }),
    ...(overlapSeconds === undefined ? {} : { overlapSeconds }),
    proofs: {
      new: await possession(next, 'countersign-key+jwt', issuer, bound),
      ...(current && { current: await possession(current, 'countersign-key+jwt', issuer, bound) }),
    },
  };
  const answer = await postToRealm(options, 'keys', keysOf(participantId), members, shown(options));
  return {
    thumbprint: text(answer.thumbprint),
    notBefore: moment(answer.nbf),
    previous: list(answer.previous).map((key) => ({
      thumbprint: text(key.thumbprint),
      notAfter: moment(key.exp),
    })),
  };
}

/** The participant and the key to end. */
export interface RetireKeyOptions extends KeyManager {
  /** RFC 7638, SHA-256, base64url. */
  readonly thumbprint: string;
  /** A stranger may have the key: the status feed says so, and all tokens of the participant die. */
  readonly compromised?: boolean;
}

const retireChecks: Checks<RetireKeyOptions> = { ...managerChecks, thumbprint: someText, compromised: optional(flag) };

/**
 * Ends a key of the participant now. The last valid key can be ended only as compromised. Receivers that know of its
 * end also refuse messages that the key signed before.
 *
 * @throws {ClientError} `keys.refused` with the server's text, `keys.unproved`, `signing_key.*`, `http.*`
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @example
 * const key = { thumbprint: 'older', currentKey: agent.privateJwk };
 * await retireKey({ ...realm, participantId: 'agent', ...key }); // → undefined
 */
export async function retireKey(given: RetireKeyOptions): Promise<void> {
  const options = optionsOf(given, 'options', retireChecks);
  const { participantId, thumbprint: id, compromised = false } = options;
  const path = `${keysOf(participantId)}/${encodeURIComponent(id)}/retire`;
  await postToRealm(options, 'keys', path, { compromised }, shown(options));
}

function shown({ issuer, currentKey, token }: KeyManager): Shown {
  if (currentKey !== undefined) return byKey(issuer, currentKey);
  if (token !== undefined) return byToken({ token });
  throw new ClientError('keys.unproved', 'Name currentKey, or the token of an administrator.');
}

function keysOf(participantId: string): string {
  return `/registry/participants/${encodeURIComponent(participantId)}/keys`;
}

function text(value: JsonValue | undefined): string {
  if (typeof value !== 'string') throw malformed();
  return value;
}

function moment(value: JsonValue | undefined): number {
  if (typeof value !== 'number') throw malformed();
  return value;
}

function list(value: JsonValue | undefined): readonly JsonObject[] {
  if (!Array.isArray(value)) throw malformed();
  return value.filter(isJsonObject);
}

function malformed(): ClientError {
  return new ClientError('keys.malformed', 'The answer does not have its shape.');
}
