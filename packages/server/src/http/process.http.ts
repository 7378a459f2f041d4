import { z } from 'zod';
import { requireReady } from '../subject/readiness.ts';
import type { Call } from './call.ts';
import type { Metrics } from './metrics.ts';
import { json } from './render.ts';
import type { Route } from './route.ts';

const state = z.object({ status: z.literal('ok') });

/** What an operator's tools ask of the process. `metrics` comes late, because it counts the routes themselves. */
export function processRoutes(metrics: () => Metrics): readonly Route[] {
  const common = { method: 'GET', tag: 'Process', security: 'none', refusals: 'problem' } as const;
  return [
    {
      ...common,
      path: '/healthz',
      operationId: 'isAlive',
      summary: 'The process lives.',
      responses: { 200: state },
      handle: () => json(200, { status: 'ok' }),
    },
    {
      ...common,
      path: '/readyz',
      operationId: 'isReady',
      summary: 'The store takes writes and a signing key is loaded.',
      responses: { 200: state },
      handle: isReady,
    },
    {
      ...common,
      path: '/metrics',
      operationId: 'getMetrics',
      summary: 'Prometheus metrics.',
      responses: { 200: 'text/plain' },
      async handle() {
        const { registry, text } = metrics();
        return new Response(await text(), { headers: { 'content-type': registry.contentType } });
      },
    },
  ];
}

async function isReady({ context }: Call): Promise<Response> {
  await requireReady(context);
  return json(200, { status: 'ok' });
}
