import { z } from 'zod';
import { version } from '../kernel/version.ts';
import type { AnyRoute, OwnProof } from './route.ts';

/** The OpenAPI 3.1 document of a table of routes, from the same schemas that validate. */
export function openApi(routes: readonly AnyRoute[], publicUrl: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const path = route.path.replace(/:([A-Za-z_]+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: '3.1.1',
    info: { title: 'Countersign', version, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    servers: [{ url: publicUrl }],
    paths,
    components: {
      securitySchemes,
      schemas: { Problem: problemSchema, OAuthError: oauthErrorSchema, CorporateRefusal: corporateRefusalSchema },
    },
  };
}

const securitySchemes = {
  client: {
    type: 'http',
    scheme: 'basic',
    description: 'Client id and secret; also in the form body, or as private_key_jwt.',
  },
  clientAssertion: {
    type: 'apiKey',
    in: 'header',
    name: 'Client-Assertion',
    description: 'A private_key_jwt: its audience is the issuer alone, its jti is used once.',
  },
  strictSignature: {
    type: 'apiKey',
    in: 'header',
    name: 'x-jws-signature',
    description: 'A detached JWS in the strict form by a current key of the participant; its audience is the issuer.',
  },
  bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'An access token of the realm.' },
  session: {
    type: 'http',
    scheme: 'bearer',
    description: 'A session token; where the call is open to administrators, also their access token.',
  },
  administrator: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'An access token with scope countersign:admin.',
  },
};

const problemSchema = {
  type: 'object',
  description: 'RFC 9457. `code` is stable; `pointer` names the place of the fault in the request.',
  required: ['type', 'title', 'status', 'code', 'requestId'],
  properties: Object.fromEntries(
    ['type', 'title', 'detail', 'code', 'pointer', 'requestId']
      .map((name) => [name, { type: 'string' }])
      .concat([['status', { type: 'integer' }]]),
  ),
};

const oauthErrorSchema = {
  type: 'object',
  description: 'RFC 6749 §5.2.',
  required: ['error'],
  properties: { error: { type: 'string' }, error_description: { type: 'string' } },
};

const corporateRefusalSchema = {
  type: 'object',
  description:
    'A 400 lists the faults by field under `validation`; all others have the name of the refusal in `code` and `errorCode`.',
  properties: {
    code: { type: 'string' },
    errorCode: { type: 'string' },
    message: { type: 'string' },
    validation: {
      type: 'object',
      properties: {
        invalid: { type: 'boolean' },
        fields: {
          type: 'array',
          items: {
            type: 'object',
            properties: { name: { type: 'string' }, errors: { type: 'array', items: { type: 'string' } } },
          },
        },
      },
    },
    requestId: { type: 'string' },
  },
};

const refusalShapes: Record<AnyRoute['refusals'], readonly [mediaType: string, schema: string]> = {
  problem: ['application/problem+json', 'Problem'],
  oauth: ['application/json', 'OAuthError'],
  corporate: ['application/json', 'CorporateRefusal'],
};

function operation(route: AnyRoute): object {
  const wrong = refusalShapes[route.refusals];
  return {
    operationId: route.operationId,
    summary: route.summary,
    tags: [route.tag],
    security: securityOf(route),
    parameters: [...pathParameters(route.path), ...queryParameters(route.query)],
    ...(route.body === undefined
      ? {}
      : {
          requestBody: {
            required: !route.body.optional,
            content: Object.fromEntries(
              route.body.mediaTypes.map((type) => [type, { schema: toSchema(route.body?.schema, 'input') }]),
            ),
          },
        }),
    responses: {
      ...Object.fromEntries(
        Object.entries(route.answers).map(([status, shape]) => [status, response(Number(status), shape)]),
      ),
      default: {
        description: 'A refusal.',
        content: { [wrong[0]]: { schema: { $ref: `#/components/schemas/${wrong[1]}` } } },
      },
    },
  };
}

function securityOf({ security, ownProofs = [] }: AnyRoute): object[] {
  if (security === 'none') return [];
  if (security !== 'participant') return [{ [security]: [] }];
  return ownProofs.flatMap((proof) => ownSchemes[proof]).map((scheme) => ({ [scheme]: [] }));
}

const ownSchemes: Record<OwnProof, readonly (keyof typeof securitySchemes)[]> = {
  client: ['client', 'clientAssertion'],
  signature: ['strictSignature'],
  body: ['bearer'],
  administrator: ['administrator'],
};

function response(status: number, shape: z.ZodType | string): object {
  const description = status === 204 ? 'Done.' : status === 304 ? 'Not modified.' : 'The answer.';
  if (typeof shape !== 'string')
    return { description, content: { 'application/json': { schema: toSchema(shape, 'output') } } };
  const [, mediaType, said] = /^([a-z]+\/[a-z0-9+.-]+)(?:: (.+))?$/.exec(shape) ?? [];
  return mediaType === undefined
    ? { description: shape }
    : { description: said ?? description, content: { [mediaType]: { schema: {} } } };
}

function pathParameters(path: string): object[] {
  return [...path.matchAll(/:([A-Za-z_]+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
}

function queryParameters(query: z.ZodObject | undefined): object[] {
  if (query === undefined) return [];
  const { properties = {}, required = [] } = toSchema(query, 'input') as {
    properties?: Record<string, object>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema,
  }));
}

export function toSchema(schema: z.ZodType | undefined, io: 'input' | 'output'): object {
  if (schema === undefined) return {};
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
}
