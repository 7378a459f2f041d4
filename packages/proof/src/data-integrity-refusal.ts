import { addTexts } from './error-text.ts';

/**
 * The reasons for refusing a Data Integrity proof, or for not making one. The texts are fixed and contain no part of the input.
 */
export const dataIntegrityTexts = {
  'jcs.number': 'The document holds a number that is not finite.',
  'jcs.lone_surrogate': 'The document contains a lone surrogate.',
  'jcs.depth': 'The document is nested too deeply.',
  'jcs.type': 'The document holds what JSON has no form for.',
  'integrity.document': 'The secured document is not a JSON object.',
  'integrity.proof_missing': 'The document carries no proof.',
  'integrity.proof_set': 'The document carries more than one proof.',
  'integrity.previous_proof': 'The proof stands on another proof, which is not looked at here.',
  'integrity.type': 'The proof is not a DataIntegrityProof.',
  'integrity.cryptosuite': 'The cryptosuite does not exist here, or is not allowed here.',
  'integrity.context': 'The context of the document does not start with that of the proof.',
  'integrity.proof_value': 'The proof value is not base58btc of a signature under the multibase prefix z.',
  'integrity.verification_method': 'The proof names no verification method.',
  'integrity.purpose': 'The proof is for another purpose.',
  'integrity.domain': 'The proof is meant for another domain.',
  'integrity.challenge': 'The proof answers another challenge.',
  'integrity.created': 'The proof has no time of creation, or not as a strict RFC 3339 instant.',
  'integrity.created_in_future': 'The proof was created in the future.',
  'integrity.stale': 'The proof was created too long ago.',
  'integrity.expires': 'The end of the proof is not a strict RFC 3339 instant after its creation.',
  'integrity.expired': 'The proof has expired.',
  'integrity.key_unknown': 'The verification method is not known here.',
  'integrity.key_type': 'The key is not one of the cryptosuite.',
  'integrity.signature': 'The signature does not verify.',
  'integrity.signature_length': 'The signing port returned a signature of another length than its algorithm has.',
  'integrity.member': 'A further member of the proof is one that the proof has anyway.',
} as const;

addTexts(dataIntegrityTexts);
