import cluster from 'node:cluster';
import { AggregatorRegistry, type Registry } from 'prom-client';
import { Problem } from '../kernel/problem.ts';

/**
 * Workers share the port, and each counts its own answers. The worker that is asked for metrics asks the primary, which
 * asks every worker and adds up. Numbers without a sum, such as the start of the process, are left out there.
 */
const type = 'countersign:metrics';

interface Message {
  readonly type?: unknown;
  readonly text?: string;
}

/** For the primary: lets workers ask from now on. */
export function collectFromWorkers(): void {
  const all = new AggregatorRegistry();
  cluster.on('message', (worker, message: Message) => {
    if (message?.type !== type) return;
    const answer = (text?: string) => worker.isConnected() && worker.send({ type, text });
    all.clusterMetrics().then(answer, () => answer());
  });
}

/**
 * The metrics of this process; for a worker, those of all workers.
 *
 * @throws {Problem} `store.unavailable` if they do not arrive
 */
export function textOfAll(registry: Registry): () => Promise<string> {
  if (!cluster.isWorker) return () => registry.metrics();
  AggregatorRegistry.setRegistries(registry);
  // Made only for its listener, which sends the registry's contents to the primary.
  new AggregatorRegistry();
  let pending: Promise<string> | undefined;
  return () => {
    pending ??= askPrimary().finally(() => {
      pending = undefined;
    });
    return pending;
  };
}

function askPrimary(): Promise<string> {
  return new Promise((resolve, reject) => {
    const hear = (message: Message) => {
      if (message?.type !== type) return;
      process.off('message', hear);
      if (message.text !== undefined) resolve(message.text);
      else reject(new Problem('store.unavailable', { reason: 'a worker did not tell its metrics' }));
    };
    process.on('message', hear);
    process.send?.({ type });
  });
}
