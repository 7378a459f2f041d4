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
import { administratorName, authenticateAdministratorToken } from '../callers/administrator.ts';
import { bearerTokenIn } from '../callers/token.ts';
import { Problem } from '../kernel/problem.ts';
import type { RpcCall } from '../rpc/call.ts';
import { type RpcService, rpcService } from '../rpc/service.ts';
import type { Realm } from '../subject/realm.ts';
import { type PresentedCall, requireAccess, targetNamed } from './access.ts';
import { type CapabilityView, grantAccess, pageOfCapabilities } from './capability.ts';
import { issueChallenge } from './challenge.ts';
import { configurationOf } from './configuration.ts';
import { cancelInvitation, type Invitation, type Inviter, invite, readInvitation } from './invitation.ts';
import { type Revoked, revokeAccess } from './revoke.ts';
import { realmPrefix, walletPrefix } from './target.ts';
import { acquireToken } from './token.ts';
import { createWallet, readWallet, type WalletView } from './wallet.ts';

/** The wire of wallets: each handler decodes, authenticates, calls the rule, renders. */

const provider = rpcService(ProviderService, {
  async getConfiguration(_, call) {
    const { didDocument, ...rest } = await configurationOf(call.context, await call.realm());
    return { ...rest, didDocument: didDocument as JsonObject };
  },
  async invite({ participant, description, contact, roles, didWeb }, call) {
    const realm = await call.realm();
    const inviter = await inviterOf(call, realm);
    const wanted = {
      participant: participantOf(participant),
      description,
      email: contact.case === 'email' ? contact.value : '',
      roles,
      didWeb,
    };
    const { id, ...invitation } = await invite(call.context, realm, wanted, inviter, call.caller(inviter.name));
    const { status, expires } = invitation;
    return {
      invitationId: id,
      status: statuses[status],
      expires: timestampFromMs(expires),
      walletId: invitation.walletId,
    };
  },
  async getInvitation({ invitationId }, call) {
    const realm = await call.realm();
    return toInvitation(await readInvitation(call.context, realm, invitationId, await inviterOf(call, realm)));
  },
  async cancelInvitation({ invitationId }, call) {
    const realm = await call.realm();
    const inviter = await inviterOf(call, realm);
    const caller = call.caller(inviter.name);
    return toInvitation(await cancelInvitation(call.context, realm, invitationId, inviter, caller));
  },
});

const wallet = rpcService(WalletService, {
  async createWallet({ signedRequest, description }, call) {
    const realm = await call.realm();
    const request = { signedRequest, description, sealedBy: call.sealedBy };
    const created = await createWallet(call.context, realm, request, call.caller('anonymous'));
    const { zcap, didDocument, ...rest } = created;
    return { ...rest, didDocument: didDocument as JsonObject, zcap: bytesOf(zcap) };
  },
  async getWallet({ walletId }, call) {
    const realm = await call.realm();
    const { target } = await requireAccess(call.context, realm, presented(call, realm), targetNamed(walletId));
    return toWallet(await readWallet(call.context, realm, target.slice(walletPrefix.length)));
  },
  async grantAccess({ walletId, zcap }, call) {
    const realm = await call.realm();
    const access = await requireAccess(call.context, realm, presented(call, realm), targetNamed(walletId));
    return { capabilityId: await grantAccess(call.context, realm, access, zcap, call.caller(access.device)) };
  },
  async revokeAccess({ walletId, what }, call) {
    const realm = await call.realm();
    const access = await requireAccess(call.context, realm, presented(call, realm), targetNamed(walletId));
    const caller = call.caller(access.device);
    return { revokedCapabilityIds: [...(await revokeAccess(call.context, realm, access, revokedOf(what), caller))] };
  },
  async listCapabilities({ walletId, includeRevoked, pageSize, pageToken }, call) {
    const realm = await call.realm();
    const { target } = await requireAccess(call.context, realm, presented(call, realm), targetNamed(walletId));
    const wanted = { revoked: includeRevoked, size: pageSize, token: pageToken };
    const { items, next } = await pageOfCapabilities(call.context, realm, target, wanted);
    return { capabilities: items.map(toCapability), nextPageToken: next ?? '' };
  },
});

const auth = rpcService(AuthService, {
  async getChallenge(_, call) {
    const { nonce, audience, expires } = issueChallenge(call.context, await call.realm());
    return { nonce, audience, expires: timestampFromMs(expires) };
  },
  async acquireToken({ invocation, dpopProof, actions }, call) {
    const realm = await call.realm();
    const { uris } = presented(call, realm);
    const request = { invocation, dpopProof, actions, uris, sealedBy: call.sealedBy };
    const issued = await acquireToken(call.context, realm, request);
    const { token, tokenType, expiresIn } = issued;
    return { walletToken: token, tokenType, expiresIn, actions: [...issued.actions] };
  },
});

export const walletServices: readonly RpcService[] = [provider, wallet, auth];

/** An administrator by its access token, or a device that may `invite` to this realm. */
async function inviterOf(call: RpcCall, realm: Realm): Promise<Inviter> {
  const shown = presented(call, realm);
  if (shown.invocation !== null) {
    const { device } = await requireAccess(call.context, realm, shown, realmPrefix + realm.name);
    return { kind: 'device', name: device };
  }
  const { subject } = await authenticateAdministratorToken(call, bearerTokenIn(shown.authorization), realm);
  return { kind: 'administrator', name: administratorName(subject, realm.name) };
}

/** All that a call shows of its caller. */
function presented(call: RpcCall, realm: Realm): PresentedCall {
  const { metadata, procedure, bytes, sealedBy, context } = call;
  const { publicUrl } = context.config;
  return {
    procedure,
    bytes,
    sealedBy,
    authorization: metadata.get('authorization'),
    dpop: metadata.get('dpop'),
    invocation: metadata.get('capability-invocation'),
    // The prefix of a realm is one of two ways to name it.
    uris: [publicUrl + procedure, realm.issuer + procedure],
  };
}

const participants = { individual: ParticipantType.INDIVIDUAL, organization: ParticipantType.ORGANIZATION } as const;

function participantOf(type: ParticipantType): keyof typeof participants {
  const name = (['individual', 'organization'] as const).find((one) => participants[one] === type);
  if (name !== undefined) return name;
  const detail = 'participant must be PARTICIPANT_TYPE_INDIVIDUAL or PARTICIPANT_TYPE_ORGANIZATION.';
  throw new Problem('request.invalid', detail, { pointer: 'participant' });
}

function revokedOf(what: RevokeAccessRequest['what']): Revoked {
  if (what.case === 'capabilityId') return { capabilityId: what.value };
  if (what.case === 'did') return { did: what.value };
  throw new Problem('request.invalid', 'Name a capability_id or a did.', { pointer: 'what' });
}

const statuses: Readonly<Record<Invitation['status'], InvitationStatus>> = {
  sent: InvitationStatus.SENT,
  completed: InvitationStatus.COMPLETED,
  expired: InvitationStatus.EXPIRED,
  cancelled: InvitationStatus.CANCELLED,
  failed: InvitationStatus.FAILED,
};

function toInvitation({ id, participant, description, status, expires, walletId }: Invitation) {
  return {
    invitationId: id,
    participant: participants[participant],
    description,
    status: statuses[status],
    expires: timestampFromMs(expires),
    walletId,
  };
}

function toWallet({ id, type, description, didDocument, roles, created }: WalletView) {
  return {
    walletId: id,
    participant: participants[type],
    description,
    didDocument: didDocument as JsonObject,
    roles: [...roles],
    created: timestampFromMs(created),
  };
}

function toCapability({ id, parentId, controller, actions, expires, revoked }: CapabilityView) {
  return {
    capabilityId: id,
    parentId,
    controller,
    allowedActions: [...actions],
    expires: timestampFromMs(expires),
    ...(revoked === undefined ? {} : { revoked: timestampFromMs(revoked) }),
  };
}

function bytesOf(document: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(document));
}
