import type { AccessTokenSubject } from '@countersign/proof';
import type { Context } from '../context.ts';
import { clientActor } from '../kernel/caller.ts';
import { Problem } from '../kernel/problem.ts';
import type { Call, CallerKind } from '../route.ts';
import { adminScope, configuredAdministrator } from '../subject/administrator.ts';
import { issuerOf, lookUpRealm, type Realm, requireRealm, systemRealm } from '../subject/realm.ts';
import { requireStandingSubject, type StandingCaller } from '../subject/standing.ts';
import { authenticateToken } from '../subject/tokens/bearer.ts';
import type { PresentedToken } from '../subject/tokens/possession.ts';
import { authenticateBearer } from './bearer.ts';
import { realmOf } from './realm.ts';
import { presentedToken, unverifiedIssuer } from './token.ts';

export interface Administrator {
  /** The administered realm. */
  readonly realm: Realm;
  readonly caller: StandingCaller;
}

/** An administrator of the realm in the path, or of realm `system`, who administers every realm. */
export const administrator: CallerKind<Administrator> = {
  security: 'administrator',
  authenticate: authenticateAdministrator,
};

/** An administrator of realm `system`, for calls that concern all realms. */
export const systemAdministrator: CallerKind<{
  readonly subject: AccessTokenSubject;
  readonly caller: StandingCaller;
}> = {
  security: 'administrator',
  async authenticate(call) {
    const subject = await authenticateSystem(call, presentedToken(call));
    return { subject, caller: administratorCaller(call, subject, undefined) };
  },
};

export async function authenticateAdministrator(call: Call): Promise<Administrator> {
  const presented = presentedToken(call);
  const bySystem = unverifiedIssuer(presented.token) === issuerOf(call.context, systemRealm);
  const subject = bySystem ? await authenticateSystem(call, presented) : (await authenticateBearer(call)).subject;
  requireAdministrator(subject);
  // Only now, because a stranger must not learn which realms exist.
  const realm = await realmOf(call);
  return { realm, caller: administratorCaller(call, subject, realm.name) };
}

/**
 * An administrator with a token of its own realm or of `system`, for the realm that the request names. A realm's own
 * administrator need not name it. For an administrator of `system` the default realm is meant if none is named.
 */
export async function authenticateAdministratorToken(
  call: Pick<Call, 'context'>,
  presented: PresentedToken,
  named: Realm | undefined,
): Promise<{ readonly subject: AccessTokenSubject; readonly realm: Realm }> {
  const { context } = call;
  const issuer = unverifiedIssuer(presented.token);
  const bySystem = issuer === issuerOf(context, systemRealm);
  const own = bySystem ? undefined : await realmOfIssuer(context, issuer);
  if (own !== undefined && named !== undefined && own.name !== named.name) throw new Problem('token.other_realm');
  const subject =
    own === undefined ? await authenticateSystem(call, presented) : await authenticateToken(context, own, presented);
  requireAdministrator(subject);
  return { subject, realm: own ?? named ?? (await requireRealm(context, context.config.defaultRealm)) };
}

/**
 * An administrator as the caller of changes. Each of them checks that it has not been ended meanwhile, perhaps at another
 * node; the administrator that the configuration names stands as long as the process.
 */
export function administratorCaller(
  call: Pick<Call, 'context' | 'caller'>,
  subject: AccessTokenSubject,
  realm: string | undefined,
): StandingCaller {
  const caller = call.caller(administratorName(subject, realm));
  if (configuredAdministrator(call.context, subject.realm)?.subjectId === subject.id) return caller;
  return { ...caller, standing: (tx) => requireStandingSubject(tx, subject, 'token.invalid') };
}

/**
 * For the event log: a client id of the realm, or `system/<client id>`, because both realms may have a client of the
 * same id.
 */
function administratorName(subject: AccessTokenSubject, realm: string | undefined): string {
  return subject.realm === realm ? clientActor(subject.clientId) : `${subject.realm}/${subject.clientId}`;
}

async function authenticateSystem(call: Pick<Call, 'context'>, presented: PresentedToken): Promise<AccessTokenSubject> {
  const subject = await authenticateToken(call.context, await requireRealm(call.context, systemRealm), presented);
  requireAdministrator(subject);
  return subject;
}

/**
 * Requires the scope of administrators, and a token for its issuer alone. A token that also serves elsewhere is seen
 * there, and must not administer (RFC 9700 §2.3).
 */
function requireAdministrator({ scopes, audience, issuer }: AccessTokenSubject): void {
  if (!scopes.includes(adminScope))
    throw new Problem('token.insufficient_scope', { detail: `The scope ${adminScope} is needed.` });
  if (audience.length === 1 && audience[0] === issuer) return;
  throw new Problem('token.audience', {
    detail: `Administration takes a token for ${issuer} alone: ask for it as the only resource.`,
  });
}

async function realmOfIssuer(context: Context, issuer: string | undefined): Promise<Realm> {
  const name = issuer?.startsWith(`${context.config.publicUrl}/realms/`) ? issuer.split('/').at(-1) : undefined;
  const realm = name === undefined ? undefined : await lookUpRealm(context, name);
  if (realm === undefined || realm.issuer !== issuer) {
    throw new Problem('token.invalid', { reason: 'not a token of this server' });
  }
  return realm;
}
