import type { HeaderFields } from '@countersign/proof';
import type { Authenticated, Service } from '../service.ts';
import type { SubjectRules } from '../subject-rules.ts';

/** Who may call a route, by a token alone: nothing has to be signed. */
export interface BearerOptions extends SubjectRules {
  readonly service: Pick<Service, 'authenticate'>;
  /** For the log: why a request was refused. */
  readonly onRefusal?: (error: unknown) => void;
}

/** What every adapter does, whatever its framework. */
export interface BearerGuard {
  authenticate(headers: HeaderFields): Promise<Authenticated>;
  report(error: unknown): void;
}

export function createBearerGuard({ service, onRefusal, ...rules }: BearerOptions): BearerGuard {
  return {
    authenticate: (headers) => service.authenticate(headers, rules),
    report(error) {
      try {
        onRefusal?.(error);
      } catch {
        // A log that fails must not turn a refusal into something else.
      }
    },
  };
}
