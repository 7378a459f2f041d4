import { text } from './argument.ts';
import type { ProofCode } from './error.ts';
import { ProofError } from './error.ts';
import { isJsonObject, type JsonValue } from './json.ts';

/** What every subject says, whichever proof it gave. */
export interface SubjectBase {
  /** Exactly as the issuer writes itself. */
  readonly issuer: string;
  /** The last segment of an issuer `…/realms/{realm}`; of any other issuer, the issuer itself. */
  readonly realm: string;
  /** `sub`: stable, never reused. */
  readonly id: string;
  readonly roles: readonly string[];
  /** Resource → roles there. Has no prototype: a resource named `constructor` is one that is not there. */
  readonly resourceAccess: Readonly<Record<string, readonly string[]>>;
  readonly scopes: readonly string[];
  readonly audience: readonly string[];
  /** `gen` or `epoch`, 0 where the issuer counts none: a subject that was reinstated has a higher one than its old tokens. */
  readonly generation: number;
  readonly jti: string | undefined;
  /** Seconds since the epoch. */
  readonly issuedAt: number;
  /** Seconds since the epoch. */
  readonly expiresAt: number;
  /** RFC 8693 §4.1: who acts for the subject, the one that presents the token first. Empty where nobody does. */
  readonly actors: readonly Actor[];
  /** What else it was made from, and dies with. Empty for a token that was given for a proof. */
  readonly ancestors: readonly Ancestor[];
}

/** A service that passed a subject on. */
export interface Actor {
  /** `sub` of the service. */
  readonly id: string;
  readonly clientId: string | undefined;
  /** Of the service, when it did so; 0 where the issuer counts none. A service that was shut out since has a higher one. */
  readonly generation: number;
}

/**
 * What a token was made from, beside what it says of itself: the token that was exchanged for it, the session behind a capability.
 * It dies with each of them. The kinds are those of the status feed, which tells what has died.
 */
export type Ancestor =
  /** Its tokens of this generation. */
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
    /** What its holder logs in as. */
    readonly code: string;
  };
  readonly identity: { readonly type: string; readonly id: string };
  /** `sid`: when this session ends, the token is dead. */
  readonly sessionId: string;
  /** `txn`: the same in every call of the chain. */
  readonly transaction: string;
  /** How strong the login was: `aal1` one factor, `aal2` two. */
  readonly acr: string;
  /** RFC 8176: how it proved itself. */
  readonly amr: readonly string[];
  /** Seconds since the epoch: when it last proved itself. */
  readonly authTime: number;
  /** Where the first call of the chain came from, as far as the issuer says. */
  readonly requestContext: { readonly address: string | undefined };
}

/** A wallet, through a device that has invoked its capability. */
export interface WalletSubject extends SubjectBase {
  readonly kind: 'wallet';
  readonly walletId: string;
  /** The DID that has proved itself. */
  readonly device: string;
  /** What may be done. `scopes` says the same, each as `wallet:{action}`. */
  readonly actions: readonly string[];
  /** From the first delegation to the one that was invoked: the end of any ends the token. */
  readonly capabilities: readonly string[];
  /** `cnf.jkt` (RFC 9449 §6): the token is good only with a proof of this key. */
  readonly confirmation: string | undefined;
}

/** The one result of every proof: an authenticated credential, together with all the identification information. */
export type Subject = ParticipantSubject | ClientSubject | CredentialSubject | WalletSubject;

/** A chain of services that is longer goes in circles. */
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

export function realmOf(issuer: string): string {
  return /\/realms\/([^/]+)$/.exec(text(issuer, 'issuer'))?.[1] ?? issuer;
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

export function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
