import type { z } from 'zod';
import type { Answer } from './answer.ts';
import type { Call } from './call.ts';

/**
 * One row of the table from which everything about a path follows: its handler, its 405, its place in `/openapi.json`.
 * The schemas are the ones that validate.
 */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Parameters as `:name`, each one path segment. */
  readonly path: string;
  readonly tag:
    | 'Process'
    | 'OAuth 2.0'
    | 'Registry'
    | 'Onboarding'
    | 'Messages'
    | 'Sessions'
    | 'Passwords'
    | 'Second factors'
    | 'Identities'
    | 'Wallets'
    | 'Administration'
    | 'Status';
  readonly operationId: string;
  readonly summary: string;
  /** How the caller proves itself. */
  readonly security: 'none' | 'client' | 'bearer' | 'session' | 'administrator' | 'participant';
  /** With `participant`: how the participant of the path may prove this one request. */
  readonly ownProofs?: readonly OwnProof[];
  readonly query?: z.ZodObject;
  readonly body?: {
    readonly schema: z.ZodType;
    readonly mediaTypes: readonly MediaType[];
    /** True where no body means `{}`. */
    readonly optional?: boolean;
  };
  /** By status: the schema of the body, or a description of something that is no JSON. */
  readonly responses: Readonly<Record<number, z.ZodType | string>>;
  /** How refusals look: RFC 9457 problem documents, RFC 6749 §5.2 objects, or those of the documented corporate calls. */
  readonly refusals: 'problem' | 'oauth' | 'corporate';
  readonly handle: (call: Call) => Promise<Response> | Response;
  /** Of a hot route only: what `handle` answers, in plain parts, for the short way past the router (`http/direct.ts`). */
  readonly direct?: (call: Call) => Promise<Answer>;
}

/** How a participant proves that a request which manages it is its own, and what to send for that. */
export const ownProofTexts = {
  client: 'its client credentials, as HTTP Basic or as a private_key_jwt in the field Client-Assertion',
  signature: 'a strict signature by a current key of the participant in x-jws-signature, for the issuer',
  body: 'the proofs of the body, with an access token',
  administrator: 'the token of an administrator',
} as const;
export type OwnProof = keyof typeof ownProofTexts;

export type MediaType = 'application/json' | 'application/x-www-form-urlencoded';
