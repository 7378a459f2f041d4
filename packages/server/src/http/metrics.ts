import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Context } from '../context.ts';
import type { Route } from './route.ts';

export interface Metrics {
  readonly registry: Registry;
  /** What to call when a request of this route has been answered. `seconds` is its duration. */
  observerOf(route: Pick<Route, 'method' | 'path'>): (status: number, seconds: number) => void;
}

export function createMetrics(context: Context): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const answered = new Counter({
    name: 'countersign_http_requests_total',
    help: 'Requests answered, by route and status.',
    labelNames: ['method', 'route', 'status'],
    registers: [registry],
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
      this.set(context.cache.size());
    },
  });
  return {
    registry,
    observerOf({ method, path }) {
      const timer = duration.labels(method, path);
      const byStatus = new Map<number, Counter.Internal>();
      return (status, seconds) => {
        let counter = byStatus.get(status);
        if (counter === undefined) {
          counter = answered.labels(method, path, String(status));
          byStatus.set(status, counter);
        }
        counter.inc();
        timer.observe(seconds);
      };
    },
  };
}
