/**
 * @countersign/proof/didcomm: pure functions that pack and unpack DIDComm v2 messages. It is a separate entry of the package,
 *   so that a program that packs no messages does not load the curves and ciphers.
 */
export {
  type AgreementKey,
  type AgreementKeyReason,
  type AgreementKeyResult,
  agreementJwk,
  agreementKey,
  type EphemeralKey,
  ephemeralKey,
  type NamedAgreementKey,
  type OwnAgreementKey,
  type OwnAgreementKeyResult,
  parseAgreementJwk,
  parsePrivateAgreementJwk,
} from './agreement-key.ts';
export {
  type Answer,
  type AnswerExpectation,
  type AnswerPacking,
  type Call,
  type CallAuthorization,
  type CallPacking,
  type CallSealing,
  checkProver,
  packAnswer,
  packCall,
  type UnpackedAnswer,
  type UnpackedCall,
  unpackAnswer,
  unpackCall,
} from './call.ts';
export type { ContentEncryptionName } from './content-encryption.ts';
export type { CurveName } from './curve.ts';
export { didKeyAgreement, didKeyRecipient, didKeySender } from './did-key.ts';
export type { EnvelopeMode } from './envelope.ts';
export { type Packing, pack } from './pack.ts';
export type { Plaintext } from './plaintext.ts';
export { type SignedExpectation, type SignedMessage, type SignerKey, verifySigned } from './signed.ts';
export { type UnpackExpectation, type UnpackedMessage, unpack } from './unpack.ts';
