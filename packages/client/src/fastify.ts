/** Signed messages, and subjects by their tokens, for Fastify 5. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type BearerOptions, type CallerGuard, createBearerGuard } from './adapter/bearer.ts';
import { createGuard, type GuardOptions } from './adapter/guard.ts';
import { createLoginGuard, type LoginOptions } from './adapter/login.ts';
import { admit, fieldsOf } from './adapter/node-gate.ts';
import { refusalOf } from './adapter/refusal.ts';
import type { Authenticated } from './service.ts';
import type { Verified } from './verify-request.ts';

export type { BearerOptions } from './adapter/bearer.ts';
export type { GuardOptions } from './adapter/guard.ts';
export type { LoginOptions } from './adapter/login.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who sent this request, proved. */
    countersign: Verified;
    /** Who calls, proved by a token or a login alone. */
    bearer: Authenticated;
  }
}

/** Of Fastify, as far as we look. */
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

type Hook = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;

interface Fastify {
  decorateRequest(name: 'countersign', value: null): unknown;
  addHook(name: 'onRequest', hook: Hook): unknown;
}

async function register(fastify: Fastify, options: GuardOptions): Promise<void> {
  const guard = createGuard(options);
  fastify.decorateRequest('countersign', null);
  fastify.addHook('onRequest', async (request, reply) => {
    const line = { method: request.method, requestTarget: request.originalUrl };
    try {
      const verified = await admit(guard, line, request.raw, reply.raw);
      Object.assign(request, { countersign: verified });
      return undefined;
    } catch (error) {
      guard.report(error, line);
      const { status, headers, body } = refusalOf(error);
      return reply.code(status).headers(headers).send(body);
    }
  });
}

/**
 * `await app.register(countersign, { participant, publicUrl })`: from there on, and for every route of this instance, handlers see
 * verified requests only, with the verdict in `request.countersign`.
 */
export const countersign = Object.assign(register, {
  // Fastify's marks of a plugin that speaks for the whole instance, not for a scope of its own.
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: 'countersign',
}) as (fastify: unknown, options: GuardOptions) => Promise<void>;

/** `app.addHook('onRequest', bearer({ service }))`, or of one route: `{ onRequest: bearer({ service, acr: 'aal2' }) }`. */
export function bearer(options: BearerOptions) {
  return gate(createBearerGuard(options));
}

/**
 * `app.addHook('onRequest', login({ edge }))`: handlers find in `request.bearer` what they would find behind `bearer`. The end client
 * is `request.ip`, so tell Fastify which proxies to trust.
 */
export function login(options: LoginOptions<FastifyRequest>) {
  const { clientAddress = ({ ip, raw }) => ip ?? raw.socket.remoteAddress } = options;
  return gate(createLoginGuard(options), clientAddress);
}

function gate(guard: CallerGuard, clientAddress?: (request: FastifyRequest) => string | undefined) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    try {
      const line = { method: request.method, requestTarget: request.originalUrl };
      const caller = await guard.authenticate(fieldsOf(request.raw.rawHeaders), line, clientAddress?.(request));
      Object.assign(request, { bearer: caller });
      return undefined;
    } catch (error) {
      guard.report(error);
      const { status, headers, body } = refusalOf(error);
      return reply.code(status).headers(headers).send(body);
    }
  };
}
