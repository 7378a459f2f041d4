import type { PublicJwk } from '@countersign/proof';
import { z } from 'zod';
import { isoDate, seconds } from '../kernel/clock.ts';
import { type SignatureForm, signatureForm } from '../subject/realm.ts';
import { currentOf, type RegisteredKey } from './keys/registered-key.ts';
import { type Participant, roles, statuses } from './participant.ts';

const text = z.string().nullable();

/** ParticipantDetail, in OCEN's names. Leaves out `kcClientSecret`, which OCEN's own type has. */
export const registryEntrySchema = z.object({
  id: z.string(),
  participantRole: z.enum(roles),
  participantRoleStatus: z.enum(statuses),
  isApproved: z.boolean(),
  approved: z.boolean(),
  approvedBy: text,
  approvedOn: text,
  baseUrl: text,
  /** Our own member: the form in which the participant wants to be signed to. Absent if the realm decides. */
  signatureForm: signatureForm.optional(),
  publicKey: text,
  publicKeys: z.object({ keys: z.array(z.looseObject({ kty: z.string(), nbf: z.int(), exp: z.int().optional() })) }),
  kcClientId: text,
  createdOn: z.string(),
  updatedOn: z.string(),
  participant: z.object({
    id: z.string(),
    participantName: text,
    participantDescription: text,
    participantLogo: text,
    participantLogoContentType: text,
    participantWebsite: text,
    participantEmail: text,
    participantPhone: text,
    createdOn: text,
    updatedOn: text,
  }),
});
export type RegistryEntry = z.output<typeof registryEntrySchema>;

/**
 * A participant as OCEN's registry shows it. `isApproved` is the documented name, and OCEN's starter reads `approved`.
 * `publicKey` is a string with the one key that a peer of OCEN 4.0 can use. `publicKeys` has all keys, also former
 * ones.
 */
export function registryEntry(participant: Participant, now: number): RegistryEntry {
  const approved = participant.status === 'APPROVED';
  const current = currentOf(participant.keys, now);
  return {
    id: participant.id,
    participantRole: participant.role,
    participantRoleStatus: participant.status,
    isApproved: approved,
    approved,
    approvedBy: participant.approvedBy,
    approvedOn: isoDate(participant.approvedAt),
    baseUrl: participant.baseUrl,
    ...(participant.signatureForm === null ? {} : { signatureForm: participant.signatureForm }),
    publicKey: current === undefined ? null : JSON.stringify(ordered(current.jwk)),
    publicKeys: { keys: shownKeys(participant.keys, now).map((key) => withValidity(key, participant.signatureForm)) },
    kcClientId: participant.clientId,
    createdOn: isoDate(participant.createdAt),
    updatedOn: isoDate(participant.updatedAt),
    participant: { id: participant.organisationId, ...participant.organisation },
  };
}

/**
 * RFC 7517 with the JWT members `nbf` (valid from) and `exp` (valid before), both NumericDate, and the form of a strict
 * key.
 */
function withValidity({ jwk, notBefore, notAfter }: RegisteredKey, form: SignatureForm | null) {
  return {
    ...ordered(jwk),
    nbf: seconds(notBefore),
    ...(notAfter === null ? {} : { exp: seconds(notAfter) }),
    ...(form === 'strict' ? { signatureForm: form } : {}),
  };
}

/** Ended keys that an entry shows. All are kept, and a participant that rotates on and on must not swell its networks. */
const maxEnded = 20;

/** All keys that have not ended, and the last of the others. */
function shownKeys(keys: readonly RegisteredKey[], now: number): readonly RegisteredKey[] {
  const ended = keys.filter(({ notAfter }) => notAfter !== null && notAfter <= now);
  const left = new Set(ended.toSorted((a, b) => (a.notAfter ?? 0) - (b.notAfter ?? 0)).slice(0, -maxEnded));
  return keys.filter((key) => !left.has(key));
}

/** The member order of an RSA key in OCEN's registry, because some peers compare the text. */
const memberOrder = ['kty', 'e', 'use', 'kid', 'alg', 'n', 'crv', 'x', 'y'];

function ordered(jwk: PublicJwk): PublicJwk {
  const members: Readonly<Record<string, unknown>> = { ...jwk };
  const present = memberOrder.filter((member) => members[member] !== undefined);
  return Object.fromEntries(present.map((member) => [member, members[member]])) as unknown as PublicJwk;
}
