import type { PublicJwk } from '@countersign/proof';
import { z } from 'zod';
import { isoDate, seconds } from '../kernel/clock.ts';
import { type SignatureForm, signatureForm } from '../subject/realm.ts';
import { type Participant, roles, statuses } from './participant.ts';
import { currentOf, type RegisteredKey } from './registered-key.ts';

const text = z.string().nullable();

/** ParticipantDetail, in OCEN's names. `kcClientSecret`, which OCEN's own type has, is never there. */
export const registryEntrySchema = z.object({
  id: z.string(),
  participantRole: z.enum(roles),
  participantRoleStatus: z.enum(statuses),
  isApproved: z.boolean(),
  approved: z.boolean(),
  approvedBy: text,
  approvedOn: text,
  baseUrl: text,
  /** Ours, not OCEN's: the form in which it wants to be signed to, where that is not left to the realm. */
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
 * A participant as OCEN's registry shows it. `isApproved` is the documented name and `approved` the one that OCEN's starter
 * reads; `publicKey` is the one key that a peer of OCEN 4.0 knows to use, as a string, `publicKeys` all that there have been.
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
    publicKeys: { keys: participant.keys.map((key) => withValidity(key, participant.signatureForm)) },
    kcClientId: participant.clientId,
    createdOn: isoDate(participant.createdAt),
    updatedOn: isoDate(participant.updatedAt),
    participant: { id: participant.organisationId, ...participant.organisation },
  };
}

/** RFC 7517 with the JWT members `nbf` and `exp` (NumericDate): valid from, and valid before; and the one form of a strict key. */
function withValidity({ jwk, notBefore, notAfter }: RegisteredKey, form: SignatureForm | null) {
  return {
    ...ordered(jwk),
    nbf: seconds(notBefore),
    ...(notAfter === null ? {} : { exp: seconds(notAfter) }),
    ...(form === 'strict' ? { signatureForm: form } : {}),
  };
}

/** The order in which OCEN's registry writes an RSA key; the string is compared as a string by some. */
const memberOrder = ['kty', 'e', 'use', 'kid', 'alg', 'n', 'crv', 'x', 'y'];

function ordered(jwk: PublicJwk): PublicJwk {
  const members: Readonly<Record<string, unknown>> = { ...jwk };
  const present = memberOrder.filter((member) => members[member] !== undefined);
  return Object.fromEntries(present.map((member) => [member, members[member]])) as unknown as PublicJwk;
}
