/** Key agreement with did:keys: the key is in the DID, so no look-up is needed. */
import { ed25519 } from '@noble/curves/ed25519.js';
import { bytes, wrong } from '../argument.ts';
import { dereferenceDidKey, didKeyOf, agreementKey as keyAgreementOf, parseDidKey } from '../did/key.ts';
import { ProofError } from '../error.ts';
import { multikeyOf } from '../multikey.ts';
import { type AgreementKey, agreementKey, type NamedAgreementKey, type OwnAgreementKey } from './agreement-key.ts';
import { type CurveName, curves } from './curve.ts';
import '../did/refusal.ts';

/**
 * Finds the key of a sender with a did:key: the `senderKey` of an expectation. The result is undefined for every other
 * DID.
 *
 * @throws {ProofError} `did_key.*`, `multikey.*`, `did.*`
 * @example
 * didKeySender(agent.agreement.kid)?.crv; // → 'X25519'
 * didKeySender('did:web:a.example#key'); // → undefined
 */
export function didKeySender(kid: string): AgreementKey | undefined {
  if (!kid.startsWith('did:key:')) return undefined;
  const { keyType, publicKey } = dereferenceDidKey(kid, 'keyAgreement');
  return checked(keyType, publicKey);
}

/**
 * Finds the key of a did:key to pack a message for. It does not check that the holder of the DID is the wanted
 * recipient.
 *
 * @throws {ProofError} `did_key.*`, `multikey.*`, `did.key_role`
 * @example
 * const { kid, key } = didKeyRecipient(lender.did);
 * [kid === lender.agreement.kid, key.crv]; // → [true, 'X25519']
 */
export function didKeyRecipient(did: string): NamedAgreementKey {
  const { verificationMethod, keyType, publicKey } = keyAgreementOf(parseDidKey(did));
  return { kid: verificationMethod, key: checked(keyType, publicKey) };
}

/**
 * Derives the key-agreement key of a did:key from the 32 bytes of its Ed25519 seed (RFC 8032 §5.1.5): the clamped first
 * half of their SHA-512. A key that cannot be exported has no such key; its device keeps a separate X25519 key.
 *
 * @throws {TypeError} if `given` is not a Uint8Array of 32 bytes
 * @example
 * const own = didKeyAgreement(agent.seed);
 * own.kid.startsWith(`${agent.did}#z6LS`); // → true
 */
export function didKeyAgreement(given: Uint8Array): OwnAgreementKey {
  const seed = bytes(given, 'seed');
  if (seed.length !== 32) throw wrong('seed', '32 bytes');
  const secret = ed25519.utils.toMontgomerySecret(seed);
  const { did } = didKeyOf(multikeyOf('Ed25519', ed25519.getPublicKey(seed)));
  return { ...didKeyRecipient(did), agree: (peer) => curves.X25519.agree(secret, peer.raw) };
}

function checked(keyType: string, publicKey: Uint8Array): AgreementKey {
  const result = agreementKey(keyType as CurveName, publicKey);
  if (!result.ok) throw new ProofError('did.key_role');
  return result.key;
}
