import type { Generated } from 'kysely';

/**
 * Every table, in the portable subset: text ids, integer epoch milliseconds, JSON as opaque text that is never queried inside,
 * nullable timestamps instead of booleans. Realm-owned tables begin their primary key with `realm`, so that a query that
 * forgets the realm finds no index and a join cannot cross realms.
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
  readonly capability: CapabilityTable;
}

/** Facts of the database itself: its incarnation. */
interface MetaTable {
  name: string;
  value: string;
}

/** Counters whose row lock puts increments in commit order. */
interface CounterTable {
  name: string;
  value: number;
}

/** What caches must drop, in commit order. Pruned after some minutes. */
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

/** Keys of our own that are sealed by the master key. */
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
  /** What it happened to: `participant:1111…`, `client:…`, `realm:…`. */
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
  /** After this nothing that it revokes can still be alive. */
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
  /** When its successor took over and its last token will have died: it leaves the JWKS then. */
  unpublished_at: number | null;
}

/** Whatever can be authenticated. Never deleted, so that an id is never used again. */
export interface SubjectTable {
  realm: string;
  /** `sub` of its tokens. */
  id: string;
  kind: 'client' | 'participant' | 'credential' | 'wallet';
  /** Bumped when its tokens must die: those of an earlier generation are dead, also after a reinstatement. */
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
  /** Space-separated scopes that the client may ask for. */
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
  /** The signature form that it signs in and wants to be signed to in; null leaves it to the realm. */
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
}

export interface ParticipantKeyTable {
  realm: string;
  participant_id: string;
  thumbprint: string;
  jwk: string;
  not_before: number;
  /** The key is valid before this; null while no end is set. */
  not_after: number | null;
  created_at: number;
}

/** One thumbprint belongs to one organisation: the primary key decides races. */
export interface KeyOwnerTable {
  realm: string;
  thumbprint: string;
  organisation_id: string;
}

/** A name that means somebody in `aud` belongs to one organisation or client: the primary key decides races. */
export interface AudienceOwnerTable {
  realm: string;
  /** In the one spelling of `audienceName`. */
  name: string;
  /** `organisation:…`, or `client:…` where the client has no participant. */
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

/** A document of the network file that is stored and served as it came. */
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
}

export interface CredentialTable {
  realm: string;
  id: string;
  identity_id: string;
  type: string;
  /** By which its holder is recognised at a login: unique in the realm. */
  code: string;
  created_at: number;
  updated_at: number;
  disabled_at: number | null;
  /** Where mail goes; null: to the code, if that is an address. */
  email: string | null;
  /** Cookies of devices that were made before this are worth nothing; null: none has been called back. */
  devices_after: number | null;
  /** `root`: the ROOT of its identity, which may enable it again; null: an administrator. */
  disabled_by: 'root' | null;
}

/** The versions of a credential's password. Only the newest one can log in; the primary key decides who makes the next one. */
export interface PasswordTable {
  realm: string;
  credential_id: string;
  version: number;
  /** A PHC string; null once neither a login nor the history needs it. */
  hash: string | null;
  created_at: number;
  /** When its period ends; null for never. */
  expires_at: number | null;
  /** When it was expired by somebody, or replaced; null while that has not happened. */
  expired_at: number | null;
  /** Set when it was expired as known to somebody else. */
  compromised_at: number | null;
}

/** A second factor of a credential: an authenticator app, a set of recovery codes, a passkey. */
export interface FactorTable {
  realm: string;
  credential_id: string;
  id: string;
  kind: 'totp' | 'recovery' | 'passkey';
  name: string;
  /** A secret that only we may know, sealed by the vault; null where there is none. */
  sealed: string | null;
  /** JSON of what need not be sealed: public key, digests, the last step that was used. */
  state: string;
  /** The credential id of a passkey, unique in the realm; null for the other kinds. */
  passkey: string | null;
  created_at: number;
  /** Null until its holder has shown that it works. */
  confirmed_at: number | null;
  used_at: number | null;
  version: Generated<number>;
}

/** Opened at logon; ended by logout, by force, or by time. */
export interface SessionTable {
  realm: string;
  id: string;
  /** Digest of the session token: the token itself is nowhere. */
  token_digest: string;
  subject_id: string;
  /** The subject's generation then: a session of an earlier one is dead. */
  generation: number;
  /** JSON of what identifies the subject. It cannot change within a generation. */
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
  /** JSON of the one thing that it may do; null for a session that may do everything. */
  restriction: string | null;
  /** Of a session that goes on for another one: when the first of them began. */
  began_at: number | null;
}

/** A secret that was given to somebody to be presented once: an invitation to a first password, a lost-password code. */
export interface OneTimeCodeTable {
  realm: string;
  purpose: string;
  digest: string;
  /** What it is for: a credential. */
  owner: string;
  created_at: number;
  expires_at: number;
}

/** Failed guesses of all nodes together: at a credential from devices that it does not know, and those of each device that it knows. */
export interface LoginFailureTable {
  realm: string;
  /** Digest of what was tried as a credential code, which need not exist; or of a device; or that a lock was told of. */
  key: string;
  failures: number;
  /** When the count begins anew. */
  resets_at: number;
}

/** Passwords known to others, by the SHA-1 in which such lists come: 40 upper-case hex digits. */
interface BlockedPasswordTable {
  sha1: string;
}

/** The outbox: what is to be mailed, and what became of it. */
export interface MailTable {
  realm: string;
  id: string;
  /** What the mail is about, by the name that its sender gave it: `invitation:…`. */
  reference: string | null;
  purpose: string;
  state: 'waiting' | 'delivered' | 'failed';
  /** Recipient and text, sealed; null once nobody needs them any more. */
  sealed: string | null;
  /** Also the version: who counts it up may try, until `next_at`. */
  attempts: number;
  /** When anybody may try (again); null once settled. */
  next_at: number | null;
  give_up_at: number;
  /** Why the last try failed. */
  reason: string | null;
  created_at: number;
  settled_at: number | null;
}

/** The DID of a realm, which receives packed calls and delegates what may be done to the realm. */
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
  /** JSON array of the roles that the inviter assigned. */
  roles: string;
  /** did:peer:4, short form. Null until there is one: an individual gets it with its first device. */
  owner_did: string | null;
  /** The long form, which carries the document. */
  owner_long_did: string | null;
  /** Multikey of the owner's key that signs the first delegation. */
  signing_key: string | null;
  /** The did:web of an organization that asked for one. */
  web_did: string | null;
  /** The owner's private keys. */
  sealed_keys: string | null;
  created_at: number;
  /** When its first device got it; null while it waits for that. */
  opened_at: number | null;
}

export interface WalletInvitationTable {
  realm: string;
  id: string;
  wallet_id: string;
  /** Subject id or DID of whoever invites: may ask for its state and cancel it. */
  inviter: string;
  created_at: number;
  expires_at: number;
  completed_at: number | null;
  cancelled_at: number | null;
}

/** "Authorizations": every delegation that may be used here. */
export interface CapabilityTable {
  realm: string;
  id: string;
  /** `urn:countersign:wallet:…` or `urn:countersign:realm:…`: the root's. */
  target: string;
  parent_id: string;
  /** The DID that may use it. */
  controller: string;
  /** JSON array. */
  actions: string;
  expires_at: number;
  /** As it was signed, JSON. */
  document: string;
  /** Its signature: which of all documents of this id was registered. */
  proof_value: string;
  created_at: number;
  revoked_at: number | null;
  /** JSON array of `Ancestor`: what the server made it from; null where a device or the server itself has given it. */
  ancestors: string | null;
}
