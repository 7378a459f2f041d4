import type { Context } from '../../context.ts';
import { Problem } from '../../kernel/problem.ts';
import type { Realm } from '../../subject/realm.ts';
import type { ResourceAccess } from '../../subject/subject.ts';
import { type Grant, issueToken } from '../../subject/tokens/token.ts';
import type { Client } from '../client.ts';
import type { AuthenticatedClient } from './client-authentication.ts';
import type { GrantRequest } from './grant-request.ts';

/** RFC 6749 §5.1, with two members that Keycloak adds in realms with its profile. */
export interface TokenResponse {
  readonly access_token: string;
  /** Seconds. */
  readonly expires_in: number;
  readonly token_type: 'Bearer' | 'DPoP';
  readonly scope: string;
  readonly refresh_expires_in?: 0;
  readonly 'not-before-policy'?: 0;
}

/** Characters that verifiers read of a JWT, this server among them. */
const longestJwt = 16_384;

/** RFC 6749 §4.4: a token for the client itself. @throws {Problem} `oauth.invalid_scope`, `oauth.invalid_target`, `dpop.invalid` */
export async function grantClientCredentials(
  context: Context,
  realm: Realm,
  { client, subject }: AuthenticatedClient,
  { parameters, confirmation: proved }: Pick<GrantRequest, 'parameters' | 'confirmation'>,
): Promise<TokenResponse> {
  const scopes = grantedScopes(realm, client, parameters.get('scope'));
  const { audience, resourceAccess } = grantedTarget(realm, client, parameters.resources);
  const confirmation = await proved();
  const grant = { audience, scopes, resourceAccess, confirmation };
  const { accessToken, expiresIn } = await issueToken(context, realm, subject, grant);
  if (accessToken.length > longestJwt) {
    const detail =
      'With all its resources the token would be too long for verifiers: ask for some of them by resource.';
    throw new Problem('oauth.invalid_target', { detail });
  }
  const response = {
    access_token: accessToken,
    expires_in: expiresIn,
    token_type: confirmation === undefined ? 'Bearer' : 'DPoP',
    scope: scopes.join(' '),
  } as const;
  return realm.profile === 'ocen4' ? { ...response, refresh_expires_in: 0, 'not-before-policy': 0 } : response;
}

/**
 * RFC 6749 §3.3. A request without scope gets all scopes of the client. A request for more than it has is
 * `invalid_scope`; the answer never silently has less. One exception: Keycloak's own clients always ask for `openid`,
 * which means nothing without a login, and is left out.
 */
function grantedScopes(realm: Realm, client: Client, asked: string | undefined): readonly string[] {
  const { scopes } = client.subject;
  if (asked === undefined) return scopes;
  // Scopes have one space between them (`scope-token *( SP scope-token )`). A malformed list leaves a piece that no
  // client has.
  const wanted = [...new Set(asked.split(' '))].filter(
    (scope) => scope !== 'openid' || scopes.includes(scope) || realm.profile !== 'ocen4',
  );
  for (const scope of wanted) if (!scopes.includes(scope)) throw new Problem('oauth.invalid_scope');
  return wanted;
}

/**
 * RFC 8707 §2: the requested resources become `aud`, and `resource_access` is narrowed to them, so that a token for one
 * resource carries no right at another. A request without resources gets the realm's default audience and all
 * resources.
 */
function grantedTarget(
  realm: Realm,
  client: Client,
  asked: readonly string[],
): Pick<Grant, 'audience' | 'resourceAccess'> {
  const { resourceAccess } = client.subject;
  if (asked.length === 0) return { audience: [realm.settings.defaultAudience ?? realm.issuer], resourceAccess };
  const audience = [...new Set(asked)];
  for (const resource of audience) requireReachable(realm, client, resource);
  const narrowed = audience.filter((resource) => Object.hasOwn(resourceAccess, resource));
  return {
    audience,
    resourceAccess: Object.fromEntries(
      narrowed.map((resource) => [resource, resourceAccess[resource] as ResourceAccess[string]]),
    ),
  };
}

/** RFC 8707 §2, `invalid_target`: "The requested resource is invalid, missing, unknown, or malformed." */
function requireReachable(realm: Realm, client: Client, resource: string): void {
  const known =
    resource === realm.issuer ||
    client.audiences.includes(resource) ||
    Object.hasOwn(client.subject.resourceAccess, resource);
  if (!known) throw new Problem('oauth.invalid_target');
}
