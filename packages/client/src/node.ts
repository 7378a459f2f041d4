/** Guards for a plain listener of `node:http`: signed messages, tokens and logins. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { callable } from '@countersign/proof/argument';
import {
  type BearerOptions,
  type CallerGuard,
  createBearerGuard,
  type UncheckedBearerOptions,
} from './adapter/bearer.ts';
import { createGuard, type GuardOptions } from './adapter/guard.ts';
import { type HandlerErrors, handlerErrorsOf, reportHandlerTo } from './adapter/handler-error.ts';
import { createLoginGuard, type LoginOptions } from './adapter/login.ts';
import { admit, fieldsOf } from './adapter/node-gate.ts';
import { sendRefusal } from './adapter/outgoing-body.ts';
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

/** A request whose sender, body and signature are proved. Its body can be read as usual. */
export type VerifiedRequest = IncomingMessage & { readonly countersign: Verified };

/** A listener of verified requests. */
export type VerifiedListener = (request: VerifiedRequest, response: ServerResponse) => unknown;

/**
 * Makes a listener of `node:http` that calls `listener` only for verified, signed requests: `createServer(countersign({
 * participant, publicUrl }, listener))`. Limits are in bytes. The verdict is in `request.countersign`. Every other
 * request is answered here. An error that the listener throws goes to `onError`, or else to `onRefusal` or the console,
 * and the answer is a 500 without a word of it. A refusal by the SDK, e.g. because a session has ended meanwhile, is answered with its own status.
 *
 * It does not check that the sender may do what it asks, and without `publicUrl` strict signatures are refused.
 *
 * @throws {TypeError} naming the argument that is of another type, or the option that does not exist
 * @throws {ClientError} `adapter.public_url`
 * @example
 * const serve = countersign({ participant }, (request, response) => response.end(request.countersign.participant.id));
 * await (await get(serve, headers.signed)).text(); // → 'agent'
 */
export function countersign(
  options: GuardOptions & HandlerErrors,
  listener: VerifiedListener,
): (request: IncomingMessage, response: ServerResponse) => void {
  const [onError, rest] = handlerErrorsOf(options, 'countersign');
  const guard = createGuard(rest);
  const reportHandler = reportHandlerTo(onError, guard.report);
  callable(listener, 'listener');

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const line = { method: request.method ?? '', requestTarget: request.url ?? '' };
    let verified: Verified;
    try {
      verified = await admit(guard, line, request, response);
    } catch (error) {
      guard.report(error, line);
      sendFailure(response, error);
      return;
    }
    try {
      await listener(Object.assign(request, { countersign: verified }), response);
    } catch (error) {
      reportHandler(error, line, line);
      sendFailure(response, error);
    }
  }

  return (request, response) => void serve(request, response);
}

/** As `createServer` takes it. */
type Listener = (request: IncomingMessage, response: ServerResponse) => void;

/** A request with a proved caller. */
export type BearerRequest<Known extends Liveness = Liveness> = IncomingMessage & {
  readonly bearer: Authenticated<Known>;
};

/** A listener of requests whose caller is proved. */
export type BearerListener<Known extends Liveness = Liveness> = (
  request: BearerRequest<Known>,
  response: ServerResponse,
) => unknown;

/**
 * Makes a listener of `node:http` that calls `listener` only for callers with a good token: `createServer(bearer({
 * service }, listener))`. Every other request is answered here. Errors of the listener are answered as by
 * `countersign`.
 *
 * With `{ issuer, audience, client }` it makes the service itself; without `client` it warns once, and does not know which
 * tokens were revoked (`liveness: 'unchecked'`).
 *
 * It checks `scope` and `role` only where they are given, and without `publicUrl` bound tokens are refused.
 *
 * @throws {TypeError} naming the argument that is of another type, or the option that does not exist
 * @throws {ClientError} `adapter.public_url`
 * @example
 * const serve = bearer({ service }, (request, response) => response.end(request.bearer.subject.id));
 * await (await get(serve, headers.bearer)).text(); // → 'subject-1'
 * (await get(serve, {})).status; // → 401
 */
export function bearer(
  options: UncheckedBearerOptions & HandlerErrors,
  listener: BearerListener<'unchecked'>,
): Listener;
export function bearer(options: BearerOptions & HandlerErrors, listener: BearerListener): Listener;
export function bearer(options: BearerOptions & HandlerErrors, listener: BearerListener<never>): Listener {
  const [onError, rest] = handlerErrorsOf(options, 'bearer');
  return gate(createBearerGuard(rest), onError, listener as BearerListener);
}

/**
 * Makes a listener of `node:http` that calls `listener` only for callers who log in: `createServer(login({ edge },
 * listener))`.
 *
 * The end client is the address of the connection. Behind a proxy the caller must give `clientAddress`, which must get
 * the address from that proxy only.
 *
 * @throws {TypeError} naming the argument that is of another type, or the option that does not exist
 * @example
 * const serve = login({ edge }, (request, response) => response.end(request.bearer.subject.id));
 * await (await get(serve, headers.basic)).text(); // → 'credential-1'
 */
export function login(options: LoginOptions<IncomingMessage> & HandlerErrors, listener: BearerListener) {
  const [onError, rest] = handlerErrorsOf(options, 'login');
  const { clientAddress = ({ socket }) => socket.remoteAddress } = rest;
  return gate(createLoginGuard(rest), onError, listener, clientAddress);
}

function gate(
  guard: CallerGuard,
  onError: HandlerErrors['onError'],
  listener: BearerListener,
  clientAddress?: (request: IncomingMessage) => string | undefined,
): Listener {
  callable(listener, 'listener');
  const reportHandler = reportHandlerTo(onError, guard.report);

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const line = { method: request.method ?? '', requestTarget: request.url ?? '' };
    let caller: Authenticated;
    try {
      caller = await guard.authenticate(fieldsOf(request.rawHeaders), line, clientAddress?.(request));
    } catch (error) {
      guard.report(error);
      sendFailure(response, error);
      return;
    }
    try {
      await listener(Object.assign(request, { bearer: caller }), response);
    } catch (error) {
      reportHandler(error, line);
      sendFailure(response, error);
    }
  }

  return (request, response) => void serve(request, response);
}

/** A complete answer is kept; an incomplete one is cut off. */
function sendFailure(response: ServerResponse, error: unknown): void {
  if (response.writableEnded) return;
  if (response.headersSent) response.destroy();
  else sendRefusal(response, error);
}
