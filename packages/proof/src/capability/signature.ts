import { type Checks, callable, having, listOf, number, optional, text } from '../argument.ts';
import type { CryptoPort } from '../crypto.ts';
import { verifyDataIntegrityProof } from '../data-integrity.ts';
import type {
  Cryptosuite,
  DataIntegrityExpectation,
  DataIntegritySigner,
  VerifiedDataIntegrity,
} from '../data-integrity-terms.ts';
import { resolveDidKey } from '../did/key.ts';
import { actingDid } from '../did/resolve.ts';
import { ProofError } from '../error.ts';
import { defaultTolerance } from './attenuation.ts';
import type { Invocation } from './invocation.ts';
import type { Link } from './link.ts';
import './refusal.ts';

/** Signs delegations and invocations. */
export interface CapabilitySigner extends DataIntegritySigner {
  /** The DID URL of the key. */
  readonly verificationMethod: string;
}

/** The keys and the time for the proofs of a chain. Times are in epoch milliseconds, durations in milliseconds. */
export interface ProofTerms {
  readonly crypto: CryptoPort;
  /** The present, in epoch milliseconds. */
  readonly now: number;
  readonly clockTolerance?: number | undefined;
  /**
   * The key of a verification method, if the document of its controller lists it for the purpose. Not called for a did:key,
   * which is its own document. Without it, only did:keys are known.
   */
  readonly resolve?: DataIntegrityExpectation['resolve'] | undefined;
  /** Default: all suites. */
  readonly cryptosuites?: readonly Cryptosuite[] | undefined;
  /**
   * Used in place of `crypto` for delegations. It may remember signatures, because each invocation brings the same delegations.
   */
  readonly delegationCrypto?: CryptoPort | undefined;
}

export const proofTermChecks: Checks<ProofTerms> = {
  crypto: having('verify', 'sha256'),
  now: number,
  clockTolerance: optional(number),
  resolve: optional(callable),
  cryptosuites: optional(listOf(text)),
  delegationCrypto: optional(having('verify', 'sha256')),
};

/** The signer, proved or only claimed. */
type Acting = Pick<VerifiedDataIntegrity, 'controller' | 'verificationMethod'>;

/** @throws {ProofError} `capability.delegator`, and the codes of Data Integrity and DIDs */
export function verifyLinkProof(
  link: Link,
  controllers: readonly string[],
  terms: ProofTerms,
): Promise<VerifiedDataIntegrity> {
  return linkMethod(link, terms, (by) => checkDelegator(link, by, controllers));
}

/** Verifies the proof of a link and returns its signer. Only `accept` limits who the signer may be. */
export function linkMethod(link: Link, terms: ProofTerms, accept?: (by: Acting) => void) {
  const crypto = terms.delegationCrypto ?? terms.crypto;
  return proved(link, link.pointer, 'capabilityDelegation', { ...terms, crypto }, accept);
}

/** Checks that a controller of the parent signed, or the key that the parent names as its controller. */
export function checkDelegator(link: Link, by: Acting, controllers: readonly string[]): void {
  if (!isController(by, controllers)) {
    throw new ProofError('capability.delegator', `${link.pointer}/proof/verificationMethod`);
  }
}

/** @throws {ProofError} `invocation.invoker`, and the codes of Data Integrity and DIDs */
export function verifyInvocationProof(
  invocation: Invocation,
  controllers: readonly string[],
  terms: ProofTerms,
): Promise<VerifiedDataIntegrity> {
  return invocationMethod(invocation, terms, (by) => checkInvoker(by, controllers));
}

/** Verifies the proof of an invocation and returns its signer. Only `accept` limits who the signer may be. */
export function invocationMethod(invocation: Invocation, terms: ProofTerms, accept?: (by: Acting) => void) {
  return proved(invocation, '', 'capabilityInvocation', terms, accept);
}

export function checkInvoker(by: Acting, controllers: readonly string[]): void {
  if (!isController(by, controllers)) throw new ProofError('invocation.invoker', '/proof/verificationMethod');
}

/** ZCAP 0.3: a controller names the DID of the verification method, or the method itself. Both were looked up, not believed. */
function isController({ controller, verificationMethod }: Acting, controllers: readonly string[]) {
  return controllers.includes(controller) || controllers.includes(verificationMethod);
}

/**
 * `accept` refuses a DID that may not sign. For a did:key it is called at the end. For other DIDs it is also called before
 * their document is read: a document may hold two keys that take 6 ms each, and a DID that the chain does not name must not cost
 * that.
 */
async function proved(
  { document }: Link | Invocation,
  pointer: string,
  purpose: 'capabilityDelegation' | 'capabilityInvocation',
  terms: ProofTerms,
  accept: (by: Acting) => void = () => {},
): Promise<VerifiedDataIntegrity> {
  const { crypto, now, resolve, cryptosuites, clockTolerance = defaultTolerance } = terms;
  const resolveOther = (url: string) => {
    accept(claimedBy(url));
    return resolve?.(url, purpose);
  };
  try {
    const by = await verifyDataIntegrityProof(document, {
      crypto,
      purpose,
      now,
      clockTolerance,
      cryptosuites,
      resolve: (url) => (url.startsWith('did:key:') ? resolveDidKey(url, purpose) : resolveOther(url)),
    });
    accept(by);
    return by;
  } catch (error) {
    // Only here is it known which of the proofs has failed.
    throw error instanceof ProofError ? new ProofError(error.code, error.pointer ?? `${pointer}/proof`) : error;
  }
}

/** The signer that a DID URL claims. This is reliable, because a document gives out no key of another DID. */
function claimedBy(verificationMethod: string): Acting {
  const [did = ''] = verificationMethod.split('#');
  return { verificationMethod, controller: actingDid(did) };
}
