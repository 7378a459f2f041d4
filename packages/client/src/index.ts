/**
 * @countersign/client: gets tokens, verifies them offline, looks up participants, signs and verifies messages. It reads no
 * environment variable and needs no server package.
 */
export {
  type AccessTokenSubject,
  type Actor,
  type ClientSubject,
  type CredentialSubject,
  type Message,
  type MessageForm,
  type ParticipantSubject,
  ProofError,
  type PublicJwk,
  parsePublicJwk,
  type Subject,
  type WalletSubject,
} from '@countersign/proof';
export {
  type AccessTokenVerifier,
  type AccessTokenVerifierOptions,
  createAccessTokenVerifier,
} from './access-token.ts';
export { type Discovery, discover } from './discovery.ts';
export type { NameAndPassword } from './edge/credentials.ts';
export { createEdge, type Edge, type EdgeCall, type EdgeOptions } from './edge/edge.ts';
export type { EdgeLimits } from './edge/throttle.ts';
export { ClientError } from './error.ts';
export { createExchange, type Exchange, type ExchangeOptions } from './exchange.ts';
export type { Fetch, Transport } from './fetch-json.ts';
export {
  type GatewayRequest,
  type GatewaySubject,
  type GatewaySubjectOptions,
  verifyGatewaySubject,
} from './gateway-subject.ts';
export { createRemoteJwks, fixedKeys, type KeySource, type RemoteJwksOptions } from './jwks.ts';
export {
  type RetireKeyOptions,
  type RotatedKey,
  type RotateKeyOptions,
  retireKey,
  rotateKey,
} from './keys.ts';
export { MessageProblem } from './message-problem.ts';
export type { SignatureFields } from './message-signing.ts';
export {
  type ApplicationOptions,
  applyForParticipation,
  type Credentials,
  type PickUpOptions,
  pickUpCredentials,
  type SubmittedApplication,
} from './onboarding.ts';
export { createParticipant, type Participant, type ParticipantOptions, type SignOptions } from './participant.ts';
export type { Organisation, ParticipantDetail, RegisteredKey } from './participant-detail.ts';
export type { AddressedRequest } from './possession.ts';
export type { PrivateJwk } from './private-jwk.ts';
export {
  fetchReceiptCerts,
  type ReceiptCerts,
  type ReceiptedMessage,
  type RequestReceiptOptions,
  requestReceipt,
  type VerifiedReceipt,
  verifyReceipt,
} from './receipt.ts';
export { createRegistry, type Registry, type RegistryOptions } from './registry.ts';
export { createRegistryCache, type RegistryCache, type RegistryCacheOptions } from './registry-cache.ts';
export { createMemoryReplayStore, type MemoryReplayOptions, type ReplayStore } from './replay.ts';
export {
  type IssuedSecret,
  type IssueSecretOptions,
  issueSecret,
  type RevokeSecretOptions,
  revokeSecret,
  type SecretHolder,
} from './secrets.ts';
export { type Authenticated, createService, type Service, type ServiceOptions } from './service.ts';
export type { ResponseVerdict, SignedInit, VerifiedResponse } from './signed-fetch.ts';
export { importSigningKey, type SigningKey } from './signing-key.ts';
export type { StatusPolicy } from './status.ts';
export type { Acr, SubjectRules } from './subject-rules.ts';
export {
  createSubjectVerifier,
  type SubjectKind,
  type SubjectVerifier,
  type SubjectVerifierOptions,
} from './subject-verifier.ts';
export { createTokenSource, type TokenSource, type TokenSourceOptions } from './token.ts';
export type { IncomingRequest, RequestSignature, Verified } from './verify-request.ts';
export { cryptoPort as webCrypto } from './web-crypto.ts';
