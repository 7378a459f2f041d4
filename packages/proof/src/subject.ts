import { text } from './argument.ts';
import type { ProofCode } from './error.ts';
import { ProofError } from './error.ts';
import { isJsonObject, type JsonValue } from './json.ts';

/** The members of every subject, whichever proof it gave. */
export interface SubjectBase {
  /** `iss`, exactly as in the token. */
  readonly issuer: string;
  /** The last segment of an issuer `…/realms/{realm}`; for any other issuer, the issuer itself. */
  readonly realm: string;
  /** `sub`: stable, never reused. */
  readonly id: string;
  readonly roles: readonly string[];
  /** Resource → roles there. The object has no prototype, so that the name `constructor` finds no resource. */
  readonly resourceAccess: Readonly<Record<string, readonly string[]>>;
  readonly scopes: readonly string[];
  readonly audience: readonly string[];
  /** `gen` or `epoch`; 0 if the issuer does not count. A reinstated subject has a higher generation than its old tokens. */
  readonly generation: number;
  readonly jti: string | undefined;
  /** Seconds since the epoch. */
  readonly issuedAt: number;
  /** Seconds since the epoch. */
  readonly expiresAt: number;
  /** RFC 8693 §4.1: the services that act for the subject, first the presenter of the token. Empty if there are none. */
  readonly actors: readonly Actor[];
  /** What else the token was made from: it dies with each of them. Empty for a token that was given for a proof. */
  readonly ancestors: readonly Ancestor[];
  /** `cnf.jkt` (RFC 9449 §6): the token is only good together with a proof of this key. Undefined if it is bound to none. */
  readonly confirmation: string | undefined;
}

/** A service that passed a subject on. */
export interface Actor {
  /** `sub` of the service. */
  readonly id: string;
  readonly clientId: string | undefined;
  /**
   * The generation of the service at that time; 0 if the issuer does not count. A service that was shut out since has a higher
   * one.
   */
  readonly generation: number;
}

/**
 * Something that a token was made from and that its other claims do not name: the token that was exchanged for it, the session
 * behind a capability. The token dies with each of them. The kinds are those of the status feed, which lists what has died.
 */
export type Ancestor =
  /** A subject of this generation. */
  | { readonly kind: 'subject'; readonly id: string; readonly generation: number }
  | { readonly kind: 'token' | 'session' | 'capability'; readonly id: string };

/** A participant of a network, through one of its clients. */
export interface ParticipantSubject extends SubjectBase {
  readonly kind: 'participant';
  readonly clientId: string;
  /** The participant-role id. */
  readonly participantId: string;
}

/** A client that belongs to no participant, such as one for administration. */
export interface ClientSubject extends SubjectBase {
  readonly kind: 'client';
  readonly clientId: string;
}

/** A credential of an identity that has logged in: the signed subject that a chain of services passes on. */
export interface CredentialSubject extends SubjectBase {
  readonly kind: 'credential';
  readonly credential: {
    readonly type: 'ROOT' | 'USER';
    readonly id: string;
    /** The name that the holder types at a login. */
    readonly code: string;
  };
  readonly identity: { readonly type: string; readonly id: string };
  /** `sid`: the token dies when this session ends. */
  readonly sessionId: string;
  /** `txn`: the same in every call of the chain. */
  readonly transaction: string;
  /** The strength of the login: `aal1` is one factor, `aal2` two. */
  readonly acr: string;
  /** RFC 8176: the methods of the login. */
  readonly amr: readonly string[];
  /** Seconds since the epoch: the time of the last proof by the holder. */
  readonly authTime: number;
  /** The address of the first call of the chain, if the issuer gives it. */
  readonly requestContext: { readonly address: string | undefined };
}

/** A wallet, through a device that has invoked its capability. */
export interface WalletSubject extends SubjectBase {
  readonly kind: 'wallet';
  readonly walletId: string;
  /** The DID of the device that invoked the capability. */
  readonly device: string;
  /** The allowed actions. `scopes` has the same, each as `wallet:{action}`. */
  readonly actions: readonly string[];
  /** The ids of the delegations, from the first one to the invoked one: the end of any ends the token. */
  readonly capabilities: readonly string[];
}

/** The result of every proof: the authenticated caller, with everything known about it. */
export type Subject = ParticipantSubject | ClientSubject | CredentialSubject | WalletSubject;

/** The largest number of actors of a token: a longer chain of services goes in circles. */
export const maxActors = 8;

/** `act`, the outermost first (RFC 8693 §4.1: "the least recent actor is the most deeply nested"). */
export function actorsOf(act: JsonValue | undefined, code: ProofCode): readonly Actor[] {
  const actors: Actor[] = [];
  for (let claim = act; claim !== undefined; ) {
    if (!isJsonObject(claim) || actors.length === maxActors) throw new ProofError(code, '/act');
    const { sub, client_id: clientId, gen = 0 } = claim;
    if (!isText(sub) || !(clientId === undefined || isText(clientId)) || !isCount(gen)) {
      throw new ProofError(code, '/act');
    }
    actors.push({ id: sub, clientId, generation: gen });
    claim = claim.act;
  }
  return actors;
}

/** The one key of `cnf`. Any other confirmation is refused, because it must not be ignored (RFC 7800 §3.1). */
export function confirmationOf(cnf: JsonValue | undefined, code: ProofCode): string | undefined {
  if (cnf === undefined) return undefined;
  if (!isJsonObject(cnf) || Object.keys(cnf).join() !== 'jkt') throw new ProofError(code, '/cnf');
  if (!isText(cnf.jkt)) throw new ProofError(code, '/cnf/jkt');
  return cnf.jkt;
}

/**
 * Finds the name of the realm in an issuer: the last segment of `…/realms/{realm}`; for any other issuer, the issuer
 * itself. It does not check that the issuer is a known one.
 *
 * @throws {TypeError} if `issuer` is not a string
 * @example
 * realmOf('https://id.example/realms/shop'); // → 'shop'
 * realmOf('https://other.example'); // → 'https://other.example'
 */
export function realmOf(issuer: string): string {
  return /\/realms\/([^/]+)$/.exec(text(issuer, 'issuer'))?.[1] ?? issuer;
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

export function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
