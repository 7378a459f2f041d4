/**
 * Capability invocations: a device proves by a signature that it may do something to a wallet.
 *
 * 1. `verifyInvocation` of proof: size, strict JSON, shape; meant for this realm and for this very request; fresh; the
 *    chain from our own root to the tail; the signature of the invoker.
 * 2. Every link is registered here for this target, exactly as presented. Neither the link nor its ancestors are
 *    revoked.
 * 3. The wallet is live: neither suspended nor deleted.
 * 4. The nonce is used up, on the node that sees it first. This comes after all other checks, so that a stranger cannot
 *    use up the nonces of others.
 * 5. The use is noted, and stops a running recovery of the wallet. A wallet that was just recovered can only be read.
 *
 * Outside, every failure is `wallet.denied`. The log says which link failed and why.
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
import { lookUpSubjectState } from '../subject/subject.ts';
import { useOnce } from '../subject/tokens/replay.ts';
import { walletSubjectId } from '../subject/tokens/wallet-token.ts';
import { ancestorsOfChain, linksOf } from './authorization.ts';
import { challengeEnd, challengePurpose } from './challenge.ts';
import { watchUse } from './recovery/watch.ts';
import { lookUpTarget, type Target, targetOfRoot, walletOfTarget } from './target.ts';

export interface Invoked {
  readonly target: string;
  /** The DID that proved itself. */
  readonly device: string;
  /** The invoked action. */
  readonly action: string;
  /** The actions that all links of the chain allow. */
  readonly actions: readonly string[];
  /** Ids from the first delegation to the invoked one. Empty if the owner itself invokes. */
  readonly chain: readonly string[];
  /** The ancestors of the links. */
  readonly ancestors: readonly Ancestor[];
  /** Milliseconds. Infinity if the owner itself invokes. */
  readonly chainEnds: number;
}

export interface InvocationTerms extends Pick<InvocationExpectation, 'request' | 'actions' | 'target'> {
  /** `challenge`: issued by this server. `random`: chosen by the caller. */
  readonly nonce: 'challenge' | 'random';
  /** For a packed call, the DID that sealed it. A thief must not send a stolen proof under its own seal. */
  readonly sealedBy: string | undefined;
}

/** @throws {Problem} `wallet.denied` */
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
  await requireLiveWallet(context, realm.name, target);
  await useNonce(context, realm, verified, nonce);
  const use = { target, device: invoker, actions: actions ?? terms.actions, chain: ids.slice(1), ancestors };
  const { request } = terms;
  await watchUse(context, realm, use, request.kind === 'rpc' ? request.procedure : undefined);
  const isReadOnly = await isOnlyRead(context, realm, target);
  // The action of a token request says nothing about the token, which has fewer actions then.
  if (isReadOnly && request.kind !== 'token' && verified.action !== 'read') throw new Problem('wallet.read_only');
  return {
    ...use,
    action: verified.action,
    actions: isReadOnly ? use.actions.filter((action) => action === 'read') : use.actions,
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
    // A database that does not answer says nothing about the capability.
    throw refusal instanceof ProofError ? denied(refusal) : refusal;
  }
}

const delegationCrypto = rememberSignatures(cryptoPort, 4_096);

/**
 * The terms under which every chain of a realm is verified. Use one object per chain, because it remembers the target
 * it looked up.
 */
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

/**
 * The tail of a verified invocation. An empty object if a root's controller invoked it, because there are no links
 * then.
 */
function tailOf({ document }: VerifiedInvocation): JsonObject {
  const { capability } = document.proof as JsonObject;
  return isJsonObject(capability) ? capability : {};
}

/** Step 3. */
async function requireLiveWallet(context: Context, realm: string, target: string): Promise<void> {
  const walletId = walletOfTarget(target);
  if (walletId === undefined) return;
  const state = await lookUpSubjectState(context, realm, walletSubjectId(walletId));
  if (state?.live !== true) throw denied(new Error('the wallet is not live'));
}

/** True for a wallet that was recovered less than 72 hours ago. */
export async function isOnlyRead(context: Context, realm: Realm, target: string): Promise<boolean> {
  const until = (await lookUpTarget(context, realm, target))?.readOnlyUntil;
  return until !== undefined && until > context.clock.now();
}

/** Step 4. */
async function useNonce(
  context: Context,
  realm: Realm,
  { nonce, verificationMethod, freshUntil }: VerifiedInvocation,
  kind: InvocationTerms['nonce'],
): Promise<void> {
  const end = kind === 'random' ? freshUntil : challengeEnd(context, realm, nonce);
  if (end === undefined) throw denied(new Error('the nonce is no challenge of ours, or too old'));
  // Any caller may use a challenge, until it is used. A nonce that a caller chose counts for that caller only.
  const [purpose, value] =
    kind === 'random' ? ['invocation', `${verificationMethod}\0${nonce}`] : [challengePurpose, nonce];
  if (await useOnce(context, realm.name, purpose, value, instantOf(end))) return;
  throw denied(new Error('the nonce was used before'));
}

export function requireSealer(sealedBy: string | undefined, prover: string): void {
  if (sealedBy !== undefined && sealedBy !== prover) throw denied(new Error('sealed by another DID'));
}

/** One answer for every failure. The reason is for the log. */
export function denied(reason: Error): Problem {
  return new Problem('wallet.denied', { cause: reason instanceof ProofError ? located(reason) : reason });
}

/** The pointer tells which link it was. Names that the caller chose stay out of the log. */
function located({ code, pointer }: ProofError): Error {
  const place = pointer !== undefined && /^(?:\/(?:@context|[A-Za-z]{1,32}|\d{1,4}))*$/.test(pointer) ? pointer : '';
  return new Error(place === '' ? code : `${code} at ${place}`);
}
