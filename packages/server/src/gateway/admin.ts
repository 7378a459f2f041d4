import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TokenSource } from '@countersign/client';
import { Problem } from '../kernel/problem.ts';
import { sendWhole } from './call.ts';
import type { GatewayMetrics } from './metrics.ts';
import { refusalOf } from './refusal.ts';
import { ownPrefix, pathOf } from './request-line.ts';
import type { SubjectSigner } from './subject-header.ts';

export interface AdminOptions {
  /** The gateway is ready while this source yields a token of the realm. */
  readonly client: TokenSource;
  readonly subject: SubjectSigner;
  readonly metrics: GatewayMetrics;
}

interface Page {
  readonly type: string;
  readonly text: string;
}

/** The pages of the gateway itself for the application and the operator, served at a separate port. */
export function administration({ client, subject, metrics }: AdminOptions) {
  const pages: Readonly<Record<string, () => Promise<Page>>> = {
    [`${ownPrefix}/jwks.json`]: async () => ({ type: 'application/jwk-set+json', text: JSON.stringify(subject.jwks) }),
    '/healthz': async () => ({ type: 'text/plain', text: 'ok\n' }),
    '/readyz': async () => {
      await client.token().catch((cause) => {
        throw new Problem('gateway.not_ready', { cause });
      });
      return { type: 'text/plain', text: 'ready\n' };
    },
    '/metrics': async () => ({ type: metrics.registry.contentType, text: await metrics.registry.metrics() }),
  };
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      const path = pathOf(request.url ?? '') ?? '';
      const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
      if (page === undefined) throw new Problem('request.not_found');
      if (request.method !== 'GET' && request.method !== 'HEAD') throw new Problem('request.method');
      const { type, text } = await page();
      sendWhole(
        request,
        response,
        200,
        [
          ['Content-Type', type],
          ['Cache-Control', 'no-store'],
        ],
        Buffer.from(text),
      );
    } catch (error) {
      const { status, fields, body } = refusalOf(error);
      sendWhole(request, response, status, fields, body);
    }
  };
}
