import type { Generated } from 'kysely';

/**
 * Every table, in the portable subset: text ids, integer epoch milliseconds, JSON as opaque text that queries never
 * look into, nullable timestamps instead of booleans. The primary key of a realm's table begins with `realm`, so a
 * query that forgets the realm finds no index, and a join cannot cross realms.
 */
export interface Schema {
  readonly meta: MetaTable;
  readonly counter: CounterTable;
  readonly change: ChangeTable;
  readonly lease: LeaseTable;
  readonly sealed: SealedTable;
  readonly used_once: UsedOnceTable;
  readonly event: EventTable;
  readonly revocation: RevocationTable;
  readonly realm: RealmTable;
  readonly signing_key: SigningKeyTable;
  readonly subject: SubjectTable;
  readonly client: ClientTable;
  readonly participant: ParticipantTable;
  readonly participant_key: ParticipantKeyTable;
  readonly key_owner: KeyOwnerTable;
  readonly audience_owner: AudienceOwnerTable;
  readonly application: ApplicationTable;
  readonly refusal: RefusalTable;
  readonly product: ProductTable;
  readonly product_network: ProductNetworkTable;
  readonly product_network_participant: ProductNetworkParticipantTable;
  readonly lender_network_filter: DocumentTable;
  readonly server_whitelisting_item: ServerWhitelistingItemTable;
  readonly identity_profile: IdentityProfileTable;
  readonly password_profile: PasswordProfileTable;
  readonly identity: IdentityTable;
  readonly credential: CredentialTable;
  readonly password: PasswordTable;
  readonly factor: FactorTable;
  readonly session: SessionTable;
  readonly one_time_code: OneTimeCodeTable;
  readonly login_failure: LoginFailureTable;
  readonly blocked_password: BlockedPasswordTable;
  readonly mail: MailTable;
  readonly realm_did: RealmDidTable;
  readonly wallet: WalletTable;
  readonly wallet_invitation: WalletInvitationTable;
  readonly wallet_name: WalletNameTable;
  readonly wallet_address: WalletAddressTable;
  readonly wallet_recovery: WalletRecoveryTable;
  readonly capability: CapabilityTable;
}

/** Facts about the database itself: its incarnation. */
interface MetaTable {
  name: string;
  value: string;
}

/** Counters whose row lock puts increments in commit order. */
interface CounterTable {
  name: string;
  value: number;
}

/** Entries that caches must drop, in commit order. Pruned after some minutes. */
interface ChangeTable {
  seq: number;
  topic: string;
  key: string;
  at: number;
}

/** One holder at a time, until `expires_at`. */
interface LeaseTable {
  name: string;
  holder: string;
  expires_at: number;
}

/** Our own keys, sealed by the master key. */
interface SealedTable {
  name: string;
  value: string;
}

/** Values that may be presented once: assertion ids, nonces, codes. */
interface UsedOnceTable {
  realm: string;
  key: string;
  expires_at: number;
}

export interface EventTable {
  id: string;
  realm: string;
  at: number;
  type: string;
  /** The object of the event: `participant:1111…`, `client:…`, `realm:…`. */
  object: string;
  actor: string;
  request_id: string;
  /** JSON without secrets, or null. */
  before: string | null;
  after: string | null;
  /** Set by the sealer, in chain order. */
  seq: number | null;
  hash: string | null;
}

interface RevocationTable {
  realm: string;
  kind: 'subject' | 'token' | 'session' | 'key' | 'capability';
  key: string;
  /** For a subject: tokens of this generation and earlier are dead. */
  generation: number | null;
  seq: number;
  at: number;
  /** After this time, everything that it revokes has expired. */
  expires_at: number;
}

export interface RealmTable {
  name: string;
  profile: string;
  settings: string;
  created_at: number;
  updated_at: number;
}

export interface SigningKeyTable {
  realm: string;
  kid: string;
  purpose: 'token' | 'status' | 'receipt';
  alg: string;
  public_jwk: string;
  sealed_jwk: string;
  created_at: number;
  /** When it begins to sign; null for the published next key. */
  active_at: number | null;
  /** When its successor has taken over and its last token has expired. The key then leaves the JWKS. */
  unpublished_at: number | null;
}

/** An entity that can be authenticated. Never deleted, so that an id is never used again. */
export interface SubjectTable {
  realm: string;
  /** `sub` of its tokens. */
  id: string;
  /** `identity`: only the tombstone of a removed one. */
  kind: 'client' | 'participant' | 'credential' | 'wallet' | 'identity';
  /** Incremented when its tokens must die: tokens of earlier generations are dead, even after a reinstatement. */
  generation: number;
  suspended_at: number | null;
  ended_at: number | null;
}

export interface ClientTable {
  realm: string;
  id: string;
  subject_id: string;
  participant_id: string | null;
  name: string;
  /** Space-separated scopes that the client may request. */
  scope: string;
  /** JSON array of resources (RFC 8707) beyond the participant's resource mappings. */
  audiences: string;
  /** JSON array of {id, digest, createdAt, expiresAt}. */
  secrets: string;
  created_at: number;
  updated_at: number;
  /** A tombstone: the id is never used again. */
  ended_at: number | null;
  version: Generated<number>;
}

export interface ParticipantTable {
  realm: string;
  id: string;
  organisation_id: string;
  role: string;
  status: string;
  base_url: string | null;
  /** The form in which it signs and others sign to it. Null: the realm decides. */
  signature_form: string | null;
  /** JSON of the organisation's own fields (name, website, contact …). */
  organisation: string;
  /** JSON array of {resource, roles}. */
  resources: string;
  approved_by: string | null;
  approved_at: number | null;
  created_at: number;
  updated_at: number;
  version: Generated<number>;
  /** The address of the people behind it. Other participants do not see it. */
  contact: Generated<string | null>;
}

export interface ParticipantKeyTable {
  realm: string;
  participant_id: string;
  thumbprint: string;
  jwk: string;
  not_before: number;
  /** The key is valid until just before this time. Null if no end is set. */
  not_after: number | null;
  created_at: number;
}

/** One thumbprint belongs to one organisation: the primary key decides races. */
export interface KeyOwnerTable {
  realm: string;
  thumbprint: string;
  organisation_id: string;
}

/** A name in `aud` belongs to one organisation or client. The primary key decides races. */
export interface AudienceOwnerTable {
  realm: string;
  /** In the single spelling that `audienceName` gives. */
  name: string;
  /** `organisation:…`, or `client:…` for a client without a participant. */
  owner: string;
}

export interface ApplicationTable {
  realm: string;
  id: string;
  status: string;
  role: string;
  base_url: string | null;
  organisation: string;
  contact: string;
  jwk: string;
  thumbprint: string;
  /** Digest of the one-time pick-up code; null once picked up. */
  code_digest: string | null;
  participant_id: string | null;
  client_id: string | null;
  decided_by: string | null;
  created_at: number;
  updated_at: number;
  version: Generated<number>;
  /** The organisation that gets another role. Null: the approval makes one. */
  organisation_id: Generated<string | null>;
  /** Why it was rejected. */
  reason: Generated<string | null>;
}

/** A request that was refused to a participant, kept for seven days. */
export interface RefusalTable {
  realm: string;
  participant_id: string;
  id: string;
  /** 1 if the caller had proved to be the participant, else 0. */
  proved: number;
  /** What was asked for: `token`, `keys`, … */
  request: string;
  reason: string;
  source: string;
  count: number;
  first_at: number;
  last_at: number;
  /** Of the newest. Null in rows of older releases. */
  request_id: string | null;
}

interface ProductTable {
  realm: string;
  id: string;
  name: string;
  description: string | null;
  created_at: number;
  updated_at: number;
}

interface ProductNetworkTable {
  realm: string;
  id: string;
  name: string;
  description: string | null;
  product_id: string | null;
  created_at: number;
  updated_at: number;
}

interface ProductNetworkParticipantTable {
  realm: string;
  network_id: string;
  participant_id: string;
}

/** A document of the network file, stored and served exactly as it came in. */
interface DocumentTable {
  realm: string;
  id: string;
  document: string;
}

interface ServerWhitelistingItemTable extends DocumentTable {
  participant_id: string | null;
}

interface IdentityProfileTable {
  realm: string;
  id: string;
  name: string;
  created_at: number;
  updated_at: number;
}

interface PasswordProfileTable {
  realm: string;
  id: string;
  config: string;
  created_at: number;
  updated_at: number;
}

export interface IdentityTable {
  realm: string;
  id: string;
  profile_id: string;
  name: string;
  created_at: number;
  updated_at: number;
  disabled_at: number | null;
  /** When it is removed with its credentials, if it is deleted. Null for every other. */
  remove_at: number | null;
}

export interface CredentialTable {
  realm: string;
  id: string;
  identity_id: string;
  type: string;
  /** The code that recognises the credential at a login, unique in the realm. */
  code: string;
  created_at: number;
  updated_at: number;
  disabled_at: number | null;
  /** The address for mail. Null: the code, if that is an address. */
  email: string | null;
  /** Device cookies from before this time are not accepted. Null: all are. */
  devices_after: number | null;
  /** `root`: disabled by the ROOT of its identity, who may enable it again. Null: by an administrator. */
  disabled_by: 'root' | null;
  /**
   * The address that its holder has proved to read, folded (`addressKey`). It counts only while it is the address for
   * mail.
   */
  verified_email: string | null;
  /** When it is removed, for a deleted one. Null for every other. */
  remove_at: number | null;
}

/**
 * The versions of a credential's password. Only the newest can log in. The primary key decides who makes the next one.
 */
export interface PasswordTable {
  realm: string;
  credential_id: string;
  version: number;
  /** A PHC string. Null once neither a login nor the history needs it. */
  hash: string | null;
  created_at: number;
  /** When its period ends. Null for never. */
  expires_at: number | null;
  /** When it was expired by a call, or replaced. Null until then. */
  expired_at: number | null;
  /** Set if it was expired because others know it. */
  compromised_at: number | null;
}

/** A second factor of a credential: an authenticator app, a set of recovery codes, a passkey. */
export interface FactorTable {
  realm: string;
  credential_id: string;
  id: string;
  kind: 'totp' | 'recovery' | 'passkey';
  name: string;
  /** A secret that only the server may know, sealed by the vault. Null if the kind has none. */
  sealed: string | null;
  /** JSON of the parts that need no seal: public key, digests, the last used step. */
  state: string;
  /** The credential id of a passkey, unique in the realm. Null for the other kinds. */
  passkey: string | null;
  created_at: number;
  /** Null until its holder has shown that it works. */
  confirmed_at: number | null;
  used_at: number | null;
  version: Generated<number>;
}

/** Opened at login; ended by logout, by force, or by time. */
export interface SessionTable {
  realm: string;
  id: string;
  /** Digest of the session token. The token itself is not stored. */
  token_digest: string;
  subject_id: string;
  /** The subject's generation at that time. A session of an earlier generation is dead. */
  generation: number;
  /** JSON of the subject's identification. It cannot change within a generation. */
  subject: string;
  /** Authentication methods (RFC 8176), separated by spaces. */
  amr: string;
  acr: string;
  /** When the holder last proved itself. */
  auth_time: number;
  source: string | null;
  agent: string | null;
  created_at: number;
  /** Written at most every 30 s. */
  seen_at: number;
  /** The absolute limit, which no use extends. */
  ends_at: number;
  ended_at: number | null;
  ended_by: 'logout' | 'force' | 'use' | null;
  /** JSON of the one thing that a restricted session may do. Null for an unrestricted session. */
  restriction: string | null;
  /** For a session that continues another one: when the first of them began. */
  began_at: number | null;
}

/** A secret for one use: an invitation to a first password, a lost-password code. */
export interface OneTimeCodeTable {
  realm: string;
  purpose: string;
  digest: string;
  /** The owner of the code, such as a credential. */
  owner: string;
  /** The address that its user has proved to read, folded. Null if the code was shown. */
  proves: string | null;
  created_at: number;
  expires_at: number;
}

/** Failed guesses, summed over all nodes: at a credential from unknown devices, and from each known device. */
/** Counts of throttles: guesses at passwords, budgets, and rates, whose realm is empty. */
export interface LoginFailureTable {
  realm: string;
  /**
   * Digest of a tried credential code (which need not exist), of a device, or of the note that the owner was told of a
   * lock.
   */
  key: string;
  failures: number;
  /** When the count begins anew. */
  resets_at: number;
}

/** Leaked passwords, by SHA-1 as such lists have them: 40 upper-case hex digits. */
interface BlockedPasswordTable {
  sha1: string;
}

/** The outbox: mails to send, and their results. */
export interface MailTable {
  realm: string;
  id: string;
  /** The subject of the mail, under the name that its sender gave: `invitation:…`. */
  reference: string | null;
  purpose: string;
  state: 'waiting' | 'delivered' | 'failed';
  /** Recipient and text, sealed. Null once they are no longer needed. */
  sealed: string | null;
  /** Also the version: the process that increments it may try, until `next_at`. */
  attempts: number;
  /** When any process may try (again). Null once settled. */
  next_at: number | null;
  give_up_at: number;
  /** Why the last try failed. */
  reason: string | null;
  created_at: number;
  settled_at: number | null;
}

/** The DID of a realm. It receives packed calls, and delegates the realm's own capabilities. */
export interface RealmDidTable {
  realm: string;
  /** did:peer:4, short form. */
  did: string;
  /** The long form, which carries the document. */
  long_did: string;
  /** Multikey of the key that signs delegations. */
  signing_key: string;
  sealed_keys: string;
  created_at: number;
}

export interface WalletTable {
  realm: string;
  id: string;
  type: 'individual' | 'organization';
  description: string;
  /** JSON array of its roles. The first is its type, the others come from the inviter or an administrator. */
  roles: string;
  /** did:peer:4, short form. Null at first: an individual gets it with its first device. */
  owner_did: string | null;
  /** The long form, which carries the document. */
  owner_long_did: string | null;
  /** Multikey of the owner's key, which signs the first delegation. */
  signing_key: string | null;
  /** The did:web of an organization that asked for one. */
  web_did: string | null;
  /** The owner's private keys. */
  sealed_keys: string | null;
  created_at: number;
  /** When its first device got it. Null while it waits for that. */
  opened_at: number | null;
  /** After a recovery: until then it can only be read. */
  read_only_until: number | null;
}

export interface WalletInvitationTable {
  realm: string;
  id: string;
  wallet_id: string;
  /** Subject id or DID of the inviter, who may ask for the invitation's state and cancel it. */
  inviter: string;
  created_at: number;
  expires_at: number;
  completed_at: number | null;
  cancelled_at: number | null;
  /** The invited person's address. It becomes the wallet's when the code is used. Null in rows of older releases. */
  email: string | null;
  /** Of the mail and its page. Null in rows of older releases. */
  language: string | null;
  /** As the inviter gave it: not checked. Null if it gave none. */
  inviter_name: string | null;
  /** The inviter's words, one line. */
  message: string | null;
}

/** The name of a wallet, or one that it had. Rows are never deleted, so no name ever means another wallet. */
export interface WalletNameTable {
  realm: string;
  /** Canonical: see `nameIn` of wallets. */
  name: string;
  wallet_id: string;
  given_at: number;
  /** Null for the present name. */
  removed_at: number | null;
}

/** The mail address of a wallet, for its recovery, and those that it had before. */
export interface WalletAddressTable {
  realm: string;
  wallet_id: string;
  email: string;
  /** When a code that was mailed there came back. */
  confirmed_at: number;
  /** When another address took its place. Null for the present one. */
  removed_at: number | null;
}

/** A recovery that its mailbox has begun. One runs at a time. */
export interface WalletRecoveryTable {
  realm: string;
  id: string;
  wallet_id: string;
  /** The did:key of the new device. */
  controller: string;
  /** The address that began it, and gets the code. */
  email: string;
  stage: 'started' | 'reminded' | 'ready' | 'completed' | 'cancelled' | 'failed';
  /** Milliseconds, from the setting at its start. */
  delay: number;
  /** JSON array of the DIDs of devices that approved it. */
  approvals: string;
  /** The name of the database that it began in. In another one, a restored copy, it is void. */
  incarnation: string;
  started_at: number;
  /** When it came to its stage. */
  stage_at: number;
  /** When the next stage is due. Null once it has ended. */
  next_at: number | null;
  ended_at: number | null;
  /** Why it ended, for the log and the mail. */
  reason: string | null;
}

/** "Authorizations": every delegation that may be used here. */
export interface CapabilityTable {
  realm: string;
  id: string;
  /** The root's target: `urn:countersign:wallet:…` or `urn:countersign:realm:…`. */
  target: string;
  parent_id: string;
  /** The DID that may use it. */
  controller: string;
  /** JSON array. */
  actions: string;
  expires_at: number;
  /** The signed document, as JSON. */
  document: string;
  /** Its signature: tells which of several documents with this id was registered. */
  proof_value: string;
  created_at: number;
  revoked_at: number | null;
  /** JSON array of `Ancestor`: what the server made it from. Null if a device or the server itself delegated it. */
  ancestors: string | null;
  /** The last use, written at most once a day. Null if it was not used yet. */
  used_at: number | null;
  /** Null while it is not revoked, and in rows of older releases. */
  revoked_by: RevokedBy | null;
}

export type RevokedBy = 'device' | 'administrator' | 'recovery';
