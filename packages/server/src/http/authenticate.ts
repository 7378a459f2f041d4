import type { AccessTokenSubject } from '@countersign/proof';
import type { Context } from '../context.ts';
import { Problem } from '../kernel/problem.ts';
import { adminScope } from '../subject/administrator.ts';
import { authenticateToken } from '../subject/bearer.ts';
import { issuerOf, lookUpRealm, type Realm, requireRealm, systemRealm } from '../subject/realm.ts';
import type { Call, WireRequest } from './call.ts';

/** The token of `Authorization: Bearer …` (RFC 6750 §2.1; the scheme in any case). Tokens in forms and queries are not read. */
function bearerToken(request: WireRequest): string {
  return bearerTokenIn(request.headers.get('authorization'));
}

export function bearerTokenIn(header: string | null): string {
  if (header === null) throw new Problem('token.missing');
  const match = /^Bearer +([A-Za-z0-9._~+/-]+=*) *$/i.exec(header);
  if (match === null) throw new Problem('token.invalid', undefined, { cause: new Error('not a bearer header') });
  return match[1] as string;
}

/** Whoever holds a live token of the realm in the path. A token of another realm of ours is `token.other_realm`. */
export async function authenticateBearer(call: Call): Promise<AccessTokenSubject> {
  const realm = await call.realm();
  const token = bearerToken(call.request);
  const issuer = unverifiedIssuer(token);
  if (issuer !== realm.issuer && issuer?.startsWith(`${call.context.config.publicUrl}/realms/`)) {
    throw new Problem('token.other_realm');
  }
  return authenticateToken(call.context, realm, token);
}

/** An administrator of the realm in the path, or of realm `system`, who administers every realm. */
export async function authenticateAdministrator(call: Call): Promise<AccessTokenSubject> {
  const token = bearerToken(call.request);
  const bySystem = unverifiedIssuer(token) === issuerOf(call.context, systemRealm);
  const subject = bySystem ? await authenticateSystem(call, token) : await authenticateBearer(call);
  requireAdministrator(subject);
  // Only now: a stranger must not learn which realms there are.
  if (bySystem && call.params['realm'] !== undefined) await call.realm();
  return subject;
}

/** For what stands above all realms. */
export async function authenticateSystemAdministrator(call: Call): Promise<AccessTokenSubject> {
  const subject = await authenticateSystem(call, bearerToken(call.request));
  requireAdministrator(subject);
  return subject;
}

/**
 * What makes a live token an administrator's: its scope, and that it is for its issuer alone. A token that also serves elsewhere is
 * seen there, and whoever sees it must not administer with it (RFC 9700 §2.3).
 */
function requireAdministrator({ scopes, audience, issuer }: AccessTokenSubject): void {
  if (!scopes.includes(adminScope)) throw new Problem('token.insufficient_scope', `The scope ${adminScope} is needed.`);
  if (audience.length === 1 && audience[0] === issuer) return;
  throw new Problem(
    'token.audience',
    `Administration takes a token for ${issuer} alone: ask for it as the only resource.`,
  );
}

async function authenticateSystem(call: Pick<Call, 'context'>, token: string): Promise<AccessTokenSubject> {
  return authenticateToken(call.context, await requireRealm(call.context, systemRealm), token);
}

/**
 * An administrator by a token of its own realm, or of `system`; the realm is the one that the request names. A realm's own
 * administrator need not name it; `system`'s means the default one.
 */
export async function authenticateAdministratorToken(
  call: Pick<Call, 'context'>,
  token: string,
  named: Realm | undefined,
): Promise<{ readonly subject: AccessTokenSubject; readonly realm: Realm }> {
  const { context } = call;
  const issuer = unverifiedIssuer(token);
  const bySystem = issuer === issuerOf(context, systemRealm);
  const own = bySystem ? undefined : await realmOfIssuer(context, issuer);
  if (own !== undefined && named !== undefined && own.name !== named.name) throw new Problem('token.other_realm');
  const subject =
    own === undefined ? await authenticateSystem(call, token) : await authenticateToken(context, own, token);
  requireAdministrator(subject);
  return { subject, realm: own ?? named ?? (await requireRealm(context, context.config.defaultRealm)) };
}

async function realmOfIssuer(context: Context, issuer: string | undefined): Promise<Realm> {
  const name = issuer?.startsWith(`${context.config.publicUrl}/realms/`) ? issuer.split('/').at(-1) : undefined;
  const realm = name === undefined ? undefined : await lookUpRealm(context, name);
  if (realm === undefined || realm.issuer !== issuer) {
    throw new Problem('token.invalid', undefined, { cause: new Error('no token of ours') });
  }
  return realm;
}

/** For the event log: a client id of the realm, or `system/<client id>`, for both realms may have a client of the same id. */
export function administratorName(subject: AccessTokenSubject, realm: string | undefined): string {
  return subject.realm === realm ? subject.clientId : `${subject.realm}/${subject.clientId}`;
}

/** Only to choose whose keys to verify with; the verification requires the very issuer chosen. */
function unverifiedIssuer(token: string): string | undefined {
  try {
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
      iss?: unknown;
    } | null;
    return typeof claims?.iss === 'string' ? claims.iss : undefined;
  } catch {
    return undefined;
  }
}
