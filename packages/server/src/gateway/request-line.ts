import type { IncomingMessage } from 'node:http';
import { Problem } from '../kernel/problem.ts';
import { transferCodingFault } from '../kernel/transfer-coding.ts';
import { type Field, fieldsOf } from './fields.ts';

/** Prefix of the paths that the gateway answers itself. */
export const ownPrefix = '/.well-known/countersign-gateway';

/** RFC 9110 §9: every method passes except those that would use the gateway as a tunnel or an echo. */
const refusedMethods: ReadonlySet<string> = new Set(['CONNECT', 'TRACE', 'TRACK']);
const maxTargetLength = 8192;

/**
 * @throws {Problem} `request.invalid`, `request.method`, `gateway.upgrade`, `gateway.target` for a request that must
 * not reach the application
 */
export function checkRequestLine(request: IncomingMessage): {
  readonly method: string;
  readonly requestTarget: string;
} {
  const { method = '', url = '' } = request;
  const hosts = fieldsOf(request.rawHeaders).filter(([name]) => name.toLowerCase() === 'host');
  // RFC 9112 §3.2: "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message that
  // lacks a Host header field and to any request message that contains more than one Host header field line". The
  // application might read the other one.
  if (hosts.length > 1 || (hosts.length === 0 && request.httpVersion === '1.1')) {
    throw new Problem('request.invalid', { detail: 'A request has exactly one Host field.' });
  }
  const fault = transferCodingFault(request);
  if (fault !== undefined) throw fault;
  if (refusedMethods.has(method)) throw new Problem('request.method');
  if (request.headers.upgrade !== undefined) throw new Problem('gateway.upgrade');
  if (url.length > maxTargetLength || !/^(?:\/|https?:\/\/|\*$)[\x21-\x7e]*$/i.test(url) || url.includes('#')) {
    throw new Problem('gateway.target');
  }
  return { method, requestTarget: url };
}

/** True if a target, in any form, is a path of the gateway itself. Such paths never reach the application. */
export function isOwn(requestTarget: string): boolean {
  return requestTarget.replace(/^https?:\/\/[^/?#]*/i, '').startsWith(ownPrefix);
}

/** The path of an origin-form target (RFC 9112 §3.2.1), as written; undefined for the other forms. */
export function pathOf(requestTarget: string): string | undefined {
  return requestTarget.startsWith('/') ? requestTarget.split('?', 1)[0] : undefined;
}

/**
 * The absolute target URI: the public URL and the request target, never the Host field. A target in absolute form (RFC
 * 9112 §3.2.2) is taken as it is, and must begin with our origin.
 *
 * @throws {Problem} `gateway.misdirected`
 */
export function absoluteTarget(requestTarget: string, publicUrl: string): string {
  if (!/^https?:\/\//i.test(requestTarget)) return requestTarget === '*' ? publicUrl : publicUrl + requestTarget;
  const isOurs = URL.canParse(requestTarget) && new URL(requestTarget).origin === new URL(publicUrl).origin;
  if (!isOurs || /^https?:\/\/[^/?#]*@/i.test(requestTarget)) throw new Problem('gateway.misdirected');
  return requestTarget;
}

/**
 * True if a request target matches a pattern: a path, or a path that ends in `*` for everything below. Compared as
 * written. A path that an application might read differently (escapes, dot segments, doubled slashes, other letters)
 * matches no pattern.
 */
export function matches(requestTarget: string, patterns: readonly string[]): boolean {
  const path = pathOf(requestTarget);
  if (path === undefined || !/^(?:\/[A-Za-z0-9_~.-]+)*\/?$/.test(path) || /\/\.{1,2}(?:\/|$)/.test(path)) return false;
  return patterns.some((pattern) => (pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern));
}

/** The value of a field that occurs exactly once, else undefined. */
export function single(fields: readonly Field[], wanted: string): string | undefined {
  const values = fields.filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value);
  return values.length === 1 ? values[0] : undefined;
}
