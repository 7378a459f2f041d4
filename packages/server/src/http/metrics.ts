import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { textOfAll } from './worker-metrics.ts';

export interface Metrics {
  readonly registry: Registry;
  /** The text for Prometheus. With several workers, for all of them together. */
  text(): Promise<string>;
  /** Called when a request of this route has been answered. `seconds` is its duration. */
  observerOf(route: { readonly method: string; readonly path: string }): (status: number, seconds: number) => void;
}

/**
 * Counted in a plain object and passed on when the registry is read: prom-client's own counter hashes the labels at
 * every request.
 */
interface Tally {
  readonly labels: { readonly method: string; readonly route: string; readonly status: string };
  count: number;
}

/** `cacheSize` counts the entries of the read-through cache. */
export function createMetrics(cacheSize: () => number): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const tallies: Tally[] = [];
  new Counter({
    name: 'countersign_http_requests_total',
    help: 'Requests answered, by route and status.',
    labelNames: ['method', 'route', 'status'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { labels, count } of tallies) this.inc(labels, count);
    },
  });
  const duration = new Histogram({
    name: 'countersign_http_request_seconds',
    help: 'Time from the request to its answer.',
    labelNames: ['method', 'route'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5],
    registers: [registry],
  });
  new Gauge({
    name: 'countersign_cache_entries',
    help: 'Entries in the read-through cache.',
    registers: [registry],
    collect() {
      this.set(cacheSize());
    },
  });
  return {
    registry,
    text: textOfAll(registry),
    observerOf({ method, path }) {
      const timer = duration.labels(method, path);
      const byStatus = new Map<number, Tally>();
      return (status, seconds) => {
        let tally = byStatus.get(status);
        if (tally === undefined) {
          tally = { labels: { method, route: path, status: String(status) }, count: 0 };
          byStatus.set(status, tally);
          tallies.push(tally);
        }
        tally.count++;
        timer.observe(seconds);
      };
    },
  };
}
