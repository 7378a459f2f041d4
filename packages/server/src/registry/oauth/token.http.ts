import { z } from 'zod';
import { realmOf } from '../../callers/realm.ts';
import type { Answer } from '../../http/answer.ts';
import { correlationId } from '../../http/corporate.ts';
import { jsonAnswer, toResponse } from '../../http/render.ts';
import { decidedByBody } from '../../http/route.ts';
import { Problem } from '../../kernel/problem.ts';
import { type Call, type Route, route } from '../../route.ts';
import { requireDpop } from '../../subject/tokens/dpop.ts';
import type { Exchange } from '../../subject/tokens/exchange.ts';
import { noteRefusal } from '../refusals/refusal.ts';
import { authenticateCallingClient, readParameters } from './client-call.http.ts';
import { presentsClient } from './client-proof.ts';
import { type Grants, grantsWith, grantTypes, requireGrant } from './grant.ts';

/** RFC 6749 §5.1. */
const uncached = { 'cache-control': 'no-store', pragma: 'no-cache' } as const;

/**
 * For the API description only. The hot path reads its few parameters by hand, and more strictly than a schema could.
 */
const tokenRequest = z
  .object({
    grant_type: z.enum(grantTypes),
    client_id: z.string().optional(),
    client_secret: z.string().optional(),
    client_assertion_type: z.string().optional(),
    client_assertion: z.string().optional(),
    scope: z.string().optional(),
    resource: z.union([z.string(), z.array(z.string())]).optional(),
    audience: z.string().optional(),
    subject_token: z.string().optional(),
    subject_token_type: z.string().optional(),
    requested_token_type: z.string().optional(),
  })
  .meta({
    if: { properties: { grant_type: { const: grantTypes[1] } } },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema.
    then: { required: ['subject_token', 'subject_token_type'] },
  });

const tokenResponse = z.object({
  access_token: z.string(),
  token_type: z.enum(['Bearer', 'DPoP', 'N_A']),
  expires_in: z.int(),
  scope: z.string().optional(),
  issued_token_type: z.string().optional(),
  refresh_expires_in: z.literal(0).optional(),
  'not-before-policy': z.literal(0).optional(),
});

/** `exchanges`: the exchanges of the token exchange grant. */
export function tokenRoutes(exchanges: readonly Exchange[]): readonly Route[] {
  const grants = grantsWith(exchanges);
  return [
    route({
      method: 'POST',
      path: '/realms/:realm/protocol/openid-connect/token',
      tag: 'OAuth 2.0',
      operationId: 'generateAccessToken',
      summary:
        'An access token for a client that proves itself (RFC 6749 §4.4), or a token for the next service of a chain (RFC 8693).',
      // The grant type decides which proof is needed: the client's, or the subject token alone.
      caller: decidedByBody('client'),
      rawBody: { schema: tokenRequest, mediaTypes: ['application/x-www-form-urlencoded', 'application/json'] },
      answers: { 200: tokenResponse },
      refusals: 'oauth',
      handle: async ({ call }) => toResponse(await token(call, grants)),
      direct: (call) => token(call, grants),
    }),
  ];
}

async function token(call: Call, grants: Grants): Promise<Answer> {
  const realm = await realmOf(call);
  const parameters = await readParameters(call, realm.settings.tokenRequestJson);
  const grant = requireGrant(grants, parameters.get('grant_type'));
  const dpop = call.request.headers.get('dpop');
  const uris = [`${realm.issuer}/protocol/openid-connect/token`];
  let client: string | undefined;
  const answer = await grant({
    context: call.context,
    realm,
    parameters,
    source: call.source,
    dpop,
    confirmation: async () => (dpop === null ? undefined : requireDpop(call.context, realm, dpop, { uris })),
    requestId: call.requestId,
    transaction: () => correlationId(call),
    presentsClient: () => presentsClient(call.request.headers.get('authorization'), parameters),
    async authenticate() {
      const authenticated = await authenticateCallingClient(call, realm, parameters);
      client = authenticated.client.id;
      return authenticated;
    },
  }).catch((thrown: unknown) => {
    // Everything that is refused after the authentication, such as a scope, is refused to the client itself.
    if (client !== undefined && thrown instanceof Problem) {
      const named = { clientId: client };
      const { source, requestId } = call;
      const refused = { named, request: 'token', reason: thrown.code, source, requestId } as const;
      noteRefusal(call.context, { realm: realm.name, proved: true, ...refused });
    }
    throw thrown;
  });
  return jsonAnswer(200, answer, uncached);
}
