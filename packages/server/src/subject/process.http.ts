import { z } from 'zod';
import type { Metrics } from '../http/metrics.ts';
import { anybody } from '../http/route.ts';
import { Problem } from '../kernel/problem.ts';
import { type Route, route } from '../route.ts';
import { requireReady } from './readiness.ts';

const state = z.object({ status: z.literal('ok') });
const ok = { status: 'ok' } as const;

/**
 * The routes for an operator's tools. `metrics` is a function, because the metrics need the list of all routes first.
 */
export function processRoutes(metrics: () => Metrics): readonly Route[] {
  const common = { method: 'GET', tag: 'Process', caller: anybody } as const;
  return [
    route({
      ...common,
      path: '/healthz',
      operationId: 'isAlive',
      summary: 'The process lives.',
      answers: { 200: state },
      handle: () => ok,
    }),
    route({
      ...common,
      path: '/readyz',
      operationId: 'isReady',
      summary: 'The store takes writes and a signing key is loaded.',
      answers: { 200: state },
      async handle({ context }) {
        await requireReady(context);
        return ok;
      },
    }),
    route({
      ...common,
      path: '/metrics',
      operationId: 'getMetrics',
      summary: 'Prometheus metrics.',
      answers: { 200: 'text/plain' },
      async handle({ call }) {
        // A proxy hides this path by its letters, and need not know another spelling of it.
        if (!/^\/metrics(?:\?|$)/.test(call.target)) throw new Problem('request.not_found');
        const { registry, text } = metrics();
        return new Response(await text(), { headers: { 'content-type': registry.contentType } });
      },
    }),
  ];
}
