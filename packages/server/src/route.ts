/** The HTTP layer with this server's context. Wire files of the rooms take routes and calls from here. */
import type { Context } from './context.ts';
import type { Call as HttpCall } from './http/call.ts';
import { corporateOf } from './http/corporate.ts';
import {
  type Asked as HttpAsked,
  type CallerKind as HttpCallerKind,
  type Route as HttpRoute,
  routeOf,
} from './http/route.ts';

export type Call = HttpCall<Context>;
export type CallerKind<Who> = HttpCallerKind<Who, Context>;
export type Route = HttpRoute<Context>;
export type Asked<Who, Path extends string = string> = HttpAsked<Context, Who, Path>;

export const route = routeOf<Context>();
export const corporate = corporateOf<Context>();
