/** Guards for Hono 4: signed messages, tokens and logins. */
import { type BearerOptions, type CallerGuard, createBearerGuard } from './adapter/bearer.ts';
import { createGuard, type GuardOptions } from './adapter/guard.ts';
import { createHandlerErrors, type HandlerErrors } from './adapter/handler-error.ts';
import { createLoginGuard, type LoginOptions } from './adapter/login.ts';
import { readRequest, refusalResponse, signedResponse } from './adapter/web.ts';
import type { Verified } from './message/verify-request.ts';
import type { Authenticated } from './token/authentication.ts';

export type { ApiOptions } from './adapter/api.ts';
export type { ApiBearerOptions, BearerOptions, ServiceBearerOptions } from './adapter/bearer.ts';
export type { GuardOptions } from './adapter/guard.ts';
export type { HandlerErrors } from './adapter/handler-error.ts';
export type { LoginOptions } from './adapter/login.ts';

/** For `new Hono<{ Variables: CountersignVariables }>()`: the verdict is in `c.get('countersign')`. */
export interface CountersignVariables {
  countersign: Verified;
}

/** For `new Hono<{ Variables: BearerVariables }>()`: the caller is in `c.get('bearer')`. */
export interface BearerVariables {
  bearer: Authenticated;
}

/** The members of a Hono context that are read here. */
interface Context {
  readonly req: { raw: Request };
  get res(): Response;
  set res(response: Response | undefined);
  readonly env: unknown;
  set(name: 'countersign', value: Verified): void;
}

/**
 * Makes a middleware of Hono 4 that lets in only verified, signed requests: `app.use(countersign({ participant,
 * publicUrl }))`, before middleware that changes the bytes of a response, such as compression. Limits are in bytes.
 * Handlers find the sender in `c.get('countersign')`; `c.req.json()` and similar methods find the body untouched.
 *
 * It does not check that the sender may do what it asks, and without `publicUrl` strict signatures are refused.
 *
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @throws {ClientError} `adapter.public_url`
 * @example
 * const app = new Hono<{ Variables: CountersignVariables }>().use(countersign({ participant }));
 * app.get('/', (c) => c.json(c.get('countersign').participant.id));
 * await (await app.request('/', { headers: headers.signed })).json(); // → 'agent'
 */
export function countersign(options: GuardOptions) {
  const guard = createGuard(options);
  return async (c: Context, next: () => Promise<void>): Promise<Response | undefined> => {
    const line = { method: c.req.raw.method, requestTarget: wireTarget(c) };
    let verified: Verified;
    try {
      const { headers } = c.req.raw;
      const { body, copy } = await readRequest(c.req.raw, guard.maxBodyBytes);
      verified = await guard.verify(line, headers, body);
      c.req.raw = copy;
      c.set('countersign', verified);
    } catch (error) {
      guard.report(error, line);
      return refusalResponse(error);
    }
    // After this, an error of a handler has become a response.
    await next();
    if (guard.isSigned(line)) await sign(c, verified);
    return undefined;

    async function sign(context: Context, by: Verified): Promise<void> {
      let response: Response;
      try {
        response = await signedResponse(guard, line, by, context.res);
      } catch (error) {
        guard.report(error, line);
        response = refusalResponse(error);
      }
      // Without this, Hono would merge the header fields of both responses.
      context.res = undefined;
      context.res = response;
    }
  };
}

/** Node's server keeps the target as it was sent; elsewhere there is only the URL. */
function wireTarget({ env, req }: Pick<Context, 'env' | 'req'>): string {
  const incoming = (env as { incoming?: { url?: unknown } } | undefined)?.incoming;
  if (typeof incoming?.url === 'string') return incoming.url;
  const { pathname, search } = new URL(req.raw.url);
  return pathname + search;
}

/** The members of a Hono context that these guards read. */
interface BearerContext {
  readonly req: { readonly raw: Request };
  readonly env: unknown;
  set(name: 'bearer', value: Authenticated): void;
}

/**
 * Makes a middleware of Hono 4 that lets in only callers with a good token: `app.use(bearer({ service }))`, or before
 * one route with its own rules: `bearer({ service, acr: 'aal2' })`. Handlers find the caller in `c.get('bearer')`.
 *
 * With `{ issuer, audience, client }` it makes the service itself; without `client` it warns once, and does not know which
 * tokens were revoked (`liveness: 'unchecked'`).
 *
 * It checks `scope` and `role` only where they are given, and without `publicUrl` bound tokens are refused.
 *
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @throws {ClientError} `adapter.public_url`
 * @example
 * const app = new Hono<{ Variables: BearerVariables }>().use(bearer({ service }));
 * app.get('/', (c) => c.json(c.get('bearer').subject.id));
 * await (await app.request('/', { headers: headers.bearer })).json(); // → 'subject-1'
 * (await app.request('/')).status; // → 401
 */
export function bearer(options: BearerOptions) {
  return gate(createBearerGuard(options));
}

/**
 * Makes a middleware of Hono 4 that lets in only callers who log in: `app.use(login({ edge }))`. `c.get('bearer')` has
 * the same content as behind `bearer`.
 *
 * On other servers than Node's the caller must give `clientAddress`; without it all callers count as one. It must get
 * the address from the connection or from its own proxy.
 *
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @example
 * const app = new Hono<{ Variables: BearerVariables }>().use(login({ edge, clientAddress: () => '192.0.2.1' }));
 * app.get('/', (c) => c.json(c.get('bearer').subject.id));
 * await (await app.request('/', { headers: headers.basic })).json(); // → 'credential-1'
 */
export function login(options: LoginOptions<BearerContext>) {
  const { clientAddress = remoteAddress } = options;
  return gate(createLoginGuard(options), clientAddress);
}

/**
 * Makes the error handler of Hono 4: `app.onError(errors({ onError }))`. An exception of a handler goes to `onError`, or
 * else to the console, and its caller gets a 500 without a word of it. A refusal by the SDK, e.g. because a session has
 * ended meanwhile, is answered with its own status, and so is an `HTTPException` below 500.
 *
 * It does not see errors of applications under `app.route` that have an error handler of their own.
 *
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @example
 * const app = new Hono();
 * app.onError(errors({ onError: () => {} }));
 * app.get('/', () => Promise.reject(new Error('a secret')));
 * (await app.request('/')).status; // → 500
 */
export function errors(options: HandlerErrors = {}) {
  const { report, refusalOf } = createHandlerErrors(options);
  return (error: unknown, c: Pick<BearerContext, 'req' | 'env'>): Response => {
    report(error, { method: c.req.raw.method, requestTarget: wireTarget(c) });
    const refused = refusalOf(error);
    const { getResponse } = Object(error) as { getResponse?: () => Response };
    return refused.status < 500 && getResponse !== undefined ? getResponse.call(error) : refusalResponse(refused);
  };
}

function gate(guard: CallerGuard, clientAddress?: (c: BearerContext) => string | undefined) {
  return async (c: BearerContext, next: () => Promise<void>): Promise<Response | undefined> => {
    try {
      const line = { method: c.req.raw.method, requestTarget: wireTarget(c) };
      c.set('bearer', await guard.authenticate(c.req.raw.headers, line, clientAddress?.(c)));
    } catch (error) {
      guard.report(error);
      return refusalResponse(error);
    }
    await next();
    return undefined;
  };
}

function remoteAddress({ env }: Pick<BearerContext, 'env'>): string | undefined {
  const { incoming } = (env ?? {}) as { incoming?: { socket?: { remoteAddress?: string } } };
  return incoming?.socket?.remoteAddress;
}
