import type { PublicJwk } from '../jwk.ts';
import type { KeyType } from '../multikey.ts';

/** The purposes that a DID document may list a key for (DID Core §5.3). */
export const verificationRelationships = [
  'authentication',
  'assertionMethod',
  'keyAgreement',
  'capabilityInvocation',
  'capabilityDelegation',
] as const;

/** A purpose that a DID document may list a key for (DID Core §5.3). */
export type VerificationRelationship = (typeof verificationRelationships)[number];

/** A key that a verification method stands for, and the DID that controls it. */
export interface ResolvedKey {
  readonly jwk: PublicJwk;
  readonly controller: string;
}

/**
 * Tells whether a value is the name of a verification relationship (DID Core §5.3).
 *
 * @example
 * isVerificationRelationship('authentication'); // → true
 * isVerificationRelationship('signing'); // → false
 */
export function isVerificationRelationship(name: unknown): name is VerificationRelationship {
  return verificationRelationships.some((one) => one === name);
}

const signing = ['authentication', 'assertionMethod', 'capabilityInvocation', 'capabilityDelegation'] as const;

/**
 * The purposes that each type of key allows, whatever a DID document lists. BLS12-381 keys make statements that are proved in
 * parts; they cannot authenticate or act.
 */
const roles: Record<KeyType, readonly VerificationRelationship[]> = {
  Ed25519: signing,
  X25519: ['keyAgreement'],
  'P-256': [...signing, 'keyAgreement'],
  'BLS12-381-G1': ['assertionMethod'],
  'BLS12-381-G2': ['assertionMethod'],
};

/**
 * Tells whether a type of key allows a purpose, whatever a DID document lists. It does not check any document:
 * `dereference` does.
 *
 * @example
 * mayServe('Ed25519', 'authentication'); // → true
 * mayServe('X25519', 'authentication'); // → false
 */
export function mayServe(keyType: KeyType, relationship: VerificationRelationship): boolean {
  return Object.hasOwn(roles, keyType) && roles[keyType].includes(relationship);
}
