import { z } from 'zod';
import type { Answer } from './answer.ts';
import { type MediaType, readBody, validate } from './body.ts';
import type { Call, HttpContext } from './call.ts';
import { pathName } from './name.ts';
import { json, noContent, type Refusals, type Security } from './render.ts';

/**
 * A kind of caller and how it proves itself, written once for every row that it may call. The check comes before
 * everything else of the request, so an endpoint is open only if its row says so.
 */
export interface CallerKind<Who, C = HttpContext> {
  readonly security: Security;
  /** With `participant`: how the participant of the path may prove this one request. */
  readonly ownProofs?: readonly OwnProof[];
  /** Throws the problem for a caller without the proof. */
  readonly authenticate: (call: Call<C>) => Who | Promise<Who>;
}

export const anybody: CallerKind<undefined> = { security: 'none', authenticate: () => undefined };

/** For routes whose body decides who must prove itself: the handler authenticates, and the row says why. */
export function decidedByBody(security: Security): CallerKind<undefined> {
  return { security, authenticate: () => undefined };
}

/** The ways in which a participant proves a request that manages itself, and what to send. */
export const ownProofTexts = {
  client: 'its client credentials, as HTTP Basic or as a private_key_jwt in the field Client-Assertion',
  signature: 'a strict signature by a current key of the participant in x-jws-signature, for the issuer',
  body: 'the proofs of the body, with an access token',
  administrator: 'the token of an administrator',
} as const;
export type OwnProof = keyof typeof ownProofTexts;

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export type Tag =
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

/** By status: the schema of a JSON body, or a description of another body. The first one is the success. */
export type Answers = Readonly<Record<number, z.ZodType | string>>;

/** A route as the application, the metrics and the API description see it. Only `route()` makes one. */
export interface Route<C = HttpContext> {
  readonly method: Method;
  readonly path: string;
  readonly tag: Tag;
  readonly operationId: string;
  readonly summary: string;
  readonly security: Security;
  readonly ownProofs?: readonly OwnProof[];
  readonly query?: z.ZodObject;
  readonly body?: BodyDescription;
  readonly answers: Answers;
  readonly refusals: Refusals;
  readonly isVerdict: boolean;
  readonly handle: (call: Call<C>) => Promise<Response>;
  /**
   * For hot routes: the same answer as `handle`, in plain parts, for the short way past the router (`http/direct.ts`).
   */
  readonly direct?: (call: Call<C>) => Promise<Answer>;
  readonly [made]: true;
}

/** A route of any application, for those who only describe it. */
export type AnyRoute = Route<never>;

export interface BodyDescription {
  readonly schema: z.ZodType;
  readonly mediaTypes: readonly MediaType[];
  /** True if an absent body means `{}`. */
  readonly optional: boolean;
}

declare const made: unique symbol;

/**
 * One row of the table of routes. Everything about a path follows from it: who may call it, what is read and how it is
 * checked, its handler, its 405, its place in `/openapi.json`. The described schemas are those that validate.
 */
export interface Row<C, Who, Path extends string, Body extends z.ZodType, Query extends z.ZodObject> {
  readonly method: Method;
  /**
   * Parameters as `:name`, each one path segment. A value that cannot name an entry is a 404, unless `rawParameters`
   * lists it.
   */
  readonly path: Path;
  /** Parameters that do not name entries. The handler reads them from `call.params`. */
  readonly rawParameters?: readonly string[];
  readonly tag: Tag;
  readonly operationId: string;
  readonly summary: string;
  readonly caller: CallerKind<Who, C>;
  /** Other parameters are ignored. If one occurs twice, the first counts. */
  readonly query?: Query;
  /** A JSON body. If absent, the body is not read. */
  readonly body?: Body;
  /** True if an absent body means `{}`. */
  readonly bodyOptional?: boolean;
  /**
   * For the description only: a body that `caller` or `handle` reads, because it is not JSON or decides who the caller
   * is.
   */
  readonly rawBody?: Omit<BodyDescription, 'optional'>;
  readonly answers: Answers;
  /** Default: problem documents. */
  readonly refusals?: Refusals;
  /** A proxy takes any 2xx of this path for a yes, so no preflight of it is answered. */
  readonly isVerdict?: true;
  /**
   * An object is sent as JSON with the status of success, nothing as 204 or an empty body, and a `Response` as it is.
   */
  readonly handle: (asked: Asked<C, Who, Path, Body, Query>) => Handled | Promise<Handled>;
  readonly direct?: (call: Call<C>) => Promise<Answer>;
}

// biome-ignore lint/suspicious/noConfusingVoidType: a handler that answers nothing need not say so.
type Handled = object | void;

/** The body of a call that needs none: `{}`. */
export const nothing = z.strictObject({});

/** The input of a handler. The caller is authenticated, and body and query have passed their schemas. */
export interface Asked<C, Who, Path extends string = string, Body = z.ZodType, Query = z.ZodObject> {
  readonly call: Call<C>;
  readonly context: C;
  readonly who: Who;
  readonly params: Readonly<Record<ParameterOf<Path>, string>>;
  readonly body: z.output<Body>;
  readonly query: z.output<Query>;
}

/** The names of the path's parameters, except the realm, which the kinds of caller read. */
type ParameterOf<Path extends string> = Exclude<
  Path extends `${string}:${infer Name}/${infer Rest}`
    ? Name | ParameterOf<`/${Rest}`>
    : Path extends `${string}:${infer Name}`
      ? Name
      : never,
  'realm'
>;

/**
 * Makes routes from rows, for the context of one application. Each call, in this order: authenticates the caller, reads
 * and checks the parameters of path and query and the body, then calls `handle`.
 */
export function routeOf<C extends HttpContext>() {
  return <
    Who,
    const Path extends string,
    Body extends z.ZodType = z.ZodUndefined,
    Query extends z.ZodObject = z.ZodObject<Record<never, never>>,
  >(
    row: Row<C, Who, Path, Body, Query>,
  ): Route<C> => toRoute(row);
}

function toRoute<C extends HttpContext, Who, Path extends string, Body extends z.ZodType, Query extends z.ZodObject>(
  row: Row<C, Who, Path, Body, Query>,
): Route<C> {
  const {
    method,
    path,
    tag,
    operationId,
    summary,
    caller,
    query,
    answers,
    refusals = 'problem',
    isVerdict = false,
    direct,
  } = row;
  const status = Number(Object.keys(answers)[0]);
  const parameters = [...path.matchAll(/:([^/]+)/g)]
    .map(([, name]) => name as string)
    .filter((name) => name !== 'realm' && !row.rawParameters?.includes(name));
  const queried = Object.keys(query?.shape ?? {});
  const body = bodyOf(row);
  return {
    ...{ method, path, tag, operationId, summary, security: caller.security, answers, refusals, isVerdict },
    ...(caller.ownProofs && { ownProofs: caller.ownProofs }),
    ...(query && { query }),
    ...(body && { body }),
    ...(direct && { direct }),
    async handle(call) {
      const who = await caller.authenticate(call);
      const asked = {
        call,
        context: call.context,
        who,
        params: Object.fromEntries(parameters.map((name) => [name, pathName(call, name)])),
        query:
          query &&
          validate(query, Object.fromEntries(queried.map((name) => [name, call.query.get(name) ?? undefined]))),
        body: row.body && (await readBody(call, row.body, row.bodyOptional === true)),
      };
      return sent(status, await row.handle(asked as Asked<C, Who, Path, Body, Query>));
    },
  } as Omit<Route<C>, typeof made> as Route<C>;
}

const jsonOnly = ['application/json'] as const;

function bodyOf<Body extends z.ZodType>(
  row: Pick<Row<never, never, never, Body, never>, 'body' | 'bodyOptional' | 'rawBody'>,
): BodyDescription | undefined {
  if (row.rawBody !== undefined) return { ...row.rawBody, optional: false };
  return row.body && { schema: row.body, mediaTypes: jsonOnly, optional: row.bodyOptional === true };
}

function sent(status: number, handled: Handled): Response {
  if (handled instanceof Response) return handled;
  if (handled) return json(status, handled);
  return status === 204 ? noContent() : new Response(null, { status });
}
