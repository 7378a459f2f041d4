import { accessTokenTypes, realmPrefix } from '@countersign/proof';
import { administratorCaller, authenticateAdministratorToken } from '../callers/administrator.ts';
import { presentedIn, unverifiedType } from '../callers/token.ts';
import { isoDate } from '../kernel/clock.ts';
import { Problem } from '../kernel/problem.ts';
import type { RpcCall } from '../rpc/call.ts';
import type { RpcCallerKind } from '../rpc/service.ts';
import type { StandingCaller } from '../store/write.ts';
import type { Realm } from '../subject/realm.ts';
import { authenticateToken } from '../subject/tokens/bearer.ts';
import type { PresentedToken } from '../subject/tokens/possession.ts';
import { type Access, type PresentedCall, requireAccess, targetNamed } from './access.ts';
import type { Inviter } from './invitation-mail.ts';
import { recoveryNews } from './recovery/recovery.ts';
import { lookUpTarget } from './target.ts';

/** The kinds of caller of the wallet procedures. */

/** Every caller, in the realm that the call names. The proof is in the message, and the rule checks it. */
export const anybodyInRealm: RpcCallerKind<unknown, Realm> = { authenticate: (call) => call.realm() };

/**
 * A device with a token or an invocation for the wallet that the message names, and with the action that the procedure
 * needs.
 */
export const device: DeviceKind = {
  async authenticate(call, { walletId }) {
    const realm = await call.realm();
    const target = targetNamed(walletId);
    const access = await requireAccess(call.context, realm, presented(call, realm), target);
    await tellRecovery(call, realm, target);
    return { realm, access };
  },
};

type DeviceKind = RpcCallerKind<{ readonly walletId: string }, { readonly realm: Realm; readonly access: Access }>;

/** A device that signs this very call. A token is not enough, because others may have copied it. */
export const deviceInPerson: DeviceKind = {
  authenticate(call, message) {
    if (call.metadata.get('capability-invocation') !== null) return device.authenticate(call, message);
    throw new Problem('token.missing', { detail: 'This call needs a capability invocation. A token is not enough.' });
  },
};

/** Tells every caller that may see the wallet of its newest recovery. */
async function tellRecovery(call: RpcCall, realm: Realm, target: string): Promise<void> {
  const news = recoveryNews(call.context, (await lookUpTarget(call.context, realm, target))?.recovery);
  if (news === undefined) return;
  const { id, state, changed, controller } = news;
  call.answerMetadata.set(
    'wallet-recovery',
    `id=${id}; state=${state}; changed=${isoDate(changed)}; did=${controller}`,
  );
}

/** The holder of any token of the realm: of one of its wallets, or the access token of a client. */
export const tokenHolder: RpcCallerKind<unknown, Realm> = {
  async authenticate(call) {
    const realm = await call.realm();
    const shown = presented(call, realm);
    const [, token = ''] = /^(?:Bearer|DPoP) +(\S+)/i.exec(shown.authorization ?? '') ?? [];
    if (shown.invocation === null && accessTokenTypes.some((type) => type === unverifiedType(token)))
      await authenticateToken(call.context, realm, accessTokenIn(shown));
    else await requireAccess(call.context, realm, shown);
    return realm;
  },
};

/** An administrator with an access token, or a device with the action `invite` for this realm. */
export const inviter: RpcCallerKind<
  unknown,
  { readonly realm: Realm; readonly inviter: Inviter; readonly caller: StandingCaller }
> = {
  async authenticate(call) {
    const realm = await call.realm();
    const shown = presented(call, realm);
    if (shown.invocation !== null) {
      const { device } = await requireAccess(call.context, realm, shown, realmPrefix + realm.name);
      return { realm, inviter: { kind: 'device', name: device }, caller: call.caller(device) };
    }
    const { subject } = await authenticateAdministratorToken(call, accessTokenIn(shown), realm);
    const caller = administratorCaller(call, subject, realm.name);
    return { realm, inviter: { kind: 'administrator', name: caller.actor }, caller };
  },
};

function accessTokenIn({ authorization, dpop, uris }: PresentedCall): PresentedToken {
  return presentedIn(authorization, dpop, { method: 'POST', uris });
}

/** All proofs and facts that a call shows of its caller. */
export function presented(call: RpcCall, realm: Realm): PresentedCall {
  const { metadata, procedure, bytes, sealedBy, context } = call;
  const { publicUrl } = context.config;
  return {
    procedure,
    bytes,
    sealedBy,
    authorization: metadata.get('authorization'),
    dpop: metadata.get('dpop'),
    invocation: metadata.get('capability-invocation'),
    // A call may name the realm by prefix or in another way, so both URIs are possible.
    uris: [publicUrl + procedure, realm.issuer + procedure],
  };
}
