import { type Checks, callable, having, listOf, number, optional, text } from '../argument.ts';
import type { CryptoPort } from '../crypto.ts';
import {
  type Cryptosuite,
  type DataIntegrityExpectation,
  type DataIntegritySigner,
  type VerifiedDataIntegrity,
  verifyDataIntegrityProof,
} from '../data-integrity.ts';
import { resolveDidKey } from '../did/key.ts';
import { actingDid } from '../did/resolve.ts';
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

export const proofTermChecks: Checks<ProofTerms> = {
  crypto: having('verify', 'sha256'),
  now: number,
  clockTolerance: optional(number),
  resolve: optional(callable),
  cryptosuites: optional(listOf(text)),
  delegationCrypto: optional(having('verify', 'sha256')),
};

/** Who has signed, or says so. */
type Acting = Pick<VerifiedDataIntegrity, 'controller' | 'verificationMethod'>;

/** @throws {ProofError} `capability.delegator`, and what Data Integrity and DIDs refuse with */
export function verifyLinkProof(
  link: Link,
  controllers: readonly string[],
  terms: ProofTerms,
): Promise<VerifiedDataIntegrity> {
  return linkMethod(link, terms, (by) => checkDelegator(link, by, controllers));
}

/** Who signed a link, whoever it may be. */
export function linkMethod(link: Link, terms: ProofTerms, accept?: (by: Acting) => void) {
  const crypto = terms.delegationCrypto ?? terms.crypto;
  return proved(link, link.pointer, 'capabilityDelegation', { ...terms, crypto }, accept);
}

/** Signed by one of those who control the parent, or by the one key that the parent names. */
export function checkDelegator(link: Link, by: Acting, controllers: readonly string[]): void {
  if (!isController(by, controllers)) {
    throw new ProofError('capability.delegator', `${link.pointer}/proof/verificationMethod`);
  }
}

/** @throws {ProofError} `invocation.invoker`, and what Data Integrity and DIDs refuse with */
export function verifyInvocationProof(
  invocation: Invocation,
  controllers: readonly string[],
  terms: ProofTerms,
): Promise<VerifiedDataIntegrity> {
  return invocationMethod(invocation, terms, (by) => checkInvoker(by, controllers));
}

/** Who signed an invocation, whoever it may be. */
export function invocationMethod(invocation: Invocation, terms: ProofTerms, accept?: (by: Acting) => void) {
  return proved(invocation, '', 'capabilityInvocation', terms, accept);
}

export function checkInvoker(by: Acting, controllers: readonly string[]): void {
  if (!isController(by, controllers)) throw new ProofError('invocation.invoker', '/proof/verificationMethod');
}

/** ZCAP 0.3: a controller is whoever has the verification method, or names the method itself. Both are as they were looked up. */
function isController({ controller, verificationMethod }: Acting, controllers: readonly string[]) {
  return controllers.includes(controller) || controllers.includes(verificationMethod);
}

/**
 * `accept` refuses who may not sign. Of a did:key it is asked in the end; of any other DID before its document is read, too, which may
 * hold sixteen keys that take 3 ms each: nobody costs us that whom the chain does not name.
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
    // Which of the proofs it is, nobody else can say.
    throw error instanceof ProofError ? new ProofError(error.code, error.pointer ?? `${pointer}/proof`) : error;
  }
}

/** What a DID URL says of whose it is: a document gives out no key of another DID. */
function claimedBy(verificationMethod: string): Acting {
  const [did = ''] = verificationMethod.split('#');
  return { verificationMethod, controller: actingDid(did) };
}
