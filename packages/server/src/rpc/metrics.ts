import { Counter, Histogram, type Registry } from 'prom-client';
import type { Content } from './content.ts';
import type { Procedure } from './procedure.ts';

/** Called when a call of this procedure has ended. `seconds` is its duration. */
export type ObserveCall = (protocol: Content['protocol'], status: number, seconds: number) => void;

export function rpcObservers(registry: Registry): (procedure: Procedure) => ObserveCall {
  const calls = new Counter({
    name: 'countersign_rpc_calls_total',
    help: 'Remote procedure calls ended, by procedure, protocol and gRPC status.',
    labelNames: ['procedure', 'protocol', 'status'],
    registers: [registry],
  });
  const duration = new Histogram({
    name: 'countersign_rpc_call_seconds',
    help: 'Time from a unary call to its answer.',
    labelNames: ['procedure'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5],
    registers: [registry],
  });
  return ({ path, method }) => {
    const timer = duration.labels(path);
    return (protocol, status, seconds) => {
      calls.labels(path, protocol, String(status)).inc();
      // The length of a stream depends on the watcher and says nothing about the server.
      if (method.methodKind === 'unary') timer.observe(seconds);
    };
  };
}
