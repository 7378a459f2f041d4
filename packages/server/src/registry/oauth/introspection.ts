import type { AccessTokenSubject, JwtClaims, Subject } from '@countersign/proof';
import type { Context } from '../../context.ts';
import type { Caller } from '../../kernel/caller.ts';
import { realmKey } from '../../kernel/id.ts';
import { Problem } from '../../kernel/problem.ts';
import { processMemory } from '../../kernel/process-memory.ts';
import { createRate } from '../../kernel/rate.ts';
import { write } from '../../store/write.ts';
import { longestToken, type Realm } from '../../subject/realm.ts';
import { type InspectedToken, inspectToken, requireAlive } from '../../subject/tokens/bearer.ts';
import { isTokenRevoked, revokeToken } from '../../subject/tokens/revocation.ts';
import { audienceNamesOf } from '../audience-name.ts';
import type { Client } from '../client.ts';

/** RFC 7662 §2.2, with the claims of the token. */
export type Introspection =
  | { readonly active: false }
  | ({ readonly active: true } & Readonly<Record<string, unknown>>);

const inactive = { active: false } as const;

/**
 * RFC 7662: says whether a token is alive, if it concerns the caller. §2.2: for a token that "does not exist or the
 * protected resource is not allowed to introspect", "the authorization server MUST return" `{"active": false}` and
 * nothing else.
 */
export async function introspect(
  context: Context,
  realm: Realm,
  caller: Client,
  token: string,
): Promise<Introspection> {
  const inspected = await liveToken(context, realm, token);
  if (inspected === undefined) return inactive;
  const { subject, claims } = inspected;
  if (!(await concerns(context, realm, caller, subject))) return inactive;
  if (subject.kind === 'credential') return { ...claims, active: true, token_type: 'N_A' };
  const token_type = subject.confirmation === undefined ? 'Bearer' : 'DPoP';
  if (subject.kind === 'wallet') {
    return { ...claims, scope: subject.scopes.join(' '), active: true, token_type };
  }
  return { active: true, ...accessTokenMembers(subject, claims), token_type };
}

function accessTokenMembers(subject: AccessTokenSubject, { act, cnf }: JwtClaims): object {
  return {
    scope: subject.scopes.join(' '),
    client_id: subject.clientId,
    azp: subject.clientId,
    typ: 'Bearer',
    exp: subject.expiresAt,
    iat: subject.issuedAt,
    nbf: subject.issuedAt,
    sub: subject.id,
    aud: subject.audience.length === 1 ? subject.audience[0] : subject.audience,
    iss: subject.issuer,
    jti: subject.jti,
    ...(subject.kind === 'participant' ? { participantId: subject.participantId } : {}),
    realm_access: { roles: subject.roles },
    resource_access: Object.fromEntries(
      Object.entries(subject.resourceAccess).map(([resource, roles]) => [resource, { roles }]),
    ),
    gen: subject.generation,
    ...(act === undefined ? {} : { act }),
    // RFC 9449 §6.2.
    ...(cnf === undefined ? {} : { cnf }),
  };
}

/**
 * Revocations of one client. Each stands in the status feed until its token ends, and a feed that grows too long stops
 * every verifier of the realm.
 */
const perClient = { budget: 1_000, window: longestToken * 1000, bound: 10_000 };
const clientRate = processMemory((context: Context) => createRate(context.clock, perClient));

/**
 * RFC 7009: a client revokes one of its own tokens. §2.2: "invalid tokens do not cause an error response". Another
 * client's token gives the same answer and stays alive. Revoking twice is one revocation and one event.
 *
 * @throws {Problem} `attempt.throttled` after too many revocations
 */
export async function revoke(
  context: Context,
  realm: Realm,
  owner: Client,
  token: string,
  caller: Caller,
): Promise<void> {
  const subject = (await ifValid(inspectToken(context, realm, token)))?.subject;
  const jti = subject?.jti;
  if (subject === undefined || jti === undefined) return;
  // A token without a client ends within minutes, or earlier with its session or capability.
  if (subject.kind === 'credential' || subject.kind === 'wallet') return;
  // The client that the token speaks for, or that got it by an exchange (RFC 7009 §2.1: it "was issued to the client
  // making the revocation request").
  if (subject.clientId !== owner.id && subject.actors[0]?.clientId !== owner.id) return;
  // Only saves a transaction. The check inside the transaction decides.
  if (await isTokenRevoked(context, realm.name, jti)) return;
  if (!clientRate(context).take(realmKey(realm.name, owner.id))) {
    const detail =
      'This client has revoked too many tokens today. To end all of them, revoke its secret as compromised.';
    throw new Problem('attempt.throttled', { detail, retryAfter: 3_600 });
  }
  await write(context, caller, async (tx) => {
    if (!(await revokeToken(tx, realm.name, jti, subject.expiresAt * 1000))) return;
    const after = { clientId: subject.clientId, subject: subject.id };
    await tx.record({ realm: realm.name, type: 'token.revoked', object: `token:${jti}`, after });
  });
}

async function liveToken(context: Context, realm: Realm, token: string): Promise<InspectedToken | undefined> {
  return ifValid(
    inspectToken(context, realm, token).then(async (inspected) => {
      await requireAlive(context, realm.name, inspected.subject);
      return inspected;
    }),
  );
}

/** A refused token gives undefined. A database error stays an error. */
async function ifValid<T>(checking: Promise<T>): Promise<T | undefined> {
  try {
    return await checking;
  } catch (thrown) {
    if (thrown instanceof Problem && thrown.code === 'token.invalid') return undefined;
    throw thrown;
  }
}

/**
 * True if the token is the caller's or meant for the caller, or if it was issued for no particular resource: every
 * member of the realm may see such a token (as with OCEN's access tokens) and exchange it (as with transaction tokens).
 * The audiences that a client may request belong to others, so they do not count here.
 */
async function concerns(context: Context, realm: Realm, caller: Client, subject: Subject): Promise<boolean> {
  const { audience } = subject;
  // A wallet's own token opens that wallet and concerns no client.
  if (audience.includes(realm.issuer)) return subject.kind !== 'wallet';
  if (subject.kind === 'client' || subject.kind === 'participant') {
    if (subject.clientId === caller.id || audience.includes(realm.settings.defaultAudience ?? realm.issuer))
      return true;
  }
  const names = await audienceNamesOf(context, caller);
  return audience.some((one) => names.includes(one));
}
