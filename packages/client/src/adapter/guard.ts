import {
  amount,
  type Checks,
  callable,
  either,
  having,
  oneOf,
  optional,
  options as optionsOf,
  text,
} from '@countersign/proof/argument';
import { ClientError } from '../error.ts';
import type { IncomingRequest, Verified } from '../message/verify-request.ts';
import type { Participant } from '../participant.ts';
import { reportTo } from './report.ts';

export type Responses = 'signed' | 'unsigned';

/** A request before its body was read. */
export interface RequestLine {
  readonly method: string;
  /** The request target as it was sent. */
  readonly requestTarget: string;
}

/** The rules of a guard for signed messages. Limits are in bytes. */
export interface GuardOptions {
  readonly participant: Pick<Participant, 'verifyRequest' | 'signResponse'>;
  /**
   * The public URL of the service, such as `https://api.lender.example`. Strict signatures are compared with it, never with the
   * Host field; without it they are refused. Its path, if it has one, is the path that a proxy in front removes from the
   * request target.
   */
  readonly publicUrl?: string;
  /** The largest request body, in bytes. Default 1 MiB; a larger one is refused with 413. */
  readonly maxBodyBytes?: number;
  /** The largest signed response, in bytes. It is kept in memory. Default 16 MiB; a larger one becomes a 500. */
  readonly maxResponseBytes?: number;
  /** `unsigned` streams responses. A function decides for each request. Default `signed`. */
  readonly responses?: Responses | ((request: RequestLine) => Responses);
  /** Called with the reason of each refused request or unsigned response, for the log. */
  readonly onRefusal?: (error: unknown, request: RequestLine) => void;
}

/** The part of the guard that is the same for every framework. */
export interface Guard {
  readonly maxBodyBytes: number;
  readonly maxResponseBytes: number;
  verify(line: RequestLine, headers: IncomingRequest['headers'], body: Uint8Array): Promise<Verified>;
  sign(verified: Verified, status: number, body: Uint8Array): Promise<Readonly<Record<string, string>>>;
  isSigned(line: RequestLine): boolean;
  report(error: unknown, line: RequestLine): void;
}

const optionChecks: Checks<GuardOptions> = {
  participant: having('verifyRequest', 'signResponse'),
  publicUrl: optional(text),
  maxBodyBytes: optional(amount),
  maxResponseBytes: optional(amount),
  responses: optional(either(callable, oneOf('signed', 'unsigned'))),
  onRefusal: optional(callable),
};

/**
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @throws {ClientError} `adapter.public_url`
 */
export function createGuard(given: GuardOptions): Guard {
  const options = optionsOf(given, 'countersign', optionChecks);
  const { participant, publicUrl, responses = 'signed', onRefusal } = options;
  const place = publicUrl === undefined ? undefined : placeOf(publicUrl);
  return {
    maxBodyBytes: options.maxBodyBytes ?? 1_048_576,
    maxResponseBytes: options.maxResponseBytes ?? 16_777_216,
    verify: ({ method, requestTarget }, headers, body) =>
      participant.verifyRequest({ method, headers, body, ...targetsOf(requestTarget, place) }),
    sign: (verified, status, body) => participant.signResponse(verified, { status, body }),
    isSigned: (line) => (typeof responses === 'function' ? responses(line) : responses) !== 'unsigned',
    report: reportTo(onRefusal),
  };
}

export interface Place {
  readonly origin: string;
  /** The path without a slash at its end. */
  readonly path: string;
}

/** @throws {ClientError} `adapter.public_url` */
export function placeOf(publicUrl: string): Place {
  if (!/^https?:\/\/[^/?#]+(?:\/[^?#]*)?$/.test(publicUrl) || !URL.canParse(publicUrl)) {
    throw new ClientError('adapter.public_url', 'publicUrl must be an http or https URL without query and fragment.');
  }
  const { origin, pathname } = new URL(publicUrl);
  return { origin, path: pathname.replace(/\/$/, '') };
}

/**
 * The sender signed the target before a proxy removed the public URL's path from it. An absolute form (RFC 9112 §3.2.2) names
 * its host itself: another host than the public one is no target here, and its strict signatures are refused.
 */
export function targetsOf(requestTarget: string, place: Place | undefined) {
  if (place === undefined) return { requestTarget, target: '' };
  if (requestTarget.startsWith('/')) {
    const whole = place.path + requestTarget;
    return { requestTarget: whole, target: place.origin + whole };
  }
  const [, authority = '', path = ''] = /^https?:\/\/([^/?#]*)(\/.*)$/i.exec(requestTarget) ?? [];
  const isOurs = authority.toLowerCase() === new URL(place.origin).host;
  return { requestTarget, target: isOurs ? place.origin + place.path + path : '' };
}
