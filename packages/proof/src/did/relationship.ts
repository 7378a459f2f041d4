import type { PublicJwk } from '../jwk.ts';
import type { KeyType } from '../multikey.ts';

/** DID Core §5.3. */
export const verificationRelationships = [
  'authentication',
  'assertionMethod',
  'keyAgreement',
  'capabilityInvocation',
  'capabilityDelegation',
] as const;

export type VerificationRelationship = (typeof verificationRelationships)[number];

/** A key that a verification method stands for, and the DID that controls it. */
export interface ResolvedKey {
  readonly jwk: PublicJwk;
  readonly controller: string;
}

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

export function mayServe(keyType: KeyType, relationship: VerificationRelationship): boolean {
  return Object.hasOwn(roles, keyType) && roles[keyType].includes(relationship);
}
