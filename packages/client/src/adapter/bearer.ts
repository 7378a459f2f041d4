import type { HeaderFields } from '@countersign/proof';
import { type Checks, callable, having, optional, options, text } from '@countersign/proof/argument';
import type { Authenticated, Service } from '../token/service.ts';
import { ruleChecks, type SubjectRules } from '../token/subject-rules.ts';
import { placeOf, type RequestLine, targetsOf } from './guard.ts';
import { reportTo } from './report.ts';

export interface RefusalLog {
  /** Called with the reason of each refusal, for the log. */
  readonly onRefusal?: (error: unknown) => void;
}

/** The callers of a route that need only a token, and no signature. */
export interface BearerOptions extends SubjectRules, RefusalLog {
  readonly service: Pick<Service, 'authenticate'>;
  /**
   * The public URL of the service, such as `https://api.shop.example`, with the path that a proxy in front of it removes.
   * Proofs of bound tokens are compared with it, never with the Host field; without it bound tokens are refused.
   */
  readonly publicUrl?: string;
}

/** The part of letting callers in that is the same for every framework. */
export interface CallerGuard {
  /** `address` is the address of the end client. */
  authenticate(headers: HeaderFields, line: RequestLine, address?: string): Promise<Authenticated>;
  report(error: unknown): void;
}

const optionChecks: Checks<BearerOptions> = {
  ...ruleChecks,
  service: having('authenticate'),
  publicUrl: optional(text),
  onRefusal: optional(callable),
};

/**
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @throws {ClientError} `adapter.public_url`
 */
export function createBearerGuard(given: BearerOptions): CallerGuard {
  const { service, publicUrl, onRefusal, ...rules } = options(given, 'bearer', optionChecks);
  const place = publicUrl === undefined ? undefined : placeOf(publicUrl);
  return {
    authenticate: (headers, { method, requestTarget }) => {
      const target = place && targetsOf(requestTarget, place).target;
      return service.authenticate(headers, rules, { method, target });
    },
    report: reportTo(onRefusal),
  };
}
