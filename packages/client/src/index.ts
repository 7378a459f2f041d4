/**
 * @countersign/client: gets tokens, verifies them offline, looks up participants, signs and verifies messages. It reads no
 * environment variable and needs no server package.
 *
 * The examples in the docstrings use, besides the exports of the SDK, the names of scripts/examples: test keys of `agent`, `lender`,
 * `owner` and `phone`, test `secrets`, an `issuer` of tokens, a `realm` in the same process, and a `clock` that stands still. A test
 * runs each of them. `// → value` is the value of its line.
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
export { type Discovery, discover } from './discovery.ts';
export type { NameAndPassword } from './edge/credentials.ts';
export { createEdge, type Edge, type EdgeCall, type EdgeOptions } from './edge/edge.ts';
export type { EdgeLimits } from './edge/throttle.ts';
export { ClientError, type ClientErrorCode, type RealmCode } from './error.ts';
export type { Fetch, Transport } from './fetch-json.ts';
export { MessageProblem } from './message/message-problem.ts';
export type { SignatureFields } from './message/message-signing.ts';
export type { PrivateJwk } from './message/private-jwk.ts';
export {
  fetchReceiptCerts,
  type ReceiptCerts,
  type ReceiptedMessage,
  type RequestReceiptOptions,
  requestReceipt,
  type VerifiedReceipt,
  verifyReceipt,
} from './message/receipt.ts';
export { createMemoryReplayStore, type MemoryReplayOptions, type ReplayStore } from './message/replay.ts';
export type { ResponseVerdict, SignedInit, VerifiedResponse } from './message/signed-fetch.ts';
export { importSigningKey, type SigningKey } from './message/signing-key.ts';
export type { IncomingRequest, RequestSignature, Verified } from './message/verify-request.ts';
export { createParticipant, type Participant, type ParticipantOptions, type SignOptions } from './participant.ts';
export { type ChangeDetailsOptions, changeDetails } from './registry/details.ts';
export {
  type RetireKeyOptions,
  type RotatedKey,
  type RotateKeyOptions,
  retireKey,
  rotateKey,
} from './registry/keys.ts';
export {
  type ApplicationOptions,
  type ApplicationStatusOptions,
  applicationStatus,
  applyForParticipation,
  type Credentials,
  type OwnApplication,
  type PickUpOptions,
  pickUpCredentials,
  type SubmittedApplication,
} from './registry/onboarding.ts';
export {
  type OwnRefusals,
  ownRefusals,
  type ProvedRefusal,
  type UnprovedRefusal,
} from './registry/own-refusals.ts';
export type { Organisation, ParticipantDetail, RegisteredKey } from './registry/participant-detail.ts';
export { createRegistry, type Registry, type RegistryOptions } from './registry/registry.ts';
export { createRegistryCache, type RegistryCache, type RegistryCacheOptions } from './registry/registry-cache.ts';
export {
  type IssuedSecret,
  type IssueSecretOptions,
  issueSecret,
  type RevokeSecretOptions,
  revokeSecret,
  type SecretHolder,
} from './registry/secrets.ts';
export type { StatusPolicy } from './status/status.ts';
export {
  type AccessTokenVerifier,
  type AccessTokenVerifierOptions,
  createAccessTokenVerifier,
  type FollowingVerifierOptions,
  type RevocationBlindVerifier,
} from './token/access-token.ts';
export type { Authenticated, Authentication, Liveness } from './token/authentication.ts';
export { type BoundTokenSource, createBoundTokenSource } from './token/bound-token.ts';
export { createExchange, type Exchange, type ExchangeOptions } from './token/exchange.ts';
export {
  type GatewayRequest,
  type GatewaySubject,
  type GatewaySubjectOptions,
  verifyGatewaySubject,
} from './token/gateway-subject.ts';
export { createRemoteJwks, fixedKeys, type KeySource, type RemoteJwksOptions } from './token/jwks.ts';
export type { AddressedRequest } from './token/possession.ts';
export { createService, type Service, type ServiceOptions } from './token/service.ts';
export type { Acr, SubjectRules } from './token/subject-rules.ts';
export {
  createSubjectVerifier,
  type SubjectKind,
  type SubjectVerifier,
  type SubjectVerifierOptions,
} from './token/subject-verifier.ts';
export { createTokenSource, type TokenSource, type TokenSourceOptions } from './token/token.ts';
export { tracedFetch } from './traced-fetch.ts';
export { cryptoPort as webCrypto } from './web-crypto.ts';
