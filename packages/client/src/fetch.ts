/** Signed messages, and subjects by their tokens, for whatever serves `Request → Response`: Deno, Bun, workers, Node's fetch-style servers. */
import { callable, object, optional } from '@countersign/proof/argument';
import { type BearerOptions, type CallerGuard, createBearerGuard } from './adapter/bearer.ts';
import { createGuard, type GuardOptions } from './adapter/guard.ts';
import { createLoginGuard, type LoginOptions } from './adapter/login.ts';
import { readRequest, refusalResponse, signedResponse } from './adapter/web.ts';
import type { Authenticated } from './service.ts';
import type { Verified } from './verify-request.ts';

export type { BearerOptions } from './adapter/bearer.ts';
export type { GuardOptions } from './adapter/guard.ts';
export type { LoginOptions } from './adapter/login.ts';

export interface FetchOptions extends GuardOptions {
  /** The request target as on the wire, where the runtime knows it. Default: path and query of the URL. */
  readonly requestTarget?: (request: Request) => string;
}

export type VerifiedHandler = (request: Request, verified: Verified) => Response | Promise<Response>;

/**
 * The handler is called for verified requests only, with a request whose body can be read as if nobody had. What it throws goes to
 * `onRefusal`, or else to the console, and is answered with 500; a refusal of the SDK's own, such as that of a session that ended
 * meanwhile, with its status.
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

    /** A handler that fails has an answer all the same, and whoever asked is authenticated: it is signed. */
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
 * The handler is called for callers that are let in only. What it throws is answered as by `countersign`.
 *
 * @throws {TypeError} naming the argument that is of another type, or the option that does not exist
 */
export function bearer(options: BearerOptions, handler: BearerHandler): (request: Request) => Promise<Response> {
  return gate(createBearerGuard(options), handler, () => undefined);
}

/** A `Request` does not say where it comes from: only the runtime knows. */
export type FetchLoginOptions = LoginOptions<Request> & Required<Pick<LoginOptions<Request>, 'clientAddress'>>;

/** The same for callers that log in. */
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
