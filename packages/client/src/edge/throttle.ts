import { problem } from '../message/message-problem.ts';
import './login-refusal.ts';

/** The limits for logins through the edge. Calls that are answered from the cache do not count. */
export interface EdgeLimits {
  /** Logins that one end client may cause in a minute. Default 300. */
  readonly loginsPerMinute?: number;
  /** Logins of one end client that may fail in a minute; as many may be under way at once. Default 20. */
  readonly failuresPerMinute?: number;
  /** Logins that may be under way at once, of all end clients together. Default 64. */
  readonly concurrentLogins?: number;
}

export interface Throttle {
  /**
   * Begins a login of this end client. Call the returned function once, with the outcome.
   *
   * @throws {MessageProblem} `login.throttled`, `login.busy`
   */
  begin(network: string): (failed: boolean) => void;
}

interface Window {
  logins: number;
  failures: number;
  underWay: number;
  until: number;
}

/** Milliseconds. */
const span = 60_000;
/** The largest number of remembered end clients. The oldest window is forgotten. */
const bound = 10_000;

/**
 * The server counts failures by their source, and for it all logins of an edge may have one source: no end client may use up
 * the budget of all. A login under way counts as failed until it succeeds, so that many logins at once do not get past the
 * limit.
 */
export function createThrottle(now: () => number, limits: EdgeLimits = {}): Throttle {
  const { loginsPerMinute = 300, failuresPerMinute = 20, concurrentLogins = 64 } = limits;
  const windows = new Map<string, Window>();
  let underWay = 0;

  function windowOf(network: string): Window {
    const known = windows.get(network);
    const at = now();
    // A window that ends later than a new one would is from before the clock was set back.
    if (known !== undefined && at < known.until && known.until <= at + span) return known;
    const fresh = { logins: 0, failures: 0, underWay: known?.underWay ?? 0, until: at + span };
    windows.delete(network);
    windows.set(network, fresh);
    const oldest = windows.size > bound ? windows.keys().next().value : undefined;
    if (oldest !== undefined) windows.delete(oldest);
    return fresh;
  }

  return {
    begin(network) {
      const window = windowOf(network);
      const isSpent = window.logins >= loginsPerMinute || window.failures >= failuresPerMinute;
      if (isSpent) throw problem('login.throttled', { retryAfter: Math.ceil((window.until - now()) / 1000) });
      if (window.failures + window.underWay >= failuresPerMinute) throw problem('login.throttled', { retryAfter: 1 });
      if (underWay >= concurrentLogins) throw problem('login.busy');
      window.logins++;
      window.underWay++;
      underWay++;
      return (failed) => {
        underWay--;
        // Counted in the present window, which may be another one than at the start.
        const current = windowOf(network);
        current.underWay = Math.max(0, current.underWay - 1);
        if (failed) current.failures++;
      };
    },
  };
}
