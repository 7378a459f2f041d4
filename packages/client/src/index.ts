/** @countersign/client: obtain tokens, verify them offline, look participants up. Depends on no environment variable and no server. */
export { ProofError, type PublicJwk, parsePublicJwk, type Subject } from '@countersign/proof';
export {
  type AccessTokenVerifier,
  type AccessTokenVerifierOptions,
  createAccessTokenVerifier,
} from './access-token.ts';
export { type Discovery, discover } from './discovery.ts';
export { ClientError } from './error.ts';
export type { Fetch, Transport } from './fetch-json.ts';
export { createRemoteJwks, fixedKeys, type KeySource, type RemoteJwksOptions } from './jwks.ts';
export {
  type ApplicationOptions,
  applyForParticipation,
  type Credentials,
  type PickUpOptions,
  pickUpCredentials,
  type SubmittedApplication,
} from './onboarding.ts';
export type { Organisation, ParticipantDetail, RegisteredKey } from './participant-detail.ts';
export type { PrivateJwk } from './private-jwk.ts';
export { createRegistry, type Registry, type RegistryOptions } from './registry.ts';
export { importSigningKey, type SigningKey } from './signing-key.ts';
export { createTokenSource, type TokenSource, type TokenSourceOptions } from './token.ts';
export { cryptoPort as webCrypto } from './web-crypto.ts';
