import {
  type Action,
  delegateCapability,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  walletPrefix,
} from '@countersign/proof';
import {
  type Checks,
  finite,
  flag,
  listOf,
  object,
  oneOf,
  optional,
  options as optionsOf,
  someText,
  text,
  wrong,
} from '@countersign/proof/argument';
import { ClientError } from '../error.ts';
import type { By } from './by.ts';
import { type Device, newId, textIn } from './device.ts';
import type { WalletProfile } from './profile.ts';
import { timeIn } from './recoveries.ts';
import { bytesField, type RpcPath } from './rpc.ts';
import { someActions, targetOf } from './target.ts';

/** What a capability allows, and until when. */
export interface GrantOptions {
  readonly actions: readonly Action[];
  /** Milliseconds since the epoch, or a date; not later than the end of the capability that is passed on. */
  readonly expires: number | Date;
}

/** A capability that was granted and registered. */
export interface Granted {
  readonly capabilityId: string;
  /** For the other device to accept. It is not a secret, and only that device can use it. */
  readonly capability: JsonObject;
}

/** A capability of a wallet, as the realm lists it. Times are in milliseconds since the epoch. */
export interface CapabilityEntry {
  readonly id: string;
  readonly parentId: string;
  readonly controller: string;
  readonly actions: readonly string[];
  readonly expires: number;
  readonly revoked?: number;
  /** The last use, as the realm notes it once a day. */
  readonly used?: number;
}

/** A wallet, as the realm describes it. `created` is in milliseconds since the epoch. */
export interface WalletDescription {
  readonly id: string;
  readonly participant: 'individual' | 'organization';
  readonly description: string;
  /** The DID document of the owner. */
  readonly didDocument: JsonObject;
  /** The first is its type. Its tokens have the same roles. */
  readonly roles: readonly string[];
  /** The URN of its name, if an administrator gave it one. */
  readonly name?: string;
  readonly created: number;
}

/** The invited person, and the wallet to be. */
export interface InviteOptions {
  readonly participant: 'individual' | 'organization';
  readonly email: string;
  readonly description?: string;
  readonly roles?: readonly string[];
  /** For an organization: also make a did:web beside its did:peer. */
  readonly didWeb?: boolean;
  /** Of the mail and its page: `en` (default), `hi`, `pt` or `fr`. */
  readonly language?: string;
  /** The inviter's name and words for the invited person, one line each: at most 100 and 500 characters. */
  readonly inviterName?: string;
  readonly message?: string;
}

/** An invitation that was sent. `expires` is in milliseconds since the epoch. */
export interface Invited {
  readonly invitationId: string;
  readonly walletId: string;
  readonly expires: number;
}

/**
 * Describes a wallet, and manages the access to it.
 *
 * @throws {ClientError} by its methods: the code of the realm's refusal, `wallet.*`, `rpc.*`, `http.*`
 * @throws {ProofError} by `grant`: `capability.*` for more than this device has
 */
export interface Access {
  describe(): Promise<WalletDescription>;
  /** The id of the wallet of the realm that has this name, such as `alice` or `urn:countersign:wallet-name:alice`. */
  resolve(name: string): Promise<string>;
  /** Signs a delegation to another DID and registers it at the realm. Without the registration it could not be used. */
  grant(did: string, options: GrantOptions): Promise<Granted>;
  /** Ends a capability, or all capabilities of a DID, and everything that descends from them. Returns the ids. */
  revoke(what: { readonly did: string } | { readonly capabilityId: string }): Promise<readonly string[]>;
  list(options?: { readonly revoked?: boolean }): Promise<readonly CapabilityEntry[]>;
  /** Invites with a capability for the realm. The code goes by mail only to the invited person. */
  invite(options: InviteOptions): Promise<Invited>;
  /** Sends an invitation of this device again, with a new code that ends the one before. */
  resendInvitation(invitationId: string): Promise<Invited>;
  /** Ends an invitation of this device that is not used yet. */
  cancelInvitation(invitationId: string): Promise<void>;
}

type Call = (path: RpcPath, request: JsonObject, by?: By) => Promise<JsonObject>;

/** More pages than a wallet can have. */
const maxPages = 1_000;

export function accessOf({ capability }: WalletProfile, { now, signer }: Device, call: Call): Access {
  const walletId = capability === undefined ? '' : targetOf(capability).slice(walletPrefix.length);
  return {
    async describe() {
      return describedIn(await call('/countersign.v1.WalletService/GetWallet', { walletId }));
    },
    async resolve(name) {
      const request = { name: someText(name, 'name') };
      return textIn(await call('/countersign.v1.WalletService/ResolveName', request), 'walletId');
    },
    async grant(did, options) {
      someText(did, 'did');
      const { actions, expires } = optionsOf(options, 'options', grantChecks);
      if (capability === undefined)
        throw new ClientError('wallet.no_wallet_capability', 'There is nothing to pass on.');
      const delegation = { parent: capability, id: newId(), controller: did, allowedAction: actions, created: now() };
      const granted = await delegateCapability({ ...delegation, expires: expires as number }, signer);
      const request = { walletId, zcap: bytesField(granted) };
      const answer = await call('/countersign.v1.WalletService/GrantAccess', request);
      return { capabilityId: textIn(answer, 'capabilityId'), capability: granted };
    },
    async revoke(what) {
      const answer = await call('/countersign.v1.WalletService/RevokeAccess', { walletId, ...revocationOf(what) });
      return textsIn(answer.revokedCapabilityIds);
    },
    async list(options = {}) {
      const { revoked = false } = optionsOf(options, 'options', listChecks);
      const entries: CapabilityEntry[] = [];
      let pageToken = '';
      for (let page = 0; page < maxPages; page++) {
        const request = { walletId, includeRevoked: revoked, pageToken };
        const answer = await call('/countersign.v1.WalletService/ListCapabilities', request);
        entries.push(...objectsIn(answer.capabilities).map(entryIn));
        if (typeof answer.nextPageToken !== 'string' || answer.nextPageToken === '') break;
        pageToken = answer.nextPageToken;
      }
      return entries;
    },
    async invite(options) {
      const { participant, ...rest } = optionsOf(options, 'options', inviteChecks);
      const request = { participant: participants[participant], ...rest };
      const answer = await call('/countersign.v1.ProviderService/Invite', request, 'invocation');
      return invitedIn(answer);
    },
    async resendInvitation(invitationId) {
      const request = { invitationId: someText(invitationId, 'invitationId') };
      return invitedIn(await call('/countersign.v1.ProviderService/ResendInvitation', request, 'invocation'));
    },
    async cancelInvitation(invitationId) {
      const request = { invitationId: someText(invitationId, 'invitationId') };
      await call('/countersign.v1.ProviderService/CancelInvitation', request, 'invocation');
    },
  };
}

/** The names in protobuf's JSON. */
const participants = {
  individual: 'PARTICIPANT_TYPE_INDIVIDUAL',
  organization: 'PARTICIPANT_TYPE_ORGANIZATION',
} as const;

const grantChecks: Checks<GrantOptions> = {
  actions: someActions,
  expires: (value, name) => finite(value instanceof Date ? value.getTime() : value, name),
};

const listChecks: Checks<{ readonly revoked?: boolean }> = { revoked: optional(flag) };

const inviteChecks: Checks<InviteOptions> = {
  participant: oneOf(...Object.keys(participants)),
  email: someText,
  description: optional(text),
  roles: optional(listOf(someText)),
  didWeb: optional(flag),
  language: optional(text),
  inviterName: optional(text),
  message: optional(text),
};

function invitedIn(answer: JsonObject): Invited {
  const ids = { invitationId: textIn(answer, 'invitationId'), walletId: textIn(answer, 'walletId') };
  return { ...ids, expires: timeIn(answer, 'expires') };
}

/** Exactly one of the two must be given: with both it would not be clear which is meant. */
function revocationOf(what: Parameters<Access['revoke']>[0]): JsonObject {
  const { did, capabilityId } = object(what, 'what') as Readonly<Record<string, unknown>>;
  if ((did === undefined) === (capabilityId === undefined)) throw wrong('what', 'either a did or a capabilityId');
  if (did === undefined) return { capabilityId: someText(capabilityId, 'what.capabilityId') };
  return { did: someText(did, 'what.did') };
}

function describedIn(answer: JsonObject): WalletDescription {
  return {
    id: textIn(answer, 'walletId'),
    participant: answer.participant === participants.organization ? 'organization' : 'individual',
    description: typeof answer.description === 'string' ? answer.description : '',
    didDocument: isJsonObject(answer.didDocument) ? answer.didDocument : {},
    roles: textsIn(answer.roles),
    ...(typeof answer.name === 'string' && answer.name !== '' ? { name: answer.name } : {}),
    created: timeIn(answer, 'created'),
  };
}

function entryIn(entry: JsonObject): CapabilityEntry {
  return {
    id: textIn(entry, 'capabilityId'),
    parentId: textIn(entry, 'parentId'),
    controller: textIn(entry, 'controller'),
    actions: textsIn(entry.allowedActions),
    expires: timeIn(entry, 'expires'),
    ...(entry.revoked === undefined ? {} : { revoked: timeIn(entry, 'revoked') }),
    ...(entry.used === undefined ? {} : { used: timeIn(entry, 'used') }),
  };
}

/** The texts of a list. Protobuf's JSON leaves out an empty list. */
function textsIn(value: JsonValue | undefined): readonly string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];
}

function objectsIn(value: JsonValue | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}
