/** Guards for Express 5: signed messages, tokens and logins. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type BearerOptions, type CallerGuard, createBearerGuard } from './adapter/bearer.ts';
import { createGuard, type GuardOptions } from './adapter/guard.ts';
import { createHandlerErrors, type HandlerErrors } from './adapter/handler-error.ts';
import { createLoginGuard, type LoginOptions } from './adapter/login.ts';
import { admit, fieldsOf } from './adapter/node-gate.ts';
import { sendRefusal } from './adapter/outgoing-body.ts';
import type { Verified } from './message/verify-request.ts';
import type { Authenticated } from './token/authentication.ts';

export type { ApiOptions } from './adapter/api.ts';
export type { ApiBearerOptions, BearerOptions, ServiceBearerOptions } from './adapter/bearer.ts';
export type { GuardOptions } from './adapter/guard.ts';
export type { HandlerErrors } from './adapter/handler-error.ts';
export type { LoginOptions } from './adapter/login.ts';

/** The members that Express adds to a request and that are read here. */
type ExpressRequest = IncomingMessage & {
  readonly originalUrl?: string;
  readonly ip?: string | undefined;
  countersign?: Verified;
  bearer?: Authenticated;
};

declare global {
  namespace Express {
    interface Request {
      /** The proved sender of this request. Undefined if the middleware did not run. */
      countersign?: Verified;
      /** The caller, proved by a token or a login alone. Undefined if neither `bearer` nor `login` ran. */
      bearer?: Authenticated;
    }
  }
}

/**
 * Makes a middleware of Express 5 that lets in only verified, signed requests: `app.use(countersign({ participant,
 * publicUrl }))`, before every body parser and before middleware that changes the bytes of a response, such as
 * compression. Limits are in bytes. Handlers behind it find the sender in `request.countersign`; `express.json()` finds
 * the body untouched. Every other request is answered here, with its status.
 *
 * It does not check that the sender may do what it asks, and without `publicUrl` strict signatures are refused.
 *
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @throws {ClientError} `adapter.public_url`
 * @example
 * const app = express().use(countersign({ participant }));
 * app.get('/', (request, response) => void response.json(request.countersign?.participant.id));
 * (await get(app, headers.signed)).status; // → 200
 * (await get(app, headers.bearer)).status; // → 400
 */
export function countersign(options: GuardOptions) {
  const guard = createGuard(options);
  return async (request: ExpressRequest, response: ServerResponse, next: (error?: unknown) => void): Promise<void> => {
    // A router removes its own path from `url`.
    const line = { method: request.method ?? '', requestTarget: request.originalUrl ?? request.url ?? '' };
    try {
      request.countersign = await admit(guard, line, request, response);
    } catch (error) {
      guard.report(error, line);
      sendRefusal(response, error);
      return;
    }
    next();
  };
}

/**
 * Makes a middleware of Express 5 that lets in only callers with a good token: `app.use(bearer({ service }))`, or
 * before one route with its own rules: `bearer({ service, acr: 'aal2' })`. Handlers find the caller in
 * `request.bearer`.
 *
 * With `{ issuer, audience, client }` it makes the service itself; without `client` it warns once, and does not know which
 * tokens were revoked (`liveness: 'unchecked'`).
 *
 * It checks `scope` and `role` only where they are given, and without `publicUrl` bound tokens are refused.
 *
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @throws {ClientError} `adapter.public_url`, `discovery.issuer_url`, `verifier.audience`, `verifier.accept`
 * @example
 * const app = express().use(bearer({ service }));
 * app.get('/', (request, response) => void response.json(request.bearer?.subject.id));
 * await (await get(app, headers.bearer)).json(); // → 'subject-1'
 * (await get(app, {})).status; // → 401
 */
export function bearer(options: BearerOptions) {
  return gate(createBearerGuard(options));
}

/**
 * Makes a middleware of Express 5 that lets in only callers who log in: `app.use(login({ edge }))`. `request.bearer`
 * has the same content as behind `bearer`.
 *
 * The end client is `request.ip`: the caller must tell Express which proxies to trust, because a stranger who can
 * choose the address has as many tries as there are addresses.
 *
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @example
 * const app = express().use(login({ edge }));
 * app.get('/', (request, response) => void response.json(request.bearer?.subject.id));
 * await (await get(app, headers.basic)).json(); // → 'credential-1'
 */
export function login(options: LoginOptions<ExpressRequest>) {
  const { clientAddress = ({ ip, socket }) => ip ?? socket.remoteAddress } = options;
  return gate(createLoginGuard(options), clientAddress);
}

function gate(guard: CallerGuard, clientAddress?: (request: ExpressRequest) => string | undefined) {
  return async (request: ExpressRequest, response: ServerResponse, next: (error?: unknown) => void): Promise<void> => {
    try {
      const line = { method: request.method ?? '', requestTarget: request.originalUrl ?? request.url ?? '' };
      request.bearer = await guard.authenticate(fieldsOf(request.rawHeaders), line, clientAddress?.(request));
    } catch (error) {
      guard.report(error);
      sendRefusal(response, error);
      return;
    }
    next();
  };
}

/**
 * Makes the error handler of Express 5, for the end of the application: `app.use(errors({ onError }))`. An exception of a
 * handler goes to `onError`, or else to the console, and its caller gets a 500 without a word of it; Express itself
 * would send the stack. A refusal by the SDK, e.g. because a session has ended meanwhile, is answered with its own
 * status.
 *
 * It does not see errors of handlers that are registered after it.
 *
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @example
 * const app = express();
 * app.get('/', () => Promise.reject(new Error('a secret')));
 * app.use(errors({ onError: () => {} }));
 * (await get(app, {})).status; // → 500
 */
export function errors(options: HandlerErrors = {}) {
  const { report, refusalOf } = createHandlerErrors(options);
  // Express tells an error handler by its four parameters.
  return (
    error: unknown,
    request: ExpressRequest,
    response: ServerResponse,
    _next: (error?: unknown) => void,
  ): void => {
    report(error, { method: request.method ?? '', requestTarget: request.originalUrl ?? request.url ?? '' });
    if (response.writableEnded) return;
    if (response.headersSent) response.destroy();
    else sendRefusal(response, refusalOf(error));
  };
}
