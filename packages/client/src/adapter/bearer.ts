import type { HeaderFields } from '@countersign/proof';
import type { Authenticated, Service } from '../service.ts';
import type { SubjectRules } from '../subject-rules.ts';
import { placeOf, type RequestLine, targetsOf } from './guard.ts';

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

export function createBearerGuard({ service, publicUrl, onRefusal, ...rules }: BearerOptions): CallerGuard {
  const place = publicUrl === undefined ? undefined : placeOf(publicUrl);
  return {
    authenticate: (headers, { method, requestTarget }) => {
      const target = place && targetsOf(requestTarget, place).target;
      return service.authenticate(headers, rules, { method, target });
    },
    report: reportTo(onRefusal),
  };
}

export function reportTo(onRefusal: RefusalLog['onRefusal']): (error: unknown) => void {
  return (error) => {
    try {
      onRefusal?.(error);
    } catch {
      // A log that fails must not turn a refusal into something else.
    }
  };
}
