/** Guards for Fastify 5: signed messages, tokens and logins. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type {} from 'fastify';
import { type BearerOptions, type CallerGuard, createBearerGuard } from './adapter/bearer.ts';
import { createGuard, type GuardOptions } from './adapter/guard.ts';
import { createHandlerErrors, type HandlerErrors } from './adapter/handler-error.ts';
import { createLoginGuard, type LoginOptions } from './adapter/login.ts';
import { admit, fieldsOf } from './adapter/node-gate.ts';
import { refusalOf } from './adapter/refusal.ts';
import type { Verified } from './message/verify-request.ts';
import type { Authenticated } from './token/authentication.ts';

export type { ApiOptions } from './adapter/api.ts';
export type { ApiBearerOptions, BearerOptions, ServiceBearerOptions } from './adapter/bearer.ts';
export type { GuardOptions } from './adapter/guard.ts';
export type { HandlerErrors } from './adapter/handler-error.ts';
export type { LoginOptions } from './adapter/login.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The proved sender of this request. */
    countersign: Verified;
    /** The caller, proved by a token or a login alone. */
    bearer: Authenticated;
  }
}

/** The members of Fastify that are read here. */
interface FastifyRequest {
  readonly raw: IncomingMessage;
  readonly originalUrl: string;
  readonly ip?: string;
  readonly method: string;
}

interface FastifyReply {
  readonly raw: ServerResponse;
  code(status: number): FastifyReply;
  headers(headers: Readonly<Record<string, string>>): FastifyReply;
  send(payload: string): FastifyReply;
}

/** A hook of Fastify for `onRequest`. */
export type Hook = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;

/**
 * A hook that also works as a plugin: `app.addHook('onRequest', guard)`, `{ onRequest: guard }` for one route, or
 * `app.register(guard)`.
 */
export interface HookOrPlugin extends Hook {
  (fastify: unknown, options: unknown): Promise<unknown>;
}

/** `guard(options)` makes the hook; `app.register(guard, options)` puts it before every route of the instance. */
export interface FastifyGuard<Options> {
  (options: Options): HookOrPlugin;
  (fastify: unknown, options: Options): Promise<void>;
}

interface Fastify {
  addHook(name: 'onRequest', hook: Hook): unknown;
  hasRequestDecorator(name: string): boolean;
  decorateRequest(name: string, value: null): unknown;
}

/**
 * A guard of Fastify 5 that lets in only verified, signed requests. `await app.register(countersign, { participant,
 * publicUrl })`: from then on handlers of this instance find the sender in `request.countersign`. For one route: `{
 * onRequest: countersign({ … }) }`. Limits are in bytes. After `onRequest` the body has been read, so later hooks
 * refuse every request.
 *
 * It does not check that the sender may do what it asks, and without `publicUrl` strict signatures are refused.
 *
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @throws {ClientError} `adapter.public_url`
 * @example
 * const app = fastify();
 * await app.register(countersign, { participant });
 * app.get('/', async (request) => request.countersign.participant.id);
 * (await app.inject({ url: '/', headers: headers.signed })).body; // → 'agent'
 */
export const countersign = guardNamed('countersign', (options: GuardOptions): Hook => {
  const guard = createGuard(options);
  return async (request, reply) => {
    const line = { method: request.method, requestTarget: request.originalUrl };
    try {
      const verified = await admit(guard, line, request.raw, reply.raw);
      Object.assign(request, { countersign: verified });
      return undefined;
    } catch (error) {
      guard.report(error, line);
      return refuse(reply, error);
    }
  };
});

/**
 * A guard of Fastify 5 that lets in only callers with a good token: `await app.register(bearer, { service })` or
 * `app.addHook('onRequest', bearer({ service }))` for every route of the instance; for one route: `{ onRequest:
 * bearer({ service, acr: 'aal2' }) }`. Handlers find the caller in `request.bearer`.
 *
 * With `{ issuer, audience, client }` it makes the service itself; without `client` it warns once, and does not know which
 * tokens were revoked (`liveness: 'unchecked'`).
 *
 * It checks `scope` and `role` only where they are given, and without `publicUrl` bound tokens are refused.
 *
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @throws {ClientError} `adapter.public_url`
 * @example
 * const app = fastify().addHook('onRequest', bearer({ service }));
 * app.get('/', async (request) => request.bearer.subject.id);
 * (await app.inject({ url: '/', headers: headers.bearer })).body; // → 'subject-1'
 * (await app.inject({ url: '/' })).statusCode; // → 401
 */
export const bearer = guardNamed('bearer', (options: BearerOptions) => gate(createBearerGuard(options)));

/**
 * A guard of Fastify 5 that lets in only callers who log in, with `{ edge }`: `request.bearer` has the same content as
 * behind `bearer`.
 *
 * The end client is `request.ip`: the caller must tell Fastify which proxies to trust, because a stranger who can
 * choose the address has as many tries as there are addresses.
 *
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @example
 * const app = fastify().addHook('onRequest', login({ edge }));
 * app.get('/', async (request) => request.bearer.subject.id);
 * (await app.inject({ url: '/', headers: headers.basic })).body; // → 'credential-1'
 */
export const login = guardNamed('login', (options: LoginOptions<FastifyRequest>) => {
  const { clientAddress = ({ ip, raw }: FastifyRequest) => ip ?? raw.socket.remoteAddress } = options;
  return gate(createLoginGuard(options), clientAddress);
});

/**
 * Makes the error handler of Fastify 5: `app.setErrorHandler(errors({ onError }))`. An exception of a handler goes to
 * `onError`, or else to the console, and its caller gets a 500 without a word of it; Fastify itself would send its
 * message. A refusal by the SDK, e.g. because a session has ended meanwhile, is answered with its own status.
 *
 * It does not see errors of instances that have an error handler of their own.
 *
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @example
 * const app = fastify();
 * app.setErrorHandler(errors({ onError: () => {} }));
 * app.get('/', async () => Promise.reject(new Error('a secret')));
 * (await app.inject({ url: '/' })).statusCode; // → 500
 */
export function errors(options: HandlerErrors = {}) {
  const { report, refusalOf: answerOf } = createHandlerErrors(options);
  return (error: unknown, request: FastifyRequest, reply: FastifyReply): unknown => {
    report(error, { method: request.method, requestTarget: request.originalUrl });
    if (!reply.raw.headersSent) return refuse(reply, answerOf(error));
    reply.raw.destroy();
    return reply;
  };
}

function gate(guard: CallerGuard, clientAddress?: (request: FastifyRequest) => string | undefined): Hook {
  return async (request, reply) => {
    try {
      const line = { method: request.method, requestTarget: request.originalUrl };
      const caller = await guard.authenticate(fieldsOf(request.raw.rawHeaders), line, clientAddress?.(request));
      Object.assign(request, { bearer: caller });
      return undefined;
    } catch (error) {
      guard.report(error);
      return refuse(reply, error);
    }
  };
}

function refuse(reply: FastifyReply, error: unknown): FastifyReply {
  const { status, headers, body } = refusalOf(error);
  return reply.code(status).headers(headers).send(body);
}

/**
 * Makes a guard that protects in every way in which it is registered in Fastify. Fastify calls plugins and hooks alike with two
 * arguments: the first one tells which of the two is called.
 */
function guardNamed<Options extends object>(name: string, create: (options: Options) => Hook): FastifyGuard<Options> {
  async function install(fastify: Fastify, makeHook: () => Hook): Promise<void> {
    const hook = makeHook();
    for (const verdict of ['countersign', 'bearer']) {
      if (!fastify.hasRequestDecorator(verdict)) fastify.decorateRequest(verdict, null);
    }
    fastify.addHook('onRequest', hook);
  }
  function guard(first: unknown, second?: unknown) {
    if (isFastify(first)) return install(first, () => create(withoutScope(second)));
    // The guard itself was registered as a hook, not its result. It must not throw, because Fastify would crash.
    if (second !== undefined) return Promise.reject(new TypeError(`Call ${name}(options), and register its result.`));
    const hook = create(first as Options);
    const either = (one: unknown, other: unknown) =>
      isFastify(one) ? install(one, () => hook) : hook(one as FastifyRequest, other as FastifyReply);
    return forWholeInstance(either, name);
  }
  return forWholeInstance(guard, name) as FastifyGuard<Options>;
}

/** Fastify's marks of a plugin for the whole instance. Without them it would get a separate scope without routes. */
function forWholeInstance<T extends object>(plugin: T, name: string): T {
  return Object.assign(plugin, {
    [Symbol.for('skip-override')]: true,
    [Symbol.for('fastify.display-name')]: name,
  });
}

/** The plugin options without those that Fastify itself uses. */
function withoutScope<Options extends object>(options: unknown): Options {
  const { prefix, logLevel, logSerializers, ...own } = (options ?? {}) as Record<string, unknown>;
  return own as Options;
}

function isFastify(value: unknown): value is Fastify {
  const { addHook, decorateRequest } = (value ?? {}) as Record<string, unknown>;
  return typeof addHook === 'function' && typeof decorateRequest === 'function';
}
