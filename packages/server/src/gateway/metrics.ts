import { Counter, collectDefaultMetrics, Registry } from 'prom-client';
import type { Outcome } from './call.ts';

export interface GatewayMetrics {
  readonly registry: Registry;
  count(direction: string, outcome: Outcome): void;
}

export function createGatewayMetrics(): GatewayMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const answered = new Counter({
    name: 'countersign_gateway_requests_total',
    help: 'Requests answered, by direction, status, and the code of the refusal (`passed` if the request passed).',
    labelNames: ['direction', 'status', 'reason'],
    registers: [registry],
  });
  return {
    registry,
    count: (direction, { status, reason }) => answered.labels(direction, String(status), reason).inc(),
  };
}
