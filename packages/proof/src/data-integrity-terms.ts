/** The suites of Data Integrity, and what goes into and comes out of making and verifying a proof. */
import type { AlgorithmName } from './algorithms.ts';
import {
  type Checks,
  callable,
  listOf as eachOf,
  having,
  number,
  object,
  oneOf,
  optional,
  someText,
  text,
} from './argument.ts';
import type { CryptoPort } from './crypto.ts';
import type { ResolvedKey } from './did/relationship.ts';
import type { JsonObject } from './json.ts';
import type { PublicJwk } from './jwk.ts';
import type { SigningPort } from './message/sign.ts';

/** The algorithm family of each suite. Signatures of both have 64 bytes. */
export const suites = { 'eddsa-jcs-2022': 'Ed25519', 'ecdsa-jcs-2019': 'ES256' } as const;

/** The name of a supported suite of Data Integrity. */
export type Cryptosuite = keyof typeof suites;

type Resolved = ResolvedKey | undefined;

/** The requirements on a Data Integrity proof. All times are epoch milliseconds, all durations milliseconds. */
export interface DataIntegrityExpectation {
  readonly crypto: CryptoPort;
  /** The verification relationship that the proof must be for: `authentication`, `capabilityInvocation`, … */
  readonly purpose: string;
  readonly now: number;
  /**
   * The key of a verification method, if its controller lists it for the purpose. Otherwise throws a ProofError or returns
   * undefined.
   */
  readonly resolve: (verificationMethod: string, purpose: string) => Resolved | Promise<Resolved>;
  /** How long ago the proof may have been created. Without it, only the proof's own `expires` ends it. */
  readonly maxAge?: number | undefined;
  /** How much two clocks may differ. Default 0. */
  readonly clockTolerance?: number | undefined;
  /** Without it, a proof that names a domain is refused, because it is meant for another verifier. */
  readonly domain?: string | undefined;
  readonly challenge?: string | undefined;
  /** Default: both. */
  readonly cryptosuites?: readonly Cryptosuite[] | undefined;
}

/**
 * A Data Integrity proof that met the expectation, with its key and the signed document. Times are in epoch
 * milliseconds.
 */
export interface VerifiedDataIntegrity {
  readonly verificationMethod: string;
  /** The DID behind the verification method, from `resolve`. */
  readonly controller: string;
  readonly key: PublicJwk;
  readonly cryptosuite: Cryptosuite;
  readonly created: number;
  readonly expires: number | undefined;
  readonly proof: JsonObject;
  /** The document without its proof, under the signed context. */
  readonly document: JsonObject;
}

/** The members of a proof to be made. Times are in epoch milliseconds. */
export interface DataIntegrityOptions {
  readonly verificationMethod: string;
  readonly purpose: string;
  /** Epoch milliseconds, like all times. */
  readonly created: number;
  readonly expires?: number | undefined;
  readonly domain?: string | undefined;
  readonly challenge?: string | undefined;
  /** Further members of the proof, signed with it: `capability`, `capabilityAction`, … */
  readonly members?: JsonObject | undefined;
}

/** Signs with a private key, kept anywhere, and names its algorithm: `Ed25519`, `EdDSA` or `ES256`. */
export interface DataIntegritySigner extends SigningPort {
  readonly alg: AlgorithmName;
  readonly crypto: Pick<CryptoPort, 'sha256'>;
}

export const expectationChecks: Checks<DataIntegrityExpectation> = {
  crypto: having('verify', 'sha256'),
  purpose: someText,
  now: number,
  resolve: callable,
  maxAge: optional(number),
  clockTolerance: optional(number),
  domain: optional(text),
  challenge: optional(text),
  cryptosuites: optional(eachOf(oneOf(...Object.keys(suites)))),
};

export const optionChecks: Checks<DataIntegrityOptions> = {
  verificationMethod: someText,
  purpose: someText,
  created: number,
  expires: optional(number),
  domain: optional(text),
  challenge: optional(text),
  members: optional(object),
};
