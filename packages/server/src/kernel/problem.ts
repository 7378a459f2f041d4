/**
 * Every refusal of the server: one class, one table.
 *
 * A rule throws `new Problem(code, { detail, reason })`. The table has what callers see on each wire. The rule writes `detail` for
 * the caller, so it may be shown. The `cause` goes to the log only, with the request id.
 */

export interface Rendering {
  /** HTTP status of the native rendering (RFC 9457). OAuth endpoints use `oauthStatus`. */
  readonly status: number;
  /** RFC 6749 §5.2, RFC 6750 §3.1, RFC 8707 §2 error code. */
  readonly oauth: string;
  readonly oauthStatus: number;
  /** gRPC status code number. */
  readonly grpc: number;
  /** The public text if the rule gives no detail. */
  readonly text: string;
  /** The name on the documented corporate calls, if it does not follow from the code. */
  readonly enumName?: string;
}

/** Kinds of refusals with several codes: HTTP status, OAuth error with its own HTTP status, gRPC status. */
const malformed = kind(400, 'invalid_request', 400, 3);
const missing = kind(404, 'invalid_request', 404, 5);
const conflict = kind(409, 'invalid_request', 409, 9);
const taken = kind(409, 'invalid_request', 409, 6);
const full = kind(409, 'invalid_request', 409, 8);
const forbidden = kind(403, 'insufficient_scope', 403, 7);
const closed = kind(403, 'invalid_request', 403, 7);
const unproved = kind(401, 'invalid_request', 401, 16);
const badToken = kind(401, 'invalid_token', 401, 16);
const badDpop = kind(401, 'invalid_dpop_proof', 400, 16);
const weak = kind(403, 'insufficient_user_authentication', 401, 7);
const unfinished = kind(409, 'invalid_grant', 400, 9);
const throttled = kind(429, 'slow_down', 429, 8);
const unavailable = kind(503, 'temporarily_unavailable', 503, 14);
const upstream = kind(502, 'server_error', 502, 14);
const broken = kind(500, 'server_error', 500, 13);

const table = {
  // The caller's request cannot be understood.
  'request.invalid': malformed('The request is malformed.'),
  'request.duplicate_member': malformed('A JSON member name occurs twice.'),
  'request.repeated_parameter': malformed('A parameter occurs twice.'),
  'request.two_authentication_methods': malformed('Use one client authentication method.'),
  'request.media_type': row(415, 'invalid_request', 415, 3, 'The media type of the body is not supported here.'),
  'request.too_large': row(413, 'invalid_request', 413, 8, 'The body is larger than 1 MiB.'),
  'request.timeout': row(408, 'invalid_request', 408, 4, 'The body did not arrive in time.'),
  'request.not_found': missing('There is nothing here.'),
  'request.method': row(405, 'invalid_request', 405, 12, 'This method is not supported here.'),
  // OAuth.
  'oauth.unsupported_grant_type': row(400, 'unsupported_grant_type', 400, 3, 'This grant type is not supported.'),
  'oauth.invalid_client': row(401, 'invalid_client', 401, 16, 'Client authentication failed.'),
  'oauth.invalid_scope': row(400, 'invalid_scope', 400, 3, 'The scope is unknown or not granted to this client.'),
  'oauth.invalid_target': row(400, 'invalid_target', 400, 3, 'The resource is unknown or not granted to this client.'),
  // RFC 8693 §2.2.2: a subject token that is "invalid for any reason, or unacceptable based on policy" is `invalid_request`.
  // The SDK tells it from a malformed request by this text.
  'exchange.subject_token': row(400, 'invalid_request', 400, 16, 'The subject token cannot be exchanged.'),
  'exchange.token_type': malformed('This type of token cannot be exchanged here.'),
  'exchange.actor': malformed('The actor is the client that authenticates; send no actor_token.'),
  // Bearer tokens (RFC 6750 §3.1).
  'token.missing': unproved('A bearer token is required.'),
  'token.invalid': badToken('The token is not valid.'),
  'token.audience': badToken('The token is for another audience.'),
  'token.other_realm': forbidden('The token belongs to another realm.'),
  'token.insufficient_scope': forbidden('The token lacks a scope that this call needs.'),
  'token.insufficient_role': forbidden('The subject of the token has none of the roles that this call needs.'),
  // Registry.
  'realm.unknown': missing('There is no such realm.'),
  'participant.unknown': missing('There is no such participant.'),
  'client.unknown': missing('There is no such client.'),
  'application.unknown': missing('There is no such application.'),
  'registry.unknown': missing('There is no such entry.'),
  'registry.transition': conflict('The present status does not allow this step.'),
  'registry.conflict': taken('The entry exists already.'),
  'registry.key': malformed('The public key is not acceptable.'),
  'registry.key_taken': taken('The public key belongs to another organisation.'),
  'registry.proof': unproved('The proof of possession is not valid.'),
  'registry.own_proof': unproved('The participant itself must prove this request.'),
  'signature.refused': row(422, 'invalid_request', 422, 9, 'The signature of the message is not valid now.'),
  // Sessions, passwords, identities: the calls of the document.
  'session.invalid': badToken('The session token is not valid.'),
  'session.restricted': forbidden('This session is restricted to another call.'),
  'session.stale': weak('Log in again first: this call needs a recent login.'),
  'session.weak': weak('Prove a second factor first: this call needs it.'),
  'session.unknown': missing('There is no such session.'),
  'caller.forbidden': forbidden('The caller may not do this.'),
  'login.failed': row(403, 'invalid_grant', 400, 16, 'The login failed.', 'FAILED_LOGIN'),
  'login.expired_password': unfinished(
    'The password is right but has expired. Update it with the token of this answer.',
    'EXPIRED_PASSWORD',
  ),
  'login.second_factor': unfinished(
    'The password is right. Prove a second factor with the token of this answer.',
    'SECOND_FACTOR_REQUIRED',
  ),
  'login.factor_enrolment': unfinished(
    'The password is right. Enrol a second factor with the token of this answer.',
    'SECOND_FACTOR_ENROLMENT_REQUIRED',
  ),
  'factor.unknown': missing('There is no such second factor.'),
  'factor.incorrect': unfinished('The code is wrong or was used before.'),
  'factor.too_many': full('The credential has as many passkeys as it may have.'),
  'lost_password.code': conflict('The code is unknown for this credential, or has expired.', 'INVALID_NONCE_OR_EMAIL'),
  'identity.unknown': missing('There is no such identity.'),
  'identity_profile.unknown': missing('There is no such identity profile.'),
  'credential.unknown': missing('There is no such credential.'),
  'credential.code_taken': taken('Another credential of the realm has this code.'),
  'credential.disabled': conflict('The credential or its identity is disabled.'),
  'credential.deleted': conflict('The credential is deleted. Restore it first.'),
  'identity.deleted': conflict('The identity is deleted. Restore it first.'),
  'credential.no_address': conflict('The credential has no e-mail address. Give it one first.'),
  'credential.unverified_address': conflict(
    'The e-mail address of the credential is not verified. Verify it first, or show the code.',
  ),
  'email.code': conflict('The code is unknown for this credential, or has expired.', 'VERIFICATION_CODE_INVALID'),
  'password.unknown': missing('There is no such password.'),
  'password_profile.unknown': missing('There is no such password profile.'),
  'identity.unresolved': conflict('The identity of the credential has no password profile.', 'UNRESOLVED_IDENTITY'),
  'password.profile_not_configured_for_credential_type': conflict(
    'The password profile has no rules for this type of credential.',
  ),
  'password_profile.already_created': taken('The identity profile has a password profile already.'),
  'password.already_created': taken('The credential has a password already.'),
  'password.incorrect': conflict('The old password is not right.'),
  'network.invalid': row(422, 'invalid_request', 422, 3, 'The network file is not valid.'),
  // Passwords.
  'password.too_short': conflict('The password is too short.'),
  'password.too_long': conflict('The password is too long.'),
  'password.too_simple': conflict('The password has too few kinds of characters.'),
  'password.compromised': conflict('The password is on the list of common or leaked passwords.'),
  'password.reused': conflict('The password was used before.'),
  // Wallets. Every lack of authority is the same answer. The log says which link failed, and why.
  'wallet.unknown': missing('There is no such wallet.'),
  'wallet.denied': forbidden('The capability does not allow this.'),
  'wallet.proof': unproved('The proof of the signed request is not valid.'),
  'wallet.invitation': closed('No open invitation has this security code.'),
  'wallet.uninvited': closed('Creating a wallet needs an invitation: send its securityCode.'),
  'wallet.exists': taken('This key has a wallet already.'),
  'wallet.full': full('The wallet has as many live capabilities as it may have.'),
  'wallet.read_only': closed('The wallet was recovered less than 72 hours ago: until then it can only be read.'),
  'wallet.name_taken': taken('This is the name of another wallet, or was.'),
  'wallet.name_unknown': missing('No wallet of the realm has this name.'),
  'recovery.off': closed('Wallets of this realm cannot be recovered by mail.'),
  'recovery.code': closed('No recovery for this key has this security code.'),
  'recovery.refused': conflict('The recovery cannot begin.'),
  'recovery.unknown': missing('No recovery of this wallet is running.'),
  'address.code': closed('No address of this wallet waits for this security code.'),
  'invitation.unknown': missing('There is no such invitation.'),
  'invitation.closed': conflict('The invitation is no longer open.'),
  'capability.refused': malformed('The capability cannot be registered.'),
  'capability.unknown': missing('No capability below yours has this id.'),
  'packed.required': conflict(
    'The realm takes this method only as a packed message: send it to countersign.v1.SecureService/Request.',
  ),
  'packed.refused': malformed('The packed message cannot be opened.'),
  // RFC 9449 §5 and §7.1.
  'dpop.missing': badDpop('A DPoP proof is required.'),
  'dpop.invalid': badDpop('The DPoP proof is not valid.'),
  // Limits and state.
  'attempt.throttled': throttled('Too many failed attempts. Wait before the next one.'),
  'attempt.busy': throttled('Too many logins at once. Try again shortly.'),
  'write.conflict': row(409, 'invalid_request', 409, 10, 'Another change happened at the same moment. Try again.'),
  'write.unknown': unavailable(
    'The database was lost before it confirmed the change, which may have been made. Repeat the request.',
  ),
  'store.unavailable': unavailable('The server cannot answer now. Try again shortly.'),
  // Remote procedure calls.
  'rpc.unimplemented': row(404, 'invalid_request', 404, 12, 'There is no such method.'),
  'rpc.unknown_service': missing('There is no such service.'),
  'rpc.encoding': row(415, 'invalid_request', 415, 12, 'The compression of the message is not supported here.'),
  'rpc.deadline': row(504, 'temporarily_unavailable', 503, 4, 'The deadline passed before the answer was ready.'),
  'rpc.stopping': unavailable('The server is stopping. Connect again.'),
  // The gateway. The SDK's refusals keep their own codes.
  'gateway.target': malformed('The request target cannot be passed on.'),
  'gateway.upgrade': malformed('Only HTTP is supported here.'),
  'gateway.misdirected': row(421, 'invalid_request', 400, 3, 'The request is for another host.'),
  'gateway.browser': closed('This port answers the application beside it, not web pages.'),
  'gateway.recipient': malformed('Name one participant that the message is for.'),
  'gateway.recipient_unknown': missing('The registry does not know the participant.'),
  'gateway.recipient_unusable': conflict('The participant cannot be called.'),
  'gateway.response_refused': upstream('The response cannot be passed on.'),
  'gateway.response_too_large': upstream('The response is too large to be signed or verified.'),
  'gateway.upstream_unreachable': upstream('The other side cannot be reached.'),
  'gateway.upstream_timeout': row(504, 'server_error', 504, 4, 'The other side did not answer in time.'),
  'gateway.spool': unavailable('The gateway has no room for the message now. Try again shortly.'),
  'gateway.not_ready': unavailable('The realm cannot be asked now. Try again shortly.'),
  'config.invalid': broken('The configuration is not valid.'),
  internal: broken('Something went wrong. Quote the request id.'),
} satisfies Record<string, Rendering>;

export type ProblemCode = keyof typeof table;

/** For the reference in `docs/`. */
export const problemCodes = Object.keys(table) as ProblemCode[];

export interface ProblemDetails {
  /** For the caller, in place of the text of the table. */
  readonly detail?: string | undefined;
  /** For the log only, without a value that the caller chose. */
  readonly reason?: string;
  /** The error behind it, for the log only. */
  readonly cause?: unknown;
  readonly pointer?: string;
  readonly retryAfter?: number;
  readonly members?: Readonly<Record<string, unknown>>;
}

export class Problem extends Error {
  override readonly name = 'Problem';
  readonly code: ProblemCode;
  /** The place of the fault in the caller's document: an RFC 6901 JSON pointer, or a parameter name. */
  readonly pointer: string | undefined;
  /** Seconds after which another try makes sense (429, 503). */
  readonly retryAfter: number | undefined;
  /** More members of the answer, only for the caller: never logged. */
  readonly members: Readonly<Record<string, unknown>> | undefined;

  constructor(
    code: ProblemCode,
    { detail, reason, cause = reason, pointer, retryAfter, members }: ProblemDetails = {},
  ) {
    super(bounded(detail) ?? table[code].text, cause === undefined ? undefined : { cause });
    this.code = code;
    this.pointer = bounded(pointer);
    this.retryAfter = retryAfter;
    this.members = members;
  }
}

/** Characters. */
const longest = 1_000;

/** A caller chooses the names of its document's members, which may be as long as a body, and must not fill the log. */
function bounded(text: string | undefined): string | undefined {
  return text === undefined || text.length <= longest ? text : `${text.slice(0, longest).toWellFormed()}…`;
}

export function rendering(problem: Problem): Rendering {
  return table[problem.code];
}

/** The upper-case name of a refusal on the documented calls: `PASSWORD_TOO_SHORT`. */
export function enumNameOf(code: ProblemCode): string {
  const known: Rendering = table[code];
  return known.enumName ?? code.replaceAll('.', '_').toUpperCase();
}

/** Other errors are server faults: the caller learns nothing about them. */
export function toProblem(thrown: unknown): Problem {
  return thrown instanceof Problem ? thrown : new Problem('internal', { cause: thrown });
}

function kind(status: number, oauth: string, oauthStatus: number, grpc: number) {
  return (text: string, enumName?: string): Rendering => {
    return { status, oauth, oauthStatus, grpc, text, ...(enumName === undefined ? {} : { enumName }) };
  };
}

/** For a code that has its kind to itself. */
function row(
  status: number,
  oauth: string,
  oauthStatus: number,
  grpc: number,
  text: string,
  enumName?: string,
): Rendering {
  return kind(status, oauth, oauthStatus, grpc)(text, enumName);
}
