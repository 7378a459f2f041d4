import type { HeaderFields } from '@countersign/proof';
import type { Authenticated, Service } from '../service.ts';
import type { SubjectRules } from '../subject-rules.ts';

export interface RefusalLog {
  /** For the log: why a request was refused. */
  readonly onRefusal?: (error: unknown) => void;
}

/** Who may call a route, by a token alone: nothing has to be signed. */
export interface BearerOptions extends SubjectRules, RefusalLog {
  readonly service: Pick<Service, 'authenticate'>;
}

/** What every adapter does to let callers in, whatever its framework. */
export interface CallerGuard {
  /** `address` is that of the end client. */
  authenticate(headers: HeaderFields, address?: string): Promise<Authenticated>;
  report(error: unknown): void;
}

export function createBearerGuard({ service, onRefusal, ...rules }: BearerOptions): CallerGuard {
  return { authenticate: (headers) => service.authenticate(headers, rules), report: reportTo(onRefusal) };
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
