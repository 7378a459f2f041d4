import { type Action, actionsOpening, decodeEitherBase64, walletPrefix } from '@countersign/proof';
import type { Context } from '../context.ts';
import { Problem } from '../kernel/problem.ts';
import type { Realm } from '../subject/realm.ts';
import { requireDpop } from '../subject/tokens/dpop.ts';
import { readWalletToken } from '../subject/tokens/wallet-token.ts';
import { revokedLink } from './authorization.ts';
import { authenticateInvocation, denied, type Invoked, isOnlyRead, requireSealer } from './invocation.ts';
import { walletIdOf } from './target.ts';

/** The proofs and facts of a call, however it came. */
export interface PresentedCall {
  /** The full RPC path. */
  readonly procedure: string;
  /** The message exactly as the caller serialized it. */
  readonly bytes: Uint8Array;
  readonly authorization: string | null;
  readonly dpop: string | null;
  readonly invocation: string | null;
  /** The URIs under which this call can be made. */
  readonly uris: readonly string[];
  /** For a packed call, the DID that sealed it. A proof inside the call must be by the same DID. */
  readonly sealedBy: string | undefined;
}

export type Access = Omit<Invoked, 'action'>;

/**
 * The caller may do this to the target: with a token of that wallet, or with an invocation made for this one call. Without a
 * target: with those of any wallet of the realm.
 */
export async function requireAccess(
  context: Context,
  realm: Realm,
  call: PresentedCall,
  target?: string,
): Promise<Access> {
  const { authorization, invocation } = call;
  if (authorization !== null && invocation !== null) throw new Problem('request.two_authentication_methods');
  if (authorization === null && invocation === null) {
    throw new Problem('token.missing', { detail: 'A wallet token or a capability invocation is required.' });
  }
  const accepted = actionsOpening(call.procedure);
  if (accepted === undefined) throw denied(new Error('no capability opens this procedure'));
  const access =
    invocation === null
      ? await byToken(context, realm, call, authorization as string)
      : await byInvocation(context, realm, call, invocation, { accepted, target });
  if (target !== undefined && access.target !== target) throw denied(new Error('the token is for another wallet'));
  if (accepted.some((action) => access.actions.includes(action))) return access;
  throw (await isOnlyRead(context, realm, access.target))
    ? new Problem('wallet.read_only')
    : denied(new Error('the token lacks the action'));
}

async function byToken(
  context: Context,
  realm: Realm,
  { dpop, uris, sealedBy }: PresentedCall,
  authorization: string,
): Promise<Access> {
  const [, scheme, token] = /^(Bearer|DPoP) +([A-Za-z0-9._-]+) *$/i.exec(authorization) ?? [];
  if (token === undefined) throw invalidToken('neither a Bearer nor a DPoP header');
  const subject = await readWalletToken(context, realm, token);
  requireSealer(sealedBy, subject.device);
  const boundTo = subject.confirmation;
  const isBound = boundTo !== undefined;
  if (isBound !== (scheme?.toLowerCase() === 'dpop')) throw invalidToken('presented under the other scheme');
  if (!isBound && realm.settings.walletTokens === 'dpop') throw invalidToken('the realm takes bound tokens only');
  const fault = await revokedLink(context, realm.name, subject.capabilities);
  if (fault !== undefined) throw new Problem('token.invalid', { cause: fault });
  if (isBound) await requireDpop(context, realm, dpop, { uris, accessToken: token, boundTo });
  const { walletId, device, actions, capabilities: chain, ancestors, expiresAt } = subject;
  return { target: walletPrefix + walletId, device, actions, chain, ancestors, chainEnds: expiresAt * 1000 };
}

async function byInvocation(
  context: Context,
  realm: Realm,
  { procedure, bytes, sealedBy }: PresentedCall,
  invocation: string,
  { accepted, target }: { readonly accepted: readonly Action[]; readonly target: string | undefined },
): Promise<Access> {
  const document = documentIn(invocation);
  if (document === undefined) throw denied(new Error('the metadata is no base64url'));
  const request = { kind: 'rpc', procedure, message: bytes } as const;
  const invoked = await authenticateInvocation(context, realm, document, {
    request,
    actions: accepted,
    target,
    nonce: 'random',
    sealedBy,
  });
  // The invocation was for this one action, so the chain's other actions do not count.
  return { ...invoked, actions: [invoked.action] };
}

const maxMetadata = 98_304;

/**
 * JSON in base64url, as HTTP fields carry it. Also accepts base64 with padding, which clients of the original document
 * sent.
 */
export function documentIn(text: string): Uint8Array | undefined {
  return decodeEitherBase64(text, maxMetadata);
}

function invalidToken(reason: string): Problem {
  return new Problem('token.invalid', { reason });
}

/**
 * The target of the wallet that a request names.
 *
 * @throws {Problem} `request.invalid` for a name that no wallet can have
 */
export function targetNamed(walletId: string): string {
  const id = walletIdOf(walletId);
  if (id !== undefined) return walletPrefix + id;
  throw new Problem('request.invalid', { detail: 'wallet_id must be the id of a wallet.', pointer: 'wallet_id' });
}
