import type { JsonObject } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  AuthService,
  InvitationStatus,
  ParticipantType,
  ProviderService,
  type RevokeAccessRequest,
  WalletService,
} from '@countersign/client/rpc';
import { walletPrefix } from '@countersign/proof';
import { Problem } from '../kernel/problem.ts';
import { type RpcService, rpcService, unary } from '../rpc/service.ts';
import { anybodyInRealm, device, inviter, presented, tokenHolder } from './callers.rpc.ts';
import { type CapabilityView, grantAccess, pageOfCapabilities } from './capability.ts';
import { issueChallenge } from './challenge.ts';
import { configurationOf } from './configuration.ts';
import { cancelInvitation, type Invitation, invite, readInvitation } from './invitation.ts';
import { resolveName } from './name.ts';
import { recoveryService, toRecovery } from './recovery/recovery.rpc.ts';
import { resendInvitation } from './resend.ts';
import { type Revoked, revokeAccess } from './revoke.ts';
import { walletTarget } from './target.ts';
import { acquireToken } from './token.ts';
import { createWallet, readWallet, type WalletView } from './wallet.ts';

/** The wire of wallets: each handler decodes, authenticates, calls the rule, renders. */

const provider = rpcService(ProviderService, {
  getConfiguration: unary(anybodyInRealm, async ({ call, who: realm }) => {
    const { didDocument, ...rest } = await configurationOf(call.context, realm);
    return { ...rest, didDocument: didDocument as JsonObject };
  }),
  invite: unary(inviter, async ({ call, message, who: { realm, inviter, caller } }) => {
    const { participant, description, contact, roles, didWeb, language, inviterName, message: words } = message;
    const wanted = {
      participant: participantOf(participant),
      description,
      email: contact.case === 'email' ? contact.value : '',
      roles,
      didWeb,
      language,
      inviterName,
      message: words,
    };
    const { id, ...invitation } = await invite(call.context, realm, wanted, inviter, caller);
    const { status, expires } = invitation;
    return {
      invitationId: id,
      status: statuses[status],
      expires: timestampFromMs(expires),
      walletId: invitation.walletId,
    };
  }),
  getInvitation: unary(inviter, async ({ call, message: { invitationId }, who: { realm, inviter } }) =>
    toInvitation(await readInvitation(call.context, realm, invitationId, inviter)),
  ),
  cancelInvitation: unary(inviter, async ({ call, message: { invitationId }, who: { realm, inviter, caller } }) => {
    return toInvitation(await cancelInvitation(call.context, realm, invitationId, inviter, caller));
  }),
  resendInvitation: unary(inviter, async ({ call, message: { invitationId }, who: { realm, inviter, caller } }) => {
    return toInvitation(await resendInvitation(call.context, realm, invitationId, inviter, caller));
  }),
});

const wallet = rpcService(WalletService, {
  createWallet: unary(anybodyInRealm, async ({ call, message: { signedRequest, description }, who: realm }) => {
    const request = { signedRequest, description, sealedBy: call.sealedBy };
    const created = await createWallet(call.context, realm, request, call.caller('anonymous'));
    const { zcap, didDocument, ...rest } = created;
    return { ...rest, didDocument: didDocument as JsonObject, zcap: bytesOf(zcap) };
  }),
  getWallet: unary(device, async ({ call, who: { realm, access } }) =>
    toWallet(await readWallet(call.context, realm, access.target.slice(walletPrefix.length))),
  ),
  grantAccess: unary(device, async ({ call, message: { zcap }, who: { realm, access } }) => ({
    capabilityId: await grantAccess(call.context, realm, access, zcap, call.caller(access.device)),
  })),
  revokeAccess: unary(device, async ({ call, message: { what }, who: { realm, access } }) => {
    const caller = call.caller(access.device);
    return { revokedCapabilityIds: [...(await revokeAccess(call.context, realm, access, revokedOf(what), caller))] };
  }),
  listCapabilities: unary(device, async ({ call, message, who: { realm, access } }) => {
    const wanted = { revoked: message.includeRevoked, size: message.pageSize, token: message.pageToken };
    const { items, next } = await pageOfCapabilities(call.context, realm, access.target, wanted);
    return { capabilities: items.map(toCapability), nextPageToken: next ?? '' };
  }),
  resolveName: unary(tokenHolder, async ({ call, message: { name }, who: realm }) => {
    const walletId = await resolveName(call.context, realm, name);
    return { walletId, target: walletTarget(walletId) };
  }),
});

const auth = rpcService(AuthService, {
  getChallenge: unary(anybodyInRealm, ({ call, who: realm }) => {
    const { nonce, audience, expires } = issueChallenge(call.context, realm);
    return { nonce, audience, expires: timestampFromMs(expires) };
  }),
  acquireToken: unary(anybodyInRealm, async ({ call, message: { invocation, dpopProof, actions }, who: realm }) => {
    const { uris } = presented(call, realm);
    const request = { invocation, dpopProof, actions, uris, sealedBy: call.sealedBy };
    const issued = await acquireToken(call.context, realm, request);
    const { token, tokenType, expiresIn, recovery } = issued;
    const news = recovery && { recovery: toRecovery(recovery) };
    return { walletToken: token, tokenType, expiresIn, actions: [...issued.actions], ...news };
  }),
});

export const walletServices: readonly RpcService[] = [provider, wallet, auth, recoveryService];

const participants = { individual: ParticipantType.INDIVIDUAL, organization: ParticipantType.ORGANIZATION } as const;

function participantOf(type: ParticipantType): keyof typeof participants {
  const name = (['individual', 'organization'] as const).find((one) => participants[one] === type);
  if (name !== undefined) return name;
  const detail = 'participant must be PARTICIPANT_TYPE_INDIVIDUAL or PARTICIPANT_TYPE_ORGANIZATION.';
  throw new Problem('request.invalid', { detail, pointer: 'participant' });
}

function revokedOf(what: RevokeAccessRequest['what']): Revoked {
  if (what.case === 'capabilityId') return { capabilityId: what.value };
  if (what.case === 'did') return { did: what.value };
  throw new Problem('request.invalid', { detail: 'Name a capability_id or a did.', pointer: 'what' });
}

const statuses: Readonly<Record<Invitation['status'], InvitationStatus>> = {
  sent: InvitationStatus.SENT,
  completed: InvitationStatus.COMPLETED,
  expired: InvitationStatus.EXPIRED,
  cancelled: InvitationStatus.CANCELLED,
  failed: InvitationStatus.FAILED,
};

function toInvitation({ id, participant, description, status, expires, walletId, language }: Invitation) {
  return {
    invitationId: id,
    participant: participants[participant],
    description,
    status: statuses[status],
    expires: timestampFromMs(expires),
    walletId,
    language,
  };
}

function toWallet({ id, type, description, didDocument, roles, name, created }: WalletView) {
  return {
    walletId: id,
    participant: participants[type],
    description,
    didDocument: didDocument as JsonObject,
    roles: [...roles],
    ...(name === undefined ? {} : { name }),
    created: timestampFromMs(created),
  };
}

function toCapability({ id, parentId, controller, actions, expires, revoked, used }: CapabilityView) {
  return {
    capabilityId: id,
    parentId,
    controller,
    allowedActions: [...actions],
    expires: timestampFromMs(expires),
    ...(revoked === undefined ? {} : { revoked: timestampFromMs(revoked) }),
    ...(used === undefined ? {} : { used: timestampFromMs(used) }),
  };
}

function bytesOf(document: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(document));
}
