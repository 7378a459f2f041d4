import type { CryptoPort } from '../crypto.ts';
import {
  type Cryptosuite,
  type DataIntegrityExpectation,
  type DataIntegritySigner,
  type VerifiedDataIntegrity,
  verifyDataIntegrityProof,
} from '../data-integrity.ts';
import { resolveDidKey } from '../did/key.ts';
import { ProofError } from '../error.ts';
import { defaultTolerance } from './attenuation.ts';
import type { Invocation } from './invocation.ts';
import type { Link } from './link.ts';

/** Who signs delegations and invocations. */
export interface CapabilitySigner extends DataIntegritySigner {
  /** The DID URL of the key. */
  readonly verificationMethod: string;
}

export interface ProofTerms {
  readonly crypto: CryptoPort;
  /** The present, in epoch milliseconds. */
  readonly now: number;
  readonly clockTolerance?: number | undefined;
  /**
   * The key of a verification method, if the document of its controller lists it for the purpose. A did:key is never asked for: it is its
   * own document. Left out, nobody else is known.
   */
  readonly resolve?: DataIntegrityExpectation['resolve'] | undefined;
  /** Default: all that there are. */
  readonly cryptosuites?: readonly Cryptosuite[] | undefined;
  /** Used for delegations in place of `crypto`: one that remembers, for the same delegation comes with every invocation of it. */
  readonly delegationCrypto?: CryptoPort | undefined;
}

/** @throws {ProofError} `capability.delegator`, and what Data Integrity and DIDs refuse with */
export async function verifyLinkProof(link: Link, controllers: readonly string[], terms: ProofTerms): Promise<void> {
  checkDelegator(link, await linkMethod(link, terms), controllers);
}

/** Who signed a link, whoever it may be. */
export function linkMethod(link: Link, terms: ProofTerms): Promise<VerifiedDataIntegrity> {
  const crypto = terms.delegationCrypto ?? terms.crypto;
  return proved(link, link.pointer, 'capabilityDelegation', { ...terms, crypto });
}

/** Signed by one of those who control the parent, or by the one key that the parent names. */
export function checkDelegator(link: Link, by: VerifiedDataIntegrity, controllers: readonly string[]): void {
  if (!isController(by, controllers)) {
    throw new ProofError('capability.delegator', `${link.pointer}/proof/verificationMethod`);
  }
}

/** Who signed an invocation, whoever it may be. */
export function invocationMethod(invocation: Invocation, terms: ProofTerms): Promise<VerifiedDataIntegrity> {
  return proved(invocation, '', 'capabilityInvocation', terms);
}

export function checkInvoker(by: VerifiedDataIntegrity, controllers: readonly string[]): void {
  if (!isController(by, controllers)) throw new ProofError('invocation.invoker', '/proof/verificationMethod');
}

/** ZCAP 0.3: a controller is whoever has the verification method, or names the method itself. Both are as they were looked up. */
function isController({ controller, verificationMethod }: VerifiedDataIntegrity, controllers: readonly string[]) {
  return controllers.includes(controller) || controllers.includes(verificationMethod);
}

async function proved(
  { document }: Link | Invocation,
  pointer: string,
  purpose: 'capabilityDelegation' | 'capabilityInvocation',
  terms: ProofTerms,
): Promise<VerifiedDataIntegrity> {
  const { crypto, now, resolve, cryptosuites, clockTolerance = defaultTolerance } = terms;
  try {
    return await verifyDataIntegrityProof(document, {
      crypto,
      purpose,
      now,
      clockTolerance,
      cryptosuites,
      resolve: (url) => (url.startsWith('did:key:') ? resolveDidKey(url, purpose) : resolve?.(url, purpose)),
    });
  } catch (error) {
    // Which of the proofs it is, nobody else can say.
    throw error instanceof ProofError ? new ProofError(error.code, `${pointer}/proof`) : error;
  }
}
