import {
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type MessageForm,
  messageFormNames,
  type PublicJwk,
  parseJson,
  parsePublicJwk,
} from '@countersign/proof';
import { ClientError } from '../error.ts';

/** A public key of a participant with its time of validity, in seconds since the epoch. */
export interface RegisteredKey {
  readonly key: PublicJwk;
  readonly notBefore: number | undefined;
  readonly notAfter: number | undefined;
  /** The form that the key is registered for; `strict` rules out the others. */
  readonly form: MessageForm | undefined;
}

/** The organisation behind a participant role. */
export interface Organisation {
  readonly id: string | null;
  readonly participantName: string | null;
  readonly participantDescription: string | null;
  readonly participantLogo: string | null;
  readonly participantLogoContentType: string | null;
  readonly participantWebsite: string | null;
  readonly participantEmail: string | null;
  readonly participantPhone: string | null;
  readonly createdOn: string | null;
  readonly updatedOn: string | null;
}

/** An entry of the registry, in OCEN's names. Only `id` is certain. */
export interface ParticipantDetail {
  readonly id: string;
  readonly participantRole: string | null;
  readonly participantRoleStatus: string | null;
  readonly approved: boolean;
  readonly approvedBy: string | null;
  readonly approvedOn: string | null;
  readonly baseUrl: string | null;
  /** The form of signatures that the participant wants to receive. */
  readonly signatureForm: MessageForm | null;
  /** The only client whose tokens may speak for the participant. */
  readonly kcClientId: string | null;
  readonly createdOn: string | null;
  readonly updatedOn: string | null;
  /** The keys in `publicKeys`, or else in `publicKey`. Unacceptable keys are left out. */
  readonly keys: readonly RegisteredKey[];
  readonly participant: Organisation | null;
}

/** @throws {ClientError} `registry.malformed` */
export function participantDetail(entry: JsonObject): ParticipantDetail {
  const { id, participant } = entry;
  if (typeof id !== 'string' || id === '') throw malformed('id');
  return {
    id,
    participantRole: text(entry, 'participantRole'),
    participantRoleStatus: text(entry, 'participantRoleStatus'),
    approved: entry.approved === true || entry.isApproved === true,
    approvedBy: text(entry, 'approvedBy'),
    approvedOn: text(entry, 'approvedOn'),
    baseUrl: text(entry, 'baseUrl'),
    signatureForm: formOf(entry.signatureForm) ?? null,
    kcClientId: text(entry, 'kcClientId'),
    createdOn: text(entry, 'createdOn'),
    updatedOn: text(entry, 'updatedOn'),
    keys: keysOf(entry),
    participant: isJsonObject(participant) ? organisation(participant) : null,
  };
}

export function malformed(member: string): ClientError {
  return new ClientError('registry.malformed', `The registry's ${member} does not have its shape.`);
}

function organisation(entry: JsonObject): Organisation {
  return {
    id: text(entry, 'id'),
    participantName: text(entry, 'participantName'),
    participantDescription: text(entry, 'participantDescription'),
    participantLogo: text(entry, 'participantLogo'),
    participantLogoContentType: text(entry, 'participantLogoContentType'),
    participantWebsite: text(entry, 'participantWebsite'),
    participantEmail: text(entry, 'participantEmail'),
    participantPhone: text(entry, 'participantPhone'),
    createdOn: text(entry, 'createdOn'),
    updatedOn: text(entry, 'updatedOn'),
  };
}

function text(entry: JsonObject, member: string): string | null {
  const value = entry[member] ?? null;
  if (value !== null && typeof value !== 'string') throw malformed(member);
  return value;
}

/**
 * `publicKeys` is a JWKS whose entries have `nbf` and `exp`. `publicKey` is one JWK as a JSON string. It is read only if there
 * is no set: it has no time of validity, and must not make a key valid that the set says is not.
 */
function keysOf({ publicKey, publicKeys }: JsonObject): readonly RegisteredKey[] {
  if (isJsonObject(publicKeys)) return Array.isArray(publicKeys.keys) ? publicKeys.keys.flatMap(registeredKey) : [];
  const current = typeof publicKey === 'string' ? parseJson(publicKey) : undefined;
  return current?.ok ? registeredKey(current.value) : [];
}

/** A key with unreadable times or an unknown form is left out. */
function registeredKey(jwk: JsonValue): readonly RegisteredKey[] {
  const parsed = parsePublicJwk(jwk);
  if (!parsed.ok || !isJsonObject(jwk)) return [];
  const { nbf, exp, signatureForm } = jwk;
  if (!isMoment(nbf) || !isMoment(exp)) return [];
  const form = formOf(signatureForm);
  if (signatureForm !== undefined && form === undefined) return [];
  return [{ key: parsed.key, notBefore: nbf, notAfter: exp, form }];
}

function formOf(form: JsonValue | undefined): MessageForm | undefined {
  return messageFormNames.find((name) => name === form);
}

function isMoment(value: JsonValue | undefined): value is number | undefined {
  return value === undefined || Number.isFinite(value);
}
