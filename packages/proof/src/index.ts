/**
 * @countersign/proof: proofs that need only public keys, as pure functions without I/O, clock or runtime.
 *
 * The examples in the docstrings use, besides what this package exports, the names of scripts/examples/fixtures.ts: test keys of
 * `agent`, `lender`, `owner` and `phone`, an `issuer` of tokens, the time `now` in seconds since the epoch, and the `cryptoPort` of
 * @countersign/client/node-crypto. A test runs each of them. `// → value` is the value of its line.
 */
export { type AccessTokenSubject, accessTokenTypes, subjectFromAccessToken } from './access-token.ts';
export { type Algorithm, type AlgorithmName, algorithms, isAlgorithmName } from './algorithms.ts';
export { liveWhile, maxAncestors } from './ancestor.ts';
export { decodeBase64url, decodeEitherBase64, encodeBase64url, encodeTextBase64url } from './base64url.ts';
export { blsKeysOf, blsSecretFromSeed, isSameBlsSecret } from './bls.ts';
export { type Action, actions, actionsOpening, realmPrefix, walletPrefix } from './capability/action.ts';
export { createInvocation, type InvocationRequest } from './capability/create-invocation.ts';
export { type Delegation, delegateCapability } from './capability/delegate.ts';
export { explainCapability } from './capability/explain.ts';
export type {
  CapabilityExplanation,
  CapabilityRefusal,
  ExplainedInvocation,
  ExplainedLink,
  ExplainTerms,
} from './capability/explanation.ts';
export type { InvokedRequest, TokenInvocation } from './capability/invocation.ts';
export { rememberSignatures } from './capability/remember.ts';
export { createRootCapability, type RootCapability, rootCapabilityId } from './capability/root.ts';
export type { CapabilitySigner, ProofTerms } from './capability/signature.ts';
export { isCanonicalTarget, isTargetWithin } from './capability/target.ts';
export {
  type ChainExpectation,
  type ChainTerms,
  type VerifiedChain,
  verifyCapabilityChain,
} from './capability/verify.ts';
export {
  type InvocationExpectation,
  type RootLookup,
  type VerifiedInvocation,
  verifyInvocation,
} from './capability/verify-invocation.ts';
export { type CryptoPort, verifySignature } from './crypto.ts';
export { createDataIntegrityProof, verifyDataIntegrityProof } from './data-integrity.ts';
export type {
  Cryptosuite,
  DataIntegrityExpectation,
  DataIntegrityOptions,
  DataIntegritySigner,
  VerifiedDataIntegrity,
} from './data-integrity-terms.ts';
export { type DidDocument, dereference, parseDidDocument, type VerificationMethod } from './did/document.ts';
export { agreementKey, type DidKey, dereferenceDidKey, didKeyOf, parseDidKey, resolveDidKey } from './did/key.ts';
export { parseDidPeer2 } from './did/peer-2.ts';
export { createDidPeer4, type DidPeer4, isDidPeer4, isShortDidPeer4, parseDidPeer4 } from './did/peer-4.ts';
export {
  isVerificationRelationship,
  mayServe,
  type ResolvedKey,
  type VerificationRelationship,
  verificationRelationships,
} from './did/relationship.ts';
export { type DidSource, didKeyDocument, keyResolver, resolveDid } from './did/resolve.ts';
export { type DidUrl, parseDidUrl } from './did/url.ts';
export { type DidWeb, didWebOf, parseDidWeb } from './did/web.ts';
export { type DpopExpectation, type VerifiedDpop, verifyDpop } from './dpop.ts';
export { edwardsFault, isStrictEd25519 } from './ed25519.ts';
export { type ProofCode, ProofError } from './error.ts';
export { isFactorable } from './factorable.ts';
export { formatInstant, parseInstant } from './instant.ts';
export { type IpAddress, ipv6Groups, parseIpAddress } from './ip-address.ts';
export { canonicalize } from './jcs.ts';
export {
  isJsonObject,
  type JsonFailure,
  type JsonLimits,
  type JsonObject,
  type JsonReason,
  type JsonResult,
  type JsonValue,
  parseExactJson,
  parseJson,
} from './json.ts';
export {
  type JwkReason,
  type JwkRefusal,
  type JwkResult,
  type PublicJwk,
  parsePublicJwk,
  publicJwk,
} from './jwk.ts';
export {
  createHeaderCache,
  type HeaderCache,
  type JwsExpectation,
  type JwsHeader,
  type VerifiedJws,
  verifyJws,
} from './jws.ts';
export { type JwtClaims, type JwtExpectation, type VerifiedJwt, verifyJwt } from './jwt.ts';
export { type ExplainOptions, type Explanation, explainSignature } from './message/explain.ts';
export type { Fault } from './message/fault.ts';
export { type MessageForm, messageFormNames, messageForms } from './message/form.ts';
export { createMessageHeaderCache, type MessageHeader, type MessageHeaderCache } from './message/header.ts';
export type { SigningInputDifference } from './message/input-difference.ts';
export type { Message, MessageKind, RequestMessage, ResponseMessage } from './message/message.ts';
export { type MessageCode, messageStatus } from './message/refusal.ts';
export {
  type BytesSigning,
  type MessageSigning,
  type SigningKey,
  type SigningPort,
  type StrictSigning,
  signMessage,
} from './message/sign.ts';
export {
  type FoundSignature,
  type HeaderFields,
  signatureField,
  signatureHeader,
} from './message/signature-header.ts';
export { canonicalTarget } from './message/target.ts';
export {
  type KidHint,
  type MessageExpectation,
  type MessageKey,
  type VerifiedMessage,
  verifyMessage,
} from './message/verify.ts';
export { decodeMultibase, encodeMultibase } from './multibase.ts';
export {
  type KeyType,
  type Multikey,
  multikeyFromForeignJwk,
  multikeyFromJwk,
  multikeyOf,
  parseMultikey,
  type X25519Jwk,
  x25519FromEd25519,
  x25519Jwk,
  x25519SecretFromEd25519,
} from './multikey.ts';
export {
  parseReceiptKeys,
  type Receipt,
  type ReceiptExpectation,
  type ReceiptKey,
  type VerifiedReceipt,
  verifyReceipt,
} from './receipt.ts';
export {
  type Actor,
  type Ancestor,
  type ClientSubject,
  type CredentialSubject,
  maxActors,
  type ParticipantSubject,
  realmOf,
  type Subject,
  type WalletSubject,
} from './subject.ts';
export { thumbprint, thumbprintInput } from './thumbprint.ts';
export { subjectFromToken, tokenTypes } from './token.ts';
export {
  longestTransactionToken,
  subjectFromTransactionToken,
  transactionTokenTypes,
} from './transaction-token.ts';
export {
  actionOfScope,
  longestWalletToken,
  subjectFromWalletToken,
  walletScope,
  walletTokenTypes,
} from './wallet-token.ts';
