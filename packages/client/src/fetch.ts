/**
 * Guards for `Request → Response` servers (Deno, Bun, workers, Node's fetch-style servers): signed messages, tokens and logins.
 */
import { callable, object, optional } from '@countersign/proof/argument';
import { type BearerOptions, type CallerGuard, createBearerGuard } from './adapter/bearer.ts';
import { createGuard, type GuardOptions } from './adapter/guard.ts';
import { createLoginGuard, type LoginOptions } from './adapter/login.ts';
import { readRequest, refusalResponse, signedResponse } from './adapter/web.ts';
import type { Verified } from './message/verify-request.ts';
import type { Authenticated } from './token/service.ts';

export type { BearerOptions } from './adapter/bearer.ts';
export type { GuardOptions } from './adapter/guard.ts';
export type { LoginOptions } from './adapter/login.ts';

export interface FetchOptions extends GuardOptions {
  /** The request target as it was sent, if the runtime knows it. Default: path and query of the URL. */
  readonly requestTarget?: (request: Request) => string;
}

export type VerifiedHandler = (request: Request, verified: Verified) => Response | Promise<Response>;

/**
 * The handler is called only for verified requests, and can read the body of the request as usual. An error that it throws goes
 * to `onRefusal`, or else to the console, and the answer is 500. A refusal by the SDK, e.g. because a session has ended
 * meanwhile, is answered with its own status.
 *
 * @throws {TypeError} naming the argument that is of another type, or the option that does not exist
 */
export function countersign(options: FetchOptions, handler: VerifiedHandler): (request: Request) => Promise<Response> {
  const { requestTarget, ...others } = object(options, 'countersign') as FetchOptions;
  const guard = createGuard(others);
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
        guard.report(error, line);
        return refusalResponse(error);
      }
    }
  };
}

function wireTarget(url: string): string {
  const { pathname, search } = new URL(url);
  return pathname + search;
}

export type BearerHandler = (request: Request, caller: Authenticated) => Response | Promise<Response>;

/**
 * The handler is called only for accepted callers. Its errors are answered as by `countersign`.
 *
 * @throws {TypeError} naming the argument that is of another type, or the option that does not exist
 */
export function bearer(options: BearerOptions, handler: BearerHandler): (request: Request) => Promise<Response> {
  return gate(createBearerGuard(options), handler, () => undefined);
}

/** `clientAddress` is required, because a `Request` does not have the address of its caller. */
export type FetchLoginOptions = LoginOptions<Request> & Required<Pick<LoginOptions<Request>, 'clientAddress'>>;

/** Like `bearer`, for callers that log in. */
export function login(options: FetchLoginOptions, handler: BearerHandler): (request: Request) => Promise<Response> {
  const guard = createLoginGuard(options);
  callable(options.clientAddress, 'login.clientAddress');
  return gate(guard, handler, options.clientAddress);
}

function gate(
  guard: CallerGuard,
  handler: BearerHandler,
  clientAddress: (request: Request) => string | undefined,
): (request: Request) => Promise<Response> {
  callable(handler, 'handler');
  return async (request) => {
    try {
      const line = { method: request.method, requestTarget: wireTarget(request.url) };
      return await handler(request, await guard.authenticate(request.headers, line, clientAddress(request)));
    } catch (error) {
      guard.report(error);
      return refusalResponse(error);
    }
  };
}
