import { z } from 'zod';
import { anybodyInRealm } from '../../callers/realm.ts';
import { hasVersion, notModified } from '../../http/conditional.ts';
import { json } from '../../http/render.ts';
import { type Asked, type Route, route } from '../../route.ts';
import type { Realm } from '../../subject/realm.ts';
import { dpopAlgorithms } from '../../subject/tokens/dpop.ts';
import { jwksMaxAge, publishedKeys, signingKeys } from '../../subject/tokens/signing-key.ts';
import { assertionAlgorithms } from './client-assertion.ts';
import { authenticationMethods } from './client-authentication.ts';
import { grantTypes } from './grant.ts';

const common = { method: 'GET', tag: 'OAuth 2.0', caller: anybodyInRealm, refusals: 'oauth' } as const;

const metadataSchema = z.looseObject({ issuer: z.string(), token_endpoint: z.string(), jwks_uri: z.string() });

export const routes: readonly Route[] = [
  route({
    ...common,
    path: '/realms/:realm/.well-known/openid-configuration',
    operationId: 'getOpenIdConfiguration',
    summary: 'The metadata of this issuer, at the path of OpenID Connect Discovery.',
    answers: { 200: metadataSchema },
    handle: discovery,
  }),
  route({
    ...common,
    path: '/.well-known/oauth-authorization-server/realms/:realm',
    operationId: 'getAuthorizationServerMetadata',
    summary: 'The same, where RFC 8414 §3 looks.',
    answers: { 200: metadataSchema },
    handle: discovery,
  }),
  route({
    ...common,
    path: '/realms/:realm/protocol/openid-connect/certs',
    operationId: 'getCertificate',
    summary: "The realm's public keys (RFC 7517), the next ones too.",
    answers: { 200: z.object({ keys: z.array(z.looseObject({ kid: z.string() })) }), 304: 'Not modified.' },
    handle: certs,
  }),
];

function discovery({ context, who: realm }: Asked<Realm>): Response {
  return json(200, metadata(realm, context.config.publicUrl), {
    'cache-control': `public, max-age=${jwksMaxAge}`,
  });
}

/**
 * RFC 8414 §2: lists only what exists. OpenID Connect Discovery §3 requires `id_token_signing_alg_values_supported` and
 * `subject_types_supported`.
 */
function metadata(realm: Realm, publicUrl: string): object {
  const { issuer } = realm;
  const endpoints = `${issuer}/protocol/openid-connect`;
  return {
    issuer,
    token_endpoint: `${endpoints}/token`,
    jwks_uri: `${endpoints}/certs`,
    introspection_endpoint: `${endpoints}/token/introspect`,
    revocation_endpoint: `${endpoints}/revoke`,
    grant_types_supported: grantTypes,
    response_types_supported: [],
    token_endpoint_auth_methods_supported: authenticationMethods,
    token_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    introspection_endpoint_auth_methods_supported: authenticationMethods,
    introspection_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    revocation_endpoint_auth_methods_supported: authenticationMethods,
    revocation_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    // RFC 9449 §5.1.
    dpop_signing_alg_values_supported: dpopAlgorithms,
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [realm.settings.accessTokenAlg],
    service_documentation: `${publicUrl}/docs`,
    ...contactOf(realm),
    ...packedMethodsOf(realm),
    status_endpoint: `${issuer}/status`,
    status_events_endpoint: `${issuer}/status/events`,
  };
}

/** Our own members; RFC 8414 has no name for the people behind a server. */
function contactOf({ settings: { contact } }: Realm): object {
  if (contact === null) return {};
  return { contact, ...(contact.email === undefined ? {} : { contacts: [contact.email] }) };
}

/** The wallet methods that the realm takes only packed, as in `GetConfiguration`. */
function packedMethodsOf({ settings: { packedMethods } }: Realm): object {
  return packedMethods.length === 0 ? {} : { packed_methods: packedMethods };
}

async function certs({ context, call, who: realm }: Asked<Realm>): Promise<Response> {
  const keys = publishedKeys(await signingKeys(context, realm.name), context.clock.now());
  // A `kid` is the thumbprint of its key, and a key never changes. So the list of `kid`s names this version of the set.
  const headers = {
    etag: `"${keys.map((key) => key.kid).join('.')}"`,
    'cache-control': `public, max-age=${jwksMaxAge}`,
  };
  return hasVersion(call.request, headers.etag) ? notModified(headers) : json(200, { keys }, headers);
}
