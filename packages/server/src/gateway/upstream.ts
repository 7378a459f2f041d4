import { Agent as HttpAgent, type IncomingMessage, type RequestOptions, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { Problem } from '../kernel/problem.ts';
import { writeParts } from './call.ts';
import { type Field, flat } from './fields.ts';
import type { Spooled } from './spool.ts';

/** The application behind the gateway. */
export interface Upstream {
  /** Sends the request and returns the response once its header has arrived. @throws {Problem} `gateway.upstream_*` */
  send(outgoing: Outgoing, signal: AbortSignal): Promise<IncomingMessage>;
  /** The body of a response, part by part. @throws {Problem} `gateway.upstream_*` */
  body(response: IncomingMessage): AsyncGenerator<Uint8Array>;
  close(): void;
}

export interface Outgoing {
  readonly method: string;
  /** Sent byte for byte. */
  readonly requestTarget: string;
  /** Without `Host` and `Content-Length`. */
  readonly fields: readonly Field[];
  readonly body: Spooled;
}

export interface UpstreamOptions {
  readonly url: URL;
  /** Milliseconds without a byte from the application after which the call fails. */
  readonly timeout: number;
}

/** Methods that can be sent again without harm if a kept connection turns out to be closed (RFC 9110 §9.2.2). */
const mayKeepConnection: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);
/** Methods that send no `Content-Length` when there is no body. The others send a length of 0 (RFC 9110 §8.6). */
const saysNoLength: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'DELETE']);

export function createUpstream({ url, timeout }: UpstreamOptions): Upstream {
  const isTls = url.protocol === 'https:';
  const request = isTls ? requestHttps : requestHttp;
  const kept = new (isTls ? HttpsAgent : HttpAgent)({ keepAlive: true, maxFreeSockets: 64 });

  function attempt(outgoing: Outgoing, signal: AbortSignal): Promise<IncomingMessage> {
    const { method, requestTarget, fields, body } = outgoing;
    const length: readonly Field[] =
      body.size > 0 || !saysNoLength.has(method) ? [['Content-Length', String(body.size)]] : [];
    const options: RequestOptions = {
      hostname: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port || (isTls ? 443 : 80),
      method,
      path: requestTarget,
      headers: flat([['Host', url.host], ...fields, ...length]),
      // The other methods must not be sent twice. A new connection cannot be closed already, so they need no second
      // attempt.
      agent: mayKeepConnection.has(method) ? kept : false,
      insecureHTTPParser: false,
      signal,
    };
    return new Promise((resolve, reject) => {
      const call = request(options);
      const timer = setTimeout(() => call.destroy(new Problem('gateway.upstream_timeout')), timeout);
      call.on('error', (error) => {
        clearTimeout(timer);
        const isStale = call.reusedSocket && (error as NodeJS.ErrnoException).code === 'ECONNRESET';
        if (isStale && mayKeepConnection.has(method) && !signal.aborted) resolve(attempt(outgoing, signal));
        else reject(fault(error));
      });
      // Without this listener, Node would destroy the connection without a word to the call.
      call.on('upgrade', (_response, socket) => {
        clearTimeout(timer);
        socket.destroy();
        reject(new Problem('gateway.response_refused'));
      });
      call.on('response', (response) => {
        clearTimeout(timer);
        resolve(response);
      });
      // An application may answer and close before it has read everything: its answer counts, and `error` reports the
      // rest.
      writeParts(call, body.parts()).then(
        () => call.end(),
        () => {},
      );
    });
  }

  return {
    send: attempt,
    async *body(response) {
      const parts = response[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
      try {
        for (;;) {
          const timer = setTimeout(() => response.destroy(new Problem('gateway.upstream_timeout')), timeout);
          const part = await parts.next().finally(() => clearTimeout(timer));
          if (part.done === true) return;
          yield part.value;
        }
      } catch (error) {
        throw fault(error);
      } finally {
        response.destroy();
      }
    },
    close: () => kept.destroy(),
  };
}

function fault(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem('gateway.upstream_unreachable', { cause: error });
}
