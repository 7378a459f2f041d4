/** Guards for a plain listener of `node:http`: signed messages, tokens and logins. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { callable } from '@countersign/proof/argument';
import { type BearerOptions, type CallerGuard, createBearerGuard } from './adapter/bearer.ts';
import { createGuard, type GuardOptions } from './adapter/guard.ts';
import { createLoginGuard, type LoginOptions } from './adapter/login.ts';
import { admit, fieldsOf } from './adapter/node-gate.ts';
import { sendRefusal } from './adapter/outgoing-body.ts';
import type { Verified } from './message/verify-request.ts';
import type { Authenticated } from './token/service.ts';

export type { BearerOptions } from './adapter/bearer.ts';
export type { GuardOptions } from './adapter/guard.ts';
export type { LoginOptions } from './adapter/login.ts';

/** A request whose sender, body and signature are proved. Its body can be read as usual. */
export type VerifiedRequest = IncomingMessage & { readonly countersign: Verified };

export type VerifiedListener = (request: VerifiedRequest, response: ServerResponse) => unknown;

/**
 * `createServer(countersign({ participant, publicUrl }, listener))`: the listener is called only for verified requests, with
 * the verdict in `request.countersign`. Every other request is answered here. An error that the listener throws goes to
 * `onRefusal`, or else to the console, and the answer is 500. A refusal by the SDK, e.g. because a session has ended meanwhile,
 * is answered with its own status.
 *
 * @throws {TypeError} naming the argument that is of another type, or the option that does not exist
 */
export function countersign(
  options: GuardOptions,
  listener: VerifiedListener,
): (request: IncomingMessage, response: ServerResponse) => void {
  const guard = createGuard(options);
  callable(listener, 'listener');

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const line = { method: request.method ?? '', requestTarget: request.url ?? '' };
    try {
      const verified = await admit(guard, line, request, response);
      await listener(Object.assign(request, { countersign: verified }), response);
    } catch (error) {
      guard.report(error, line);
      sendFailure(response, error);
    }
  }

  return (request, response) => void serve(request, response);
}

/** A request with a proved caller. */
export type BearerRequest = IncomingMessage & { readonly bearer: Authenticated };

export type BearerListener = (request: BearerRequest, response: ServerResponse) => unknown;

/**
 * `createServer(bearer({ service }, listener))`: the listener is called only for accepted callers. Every other request is
 * answered here. Errors of the listener are answered as by `countersign`.
 *
 * @throws {TypeError} naming the argument that is of another type, or the option that does not exist
 */
export function bearer(options: BearerOptions, listener: BearerListener) {
  return gate(createBearerGuard(options), listener);
}

/** Like `bearer`, for callers that log in: `createServer(login({ edge }, listener))`. */
export function login(options: LoginOptions<IncomingMessage>, listener: BearerListener) {
  const { clientAddress = ({ socket }) => socket.remoteAddress } = options;
  return gate(createLoginGuard(options), listener, clientAddress);
}

function gate(
  guard: CallerGuard,
  listener: BearerListener,
  clientAddress?: (request: IncomingMessage) => string | undefined,
): (request: IncomingMessage, response: ServerResponse) => void {
  callable(listener, 'listener');

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const line = { method: request.method ?? '', requestTarget: request.url ?? '' };
      const caller = await guard.authenticate(fieldsOf(request.rawHeaders), line, clientAddress?.(request));
      await listener(Object.assign(request, { bearer: caller }), response);
    } catch (error) {
      guard.report(error);
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
