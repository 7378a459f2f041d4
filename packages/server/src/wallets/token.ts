import type { TokenInvocation } from '@countersign/proof';
import { type Action, actions } from '@countersign/proof';
import type { Context } from '../context.ts';
import { Problem } from '../kernel/problem.ts';
import type { Realm } from '../subject/realm.ts';
import { requireDpop } from '../subject/tokens/dpop.ts';
import { type IssuedWalletToken, issueWalletToken, walletSubjectId } from '../subject/tokens/wallet-token.ts';
import { authenticateInvocation, denied, isOnlyRead } from './invocation.ts';
import { type RecoveryView, recoveryNews } from './recovery/recovery.ts';
import { rolesIn } from './roles.ts';
import { lookUpTarget, walletIdOf } from './target.ts';
import { findStanding } from './wallet.store.ts';

export interface TokenRequest {
  readonly invocation: Uint8Array;
  /** Empty: the caller wants a bearer token. */
  readonly dpopProof: string;
  /** The actions of the token. Empty: all that the chain allows. */
  readonly actions: readonly string[];
  /** The URIs under which this request can be made. */
  readonly uris: readonly string[];
  readonly sealedBy: string | undefined;
}

export interface AcquiredToken extends IssuedWalletToken {
  readonly actions: readonly string[];
  /** The newest recovery of the wallet, if it changed within 30 days. */
  readonly recovery: RecoveryView | undefined;
}

/**
 * "Check if DID has capability for requested WalletId": a token for an invocation, bound to a key if the caller proves
 * one.
 */
export async function acquireToken(context: Context, realm: Realm, request: TokenRequest): Promise<AcquiredToken> {
  requireKnown(request.actions);
  if (request.invocation.length === 0) {
    throw new Problem('request.invalid', { detail: 'invocation is missing.', pointer: 'invocation' });
  }
  const { dpopProof, ...asked } = request;
  const terms = { ...asked, request: { kind: 'token' }, dpop: { proof: dpopProof, uris: request.uris } } as const;
  return tokenForInvocation(context, realm, request.invocation, terms);
}

export interface TokenTerms {
  readonly request: TokenInvocation;
  readonly actions: readonly string[];
  readonly dpop: { readonly proof: string; readonly uris: readonly string[] };
  readonly sealedBy: string | undefined;
}

/**
 * A token with the requested actions that the chain allows, for this server or for the service that the device has
 * named.
 *
 * @throws {Problem} `wallet.denied`, `dpop.*`
 */
export async function tokenForInvocation(
  context: Context,
  realm: Realm,
  invocation: Uint8Array,
  { request, sealedBy, dpop, actions: wanted }: TokenTerms,
): Promise<AcquiredToken> {
  if (dpop.proof === '' && realm.settings.walletTokens === 'dpop') throw new Problem('dpop.missing');
  const terms = { request, actions, nonce: 'challenge', sealedBy } as const;
  const { target, device, chain, ancestors, chainEnds, ...invoked } = await authenticateInvocation(
    context,
    realm,
    invocation,
    terms,
  );
  const walletId = walletIdOf(target);
  if (walletId === undefined) throw denied(new Error('tokens are for wallets alone'));
  const granted = wanted.length === 0 ? invoked.actions : invoked.actions.filter(isIn(wanted));
  if (granted.length === 0) {
    throw (await isOnlyRead(context, realm, target))
      ? new Problem('wallet.read_only')
      : denied(new Error('the chain allows none of the actions'));
  }
  const { proof, uris } = dpop;
  const confirmation = proof === '' ? undefined : await requireDpop(context, realm, proof, { uris });
  const links = { chain, ancestors, chainEnds };
  const standing = await standingOf(context, realm, walletId);
  const grant = { audience: request.resource, walletId, device, actions: granted, ...standing, ...links, confirmation };
  const recovery = recoveryNews(context, (await lookUpTarget(context, realm, target))?.recovery);
  return { ...(await issueWalletToken(context, realm, grant)), actions: granted, recovery };
}

/**
 * Roles and generation from one read, past the cache: a token with earlier roles and the present generation would outlive the
 * change of the roles.
 */
async function standingOf({ store }: Context, realm: Realm, walletId: string) {
  const found = await findStanding(store.db, realm.name, walletId, walletSubjectId(walletId));
  if (found === undefined) throw denied(new Error('the wallet is not live'));
  return { roles: rolesIn(found), generation: found.generation };
}

function requireKnown(wanted: readonly string[]): void {
  if (wanted.length <= actions.length && wanted.every(isIn(actions))) return;
  throw new Problem('request.invalid', {
    detail: `actions must be among ${actions.join(', ')}, each once.`,
    pointer: 'actions',
  });
}

function isIn(list: readonly string[]) {
  return (one: string): one is Action => list.includes(one);
}
