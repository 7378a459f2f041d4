import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from '../context.ts';
import { Problem } from '../kernel/problem.ts';
import { requireReady } from '../subject/readiness.ts';
import type { RpcCall } from './call.ts';
import { Health, HealthCheckResponse_ServingStatus as Status } from './gen/grpc/health/v1/health_pb.ts';
import { anybody, type RpcService, rpcService, stream, unary } from './service.ts';

/** Milliseconds between two checks for watchers. */
const interval = 1_000;

/**
 * The gRPC health checking protocol, with the result of `/readyz`: all services of this process are ready, or none is.
 * The empty name means the process.
 */
export function healthService(services: readonly RpcService[]): RpcService {
  const names = new Set(['', Health.typeName, ...services.map(({ service }) => service.typeName)]);
  const now = sharedLook();
  return rpcService(
    Health,
    {
      check: unary(anybody, async ({ message: { service }, call: { context, stopping } }) => {
        if (!names.has(service)) throw new Problem('rpc.unknown_service');
        return { status: stopping.aborted ? Status.NOT_SERVING : await look(context) };
      }),
      watch: stream(anybody, async function* ({ message: { service }, call }) {
        let told: number | undefined;
        while (!call.signal.aborted && !call.stopping.aborted) {
          const status = names.has(service) ? await now(call.context) : Status.SERVICE_UNKNOWN;
          if (status !== told) yield { status };
          told = status;
          await untilNextLook(call);
        }
        if (call.signal.aborted) return;
        if (names.has(service)) yield { status: Status.NOT_SERVING };
        throw new Problem('rpc.stopping');
      }),
    },
    'none',
  );
}

async function look(context: Context): Promise<Status> {
  return requireReady(context).then(
    () => Status.SERVING,
    () => Status.NOT_SERVING,
  );
}

/** Checks the store once per interval, for any number of watchers. */
function sharedLook(): (context: Context) => Promise<Status> {
  let at = Number.NEGATIVE_INFINITY;
  let last: Promise<Status> | undefined;
  return (context) => {
    const time = context.clock.elapsed();
    if (last === undefined || time - at >= interval) [at, last] = [time, look(context)];
    return last;
  };
}

/** Waits for an interval, or less if the caller goes or the server stops. */
async function untilNextLook({ signal, stopping }: RpcCall): Promise<void> {
  await sleep(interval, undefined, { signal: AbortSignal.any([signal, stopping]), ref: false }).catch(() => {});
}
