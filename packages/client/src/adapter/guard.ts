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
import type { Participant } from '../participant.ts';
import type { IncomingRequest, Verified } from '../verify-request.ts';
import { reportTo } from './report.ts';

export type Responses = 'signed' | 'unsigned';

/** A request as an adapter knows it before its body was read. */
export interface RequestLine {
  readonly method: string;
  /** As on the wire. */
  readonly requestTarget: string;
}

export interface GuardOptions {
  readonly participant: Pick<Participant, 'verifyRequest' | 'signResponse'>;
  /**
   * Where others reach us, such as `https://api.lender.example`. Strict signatures are held against it, never against the Host
   * field; without it none passes. Its path, if it has one, is what a proxy in front of us removes from the request target.
   */
  readonly publicUrl?: string;
  /** Bytes of a request. Default 1 MiB; more is refused with 413. */
  readonly maxBodyBytes?: number;
  /** Bytes of a response that is signed, and held in memory for it. Default 16 MiB; a larger one becomes a 500. */
  readonly maxResponseBytes?: number;
  /** `unsigned` lets a response stream. A function decides by request. Default `signed`. */
  readonly responses?: Responses | ((request: RequestLine) => Responses);
  /** For the log: why a request was refused, or a response could not be signed. */
  readonly onRefusal?: (error: unknown, request: RequestLine) => void;
}

/** What every adapter does, whatever its framework. */
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

/** @throws {TypeError} naming the option that is of another type, or that does not exist; {ClientError} `adapter.public_url` */
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
  /** Without a slash at its end. */
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

/** The sender signed what it sent: before a proxy removed our path from it. The absolute form (RFC 9112 §3.2.2) names a host of its own. */
export function targetsOf(requestTarget: string, place: Place | undefined) {
  if (place === undefined) return { requestTarget, target: '' };
  if (requestTarget.startsWith('/')) {
    const whole = place.path + requestTarget;
    return { requestTarget: whole, target: place.origin + whole };
  }
  const path = /^https?:\/\/[^/?#]*(\/.*)$/i.exec(requestTarget)?.[1];
  return { requestTarget, target: path === undefined ? '' : place.origin + place.path + path };
}
