/**
 * Capability invocations: a device proves by a signature that it may do something to a wallet.
 *
 * 1. `verifyInvocation` of proof: size, strict JSON, shape; meant for us and for this very request; fresh; the chain from our own root
 *    to the tail; the signature of whoever invokes.
 * 2. Every link is registered here for this target, as it was presented, and has not been revoked, nor what it was made from.
 * 3. The nonce is used up: on whichever node it comes first. Only now, or anybody could use up the nonces of others.
 *
 * Outside, whatever fails is `wallet.denied`. The log says which link failed and why.
 */
import { cryptoPort } from '@countersign/client/node-crypto';
import {
  type Ancestor,
  type InvocationExpectation,
  isJsonObject,
  type JsonObject,
  keyResolver,
  ProofError,
  rememberSignatures,
  type VerifiedInvocation,
  verifyInvocation,
} from '@countersign/proof';
import type { Context } from '../context.ts';
import { instantOf } from '../kernel/clock.ts';
import { Problem } from '../kernel/problem.ts';
import type { Realm } from '../subject/realm.ts';
import { useOnce } from '../subject/replay.ts';
import { ancestorsOfChain, linksOf } from './authorization.ts';
import { challengeEnd, challengePurpose } from './challenge.ts';
import { lookUpTarget, type Target, targetOfRoot } from './target.ts';

export interface Invoked {
  readonly target: string;
  /** The DID that proved itself. */
  readonly device: string;
  /** What was invoked. */
  readonly action: string;
  /** What all links of the chain allow. */
  readonly actions: readonly string[];
  /** Ids from the first delegation to the one that was invoked; empty for an owner itself. */
  readonly chain: readonly string[];
  /** What its links were made from. */
  readonly ancestors: readonly Ancestor[];
  /** Milliseconds; infinity for an owner itself. */
  readonly chainEnds: number;
}

export interface InvocationTerms extends Pick<InvocationExpectation, 'request' | 'actions' | 'target'> {
  /** `challenge`: one of ours; `random`: chosen by the caller. */
  readonly nonce: 'challenge' | 'random';
  /** Of a packed call, the DID that sealed it: a stolen proof must not travel under the seal of the thief. */
  readonly sealedBy: string | undefined;
}

/** Throws `wallet.denied`. */
export async function authenticateInvocation(
  context: Context,
  realm: Realm,
  presented: Uint8Array,
  { nonce, sealedBy, ...terms }: InvocationTerms,
): Promise<Invoked> {
  const verified = await verifiedInvocation(context, realm, presented, terms);
  const { root, ids, actions, invoker, expiresAt } = verified;
  const { invocationTarget: target } = root;
  requireSealer(sealedBy, invoker);
  const ancestors = await ancestorsOfChain(context, realm.name, target, linksOf(tailOf(verified)));
  if (ancestors instanceof Error) throw denied(ancestors);
  await useNonce(context, realm, verified, nonce);
  return {
    target,
    device: invoker,
    action: verified.action,
    actions: actions ?? terms.actions,
    chain: ids.slice(1),
    ancestors,
    chainEnds: expiresAt ?? Number.POSITIVE_INFINITY,
  };
}

/** Step 1. */
async function verifiedInvocation(
  context: Context,
  realm: Realm,
  presented: Uint8Array,
  terms: Omit<InvocationTerms, 'nonce' | 'sealedBy'>,
): Promise<VerifiedInvocation> {
  try {
    return await verifyInvocation(presented, { ...chainTerms(context, realm), audience: realm.issuer, ...terms });
  } catch (refusal) {
    // A database that does not answer has said nothing of the capability.
    throw refusal instanceof ProofError ? denied(refusal) : refusal;
  }
}

const delegationCrypto = rememberSignatures(cryptoPort, 4_096);

/** What every chain of a realm is verified under. For one chain: it remembers whose root it has looked up. */
export function chainTerms(context: Context, realm: Realm) {
  const now = context.clock.now();
  const resolve = keyResolver({ crypto: cryptoPort }, now);
  let found: Target | undefined;
  return {
    crypto: cryptoPort,
    delegationCrypto,
    now,
    cryptosuites: ['eddsa-jcs-2022'] as const,
    async root(id: string) {
      const target = targetOfRoot(id);
      found = target === undefined ? undefined : await lookUpTarget(context, realm, target);
      return found?.root;
    },
    resolve: (url: string, purpose: string) => found?.keyOf(url, purpose) ?? resolve(url, purpose),
  };
}

/** Of a verified invocation; an empty object where a root was invoked by its controller, which has no links. */
function tailOf({ document }: VerifiedInvocation): JsonObject {
  const { capability } = document.proof as JsonObject;
  return isJsonObject(capability) ? capability : {};
}

/** Step 3. */
async function useNonce(
  context: Context,
  realm: Realm,
  { nonce, verificationMethod, freshUntil }: VerifiedInvocation,
  kind: InvocationTerms['nonce'],
): Promise<void> {
  const end = kind === 'random' ? freshUntil : challengeEnd(context, realm, nonce);
  if (end === undefined) throw denied(new Error('the nonce is no challenge of ours, or too old'));
  // A challenge is anybody's until it is used; what a caller chose is that caller's.
  const [purpose, value] =
    kind === 'random' ? ['invocation', `${verificationMethod}\0${nonce}`] : [challengePurpose, nonce];
  if (await useOnce(context, realm.name, purpose, value, instantOf(end))) return;
  throw denied(new Error('the nonce was used before'));
}

export function requireSealer(sealedBy: string | undefined, prover: string): void {
  if (sealedBy !== undefined && sealedBy !== prover) throw denied(new Error('sealed by somebody else'));
}

/** One answer for everything; the reason for the log. */
export function denied(reason: Error): Problem {
  return new Problem('wallet.denied', undefined, { cause: reason instanceof ProofError ? located(reason) : reason });
}

/** Which link it was stands in the pointer. Names that the caller chose stay out of the log. */
function located({ code, pointer }: ProofError): Error {
  const place = pointer !== undefined && /^(?:\/(?:@context|[A-Za-z]{1,32}|\d{1,4}))*$/.test(pointer) ? pointer : '';
  return new Error(place === '' ? code : `${code} at ${place}`);
}
