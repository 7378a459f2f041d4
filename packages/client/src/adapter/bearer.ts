import type { HeaderFields } from '@countersign/proof';
import { type Checks, callable, having, optional, options, record, text } from '@countersign/proof/argument';
import type { Authenticated, Authentication } from '../token/authentication.ts';
import { ruleChecks, type SubjectRules } from '../token/subject-rules.ts';
import { type ApiOptions, apiChecks, authenticationFor, type UncheckedApi } from './api.ts';
import { placeOf, type RequestLine, targetsOf } from './guard.ts';
import { reportTo } from './report.ts';

export interface RefusalLog {
  /** Called with the reason of each refusal, for the log. */
  readonly onRefusal?: (error: unknown) => void;
}

/** The rules of a route whose callers need only a token, and no signature. */
export interface BearerRules extends SubjectRules, RefusalLog {
  /**
   * The public URL of the service, such as `https://api.shop.example`, with the path that a proxy in front of it removes.
   * Proofs of bound tokens are compared with it, never with the Host field; without it bound tokens are refused.
   */
  readonly publicUrl?: string;
}

/** The callers of a route, for a service that was made already. */
export interface ServiceBearerOptions extends BearerRules {
  readonly service: Authentication;
}

/** The callers of a route, for an API of which only this much need be said. Without `accept` they are participants and clients. */
export type ApiBearerOptions = ApiOptions & BearerRules;

/** The same without a client: what was revoked is not known. */
export type UncheckedBearerOptions = UncheckedApi & BearerRules;

/** The callers of a route that need only a token: for a service that was made already, or for an API. */
export type BearerOptions = ServiceBearerOptions | ApiBearerOptions;

/** The part of letting callers in that is the same for every framework. */
export interface CallerGuard {
  /** `address` is the address of the end client. */
  authenticate(headers: HeaderFields, line: RequestLine, address?: string): Promise<Authenticated>;
  report(error: unknown): void;
}

const bearerChecks: Checks<BearerRules> = {
  ...ruleChecks,
  publicUrl: optional(text),
  onRefusal: optional(callable),
};
const serviceChecks: Checks<ServiceBearerOptions> = { ...bearerChecks, service: having('authenticate') };
const ofApi: Checks<ApiBearerOptions> = { ...bearerChecks, ...apiChecks };

/**
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @throws {ClientError} `adapter.public_url`, `discovery.issuer_url`, `verifier.audience`, `verifier.accept`
 */
export function createBearerGuard(given: BearerOptions): CallerGuard {
  const [by, { publicUrl, onRefusal, ...rules }] = parted(given);
  const place = publicUrl === undefined ? undefined : placeOf(publicUrl);
  return {
    authenticate: (headers, { method, requestTarget }) => {
      const target = place && targetsOf(requestTarget, place).target;
      return by.authenticate(headers, rules, { method, target });
    },
    report: reportTo(onRefusal),
  };
}

function parted(given: BearerOptions): readonly [Authentication, BearerRules] {
  record(given, 'bearer');
  if ('service' in given) {
    const { service, ...rules } = options(given, 'bearer', serviceChecks);
    return [service, rules];
  }
  const { issuer, audience, client, ...rules } = options(given, 'bearer', ofApi);
  return [authenticationFor({ issuer, audience, ...(client && { client }) }, rules.accept), rules];
}
