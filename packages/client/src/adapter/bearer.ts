import type { HeaderFields } from '@countersign/proof';
import { type Checks, callable, having, optional, options, text } from '@countersign/proof/argument';
import type { Authenticated, Service } from '../service.ts';
import { ruleChecks, type SubjectRules } from '../subject-rules.ts';
import { placeOf, type RequestLine, targetsOf } from './guard.ts';
import { reportTo } from './report.ts';

export interface RefusalLog {
  /** For the log: why a request was refused. */
  readonly onRefusal?: (error: unknown) => void;
}

/** Who may call a route, by a token alone: nothing has to be signed. */
export interface BearerOptions extends SubjectRules, RefusalLog {
  readonly service: Pick<Service, 'authenticate'>;
  /**
   * Where others reach us, such as `https://api.shop.example`, with the path that a proxy in front of us removes. Tokens that are bound to
   * a key are held against it, never against the Host field; without it none passes.
   */
  readonly publicUrl?: string;
}

/** What every adapter does to let callers in, whatever its framework. */
export interface CallerGuard {
  /** `address` is that of the end client. */
  authenticate(headers: HeaderFields, line: RequestLine, address?: string): Promise<Authenticated>;
  report(error: unknown): void;
}

const optionChecks: Checks<BearerOptions> = {
  ...ruleChecks,
  service: having('authenticate'),
  publicUrl: optional(text),
  onRefusal: optional(callable),
};

/** @throws {TypeError} naming the option that is of another type, or that does not exist; {ClientError} `adapter.public_url` */
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
