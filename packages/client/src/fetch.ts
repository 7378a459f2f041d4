/**
 * Guards for `Request → Response` servers (Deno, Bun, workers, Node's fetch-style servers): signed messages, tokens and logins.
 */
import { callable, object, optional } from '@countersign/proof/argument';
import {
  type BearerOptions,
  type CallerGuard,
  createBearerGuard,
  type UncheckedBearerOptions,
} from './adapter/bearer.ts';
import { createGuard, type GuardOptions } from './adapter/guard.ts';
import { type HandlerErrors, handlerErrorsOf, reportHandlerTo } from './adapter/handler-error.ts';
import { createLoginGuard, type LoginOptions } from './adapter/login.ts';
import { readRequest, refusalResponse, signedResponse } from './adapter/web.ts';
import type { Verified } from './message/verify-request.ts';
import type { Authenticated, Liveness } from './token/authentication.ts';

export type { ApiOptions } from './adapter/api.ts';
export type {
  ApiBearerOptions,
  BearerOptions,
  ServiceBearerOptions,
  UncheckedBearerOptions,
} from './adapter/bearer.ts';
export type { GuardOptions } from './adapter/guard.ts';
export type { HandlerErrors } from './adapter/handler-error.ts';
export type { LoginOptions } from './adapter/login.ts';

/** The options of `countersign` for handlers of fetch. */
export interface FetchOptions extends GuardOptions, HandlerErrors {
  /** The request target as it was sent, if the runtime knows it. Default: path and query of the URL. */
  readonly requestTarget?: (request: Request) => string;
}

/** A handler of verified requests. */
export type VerifiedHandler = (request: Request, verified: Verified) => Response | Promise<Response>;

/**
 * Makes a fetch handler that calls `handler` only for verified, signed requests. Limits are in bytes. The handler can
 * read the body of the request as usual. An error that it throws goes to `onError`, or else to `onRefusal` or the
 * console, and the answer is a 500 without a word of it. A refusal by the SDK, e.g. because a session has ended meanwhile, is answered with its own status.
 *
 * It does not check that the sender may do what it asks, and without `publicUrl` strict signatures are refused.
 *
 * @throws {TypeError} naming the argument that is of another type, or the option that does not exist
 * @throws {ClientError} `adapter.public_url`
 * @example
 * const serve = countersign({ participant }, (_request, verified) => Response.json(verified.participant.id));
 * const answer = await serve(new Request('https://lender.example/', { headers: headers.signed }));
 * await answer.json(); // → 'agent'
 */
export function countersign(options: FetchOptions, handler: VerifiedHandler): (request: Request) => Promise<Response> {
  const [onError, rest] = handlerErrorsOf(object(options, 'countersign') as FetchOptions, 'countersign');
  const { requestTarget, ...others } = rest;
  const guard = createGuard(others);
  const reportHandler = reportHandlerTo(onError, guard.report);
  optional(callable)(requestTarget, 'countersign.requestTarget');
  callable(handler, 'handler');
  return async (request) => {
    const line = { method: request.method, requestTarget: requestTarget?.(request) ?? wireTarget(request.url) };
    try {
      const { body, copy } = await readRequest(request, guard.maxBodyBytes);
      const verified = await guard.verify(line, request.headers, body);
      const response = await answer(copy, verified);
      return guard.isSigned(line) ? await signedResponse(guard, line, verified, response) : response;
    } catch (error) {
      guard.report(error, line);
      return refusalResponse(error);
    }

    /** A failed handler gets a 500, which is signed, because the caller is authenticated. */
    async function answer(copy: Request, verified: Verified): Promise<Response> {
      try {
        return await handler(copy, verified);
      } catch (error) {
        reportHandler(error, line, line);
        return refusalResponse(error);
      }
    }
  };
}

function wireTarget(url: string): string {
  const { pathname, search } = new URL(url);
  return pathname + search;
}

/** A handler of requests whose caller is proved. */
export type BearerHandler<Rest extends readonly unknown[] = [], Known extends Liveness = Liveness> = (
  request: Request,
  caller: Authenticated<Known>,
  ...rest: Rest
) => Response | Promise<Response>;

/** A fetch handler. `rest` is what the runtime passes besides the request: the context of a route, the bindings of a worker. */
type Served<Rest extends readonly unknown[]> = (request: Request, ...rest: Rest) => Promise<Response>;

/**
 * Makes a fetch handler that calls `handler` only for callers with a good token. Errors of the handler are answered as
 * by `countersign`.
 *
 * With `{ issuer, audience, client }` it makes the service itself; without `client` it warns once, and does not know which
 * tokens were revoked (`liveness: 'unchecked'`).
 *
 * It checks `scope` and `role` only where they are given, and without `publicUrl` bound tokens are refused.
 *
 * @throws {TypeError} naming the argument that is of another type, or the option that does not exist
 * @throws {ClientError} `adapter.public_url`
 * @example
 * const serve = bearer({ service }, (_request, { subject }) => Response.json(subject.id));
 * (await serve(new Request(api, { headers: headers.bearer }))).status; // → 200
 * (await serve(new Request(api))).status; // → 401
 */
export function bearer<Rest extends readonly unknown[] = []>(
  options: UncheckedBearerOptions & HandlerErrors,
  handler: BearerHandler<Rest, 'unchecked'>,
): Served<Rest>;
export function bearer<Rest extends readonly unknown[] = []>(
  options: BearerOptions & HandlerErrors,
  handler: BearerHandler<Rest>,
): Served<Rest>;
export function bearer<Rest extends readonly unknown[]>(
  options: BearerOptions & HandlerErrors,
  handler: BearerHandler<Rest, never>,
): Served<Rest> {
  const [onError, rest] = handlerErrorsOf(options, 'bearer');
  return gate(createBearerGuard(rest), onError, handler as BearerHandler<Rest>, () => undefined);
}

/** The options of `login`. `clientAddress` is required, because a `Request` does not have the address of its caller. */
export type FetchLoginOptions = LoginOptions<Request> &
  HandlerErrors &
  Required<Pick<LoginOptions<Request>, 'clientAddress'>>;

/**
 * Makes a fetch handler that calls `handler` only for callers who log in. Errors of the handler are answered as by
 * `countersign`.
 *
 * The caller must check that `clientAddress` gets the address from the connection or from its own proxy.
 *
 * @throws {TypeError} naming the argument that is of another type, or the option that does not exist
 * @example
 * const options = { edge, clientAddress: () => '192.0.2.1' };
 * const serve = login(options, (_request, { subject }) => Response.json(subject.id));
 * await (await serve(new Request(api, { headers: headers.basic }))).json(); // → 'credential-1'
 */
export function login(options: FetchLoginOptions, handler: BearerHandler): (request: Request) => Promise<Response> {
  const [onError, rest] = handlerErrorsOf(options, 'login');
  const guard = createLoginGuard<Request>(rest);
  callable(rest.clientAddress, 'login.clientAddress');
  return gate(guard, onError, handler, rest.clientAddress);
}

function gate<Rest extends readonly unknown[]>(
  guard: CallerGuard,
  onError: HandlerErrors['onError'],
  handler: BearerHandler<Rest>,
  clientAddress: (request: Request) => string | undefined,
): Served<Rest> {
  callable(handler, 'handler');
  const reportHandler = reportHandlerTo(onError, guard.report);
  return async (request, ...rest) => {
    const line = { method: request.method, requestTarget: wireTarget(request.url) };
    let caller: Authenticated;
    try {
      caller = await guard.authenticate(request.headers, line, clientAddress(request));
    } catch (error) {
      guard.report(error);
      return refusalResponse(error);
    }
    try {
      return await handler(request, caller, ...rest);
    } catch (error) {
      reportHandler(error, line);
      return refusalResponse(error);
    }
  };
}
