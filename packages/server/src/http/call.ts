import type { Caller } from '../kernel/caller.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Log } from '../kernel/log.ts';
import type { Random } from '../kernel/random.ts';
import type { Source } from '../kernel/source.ts';

/**
 * The part of a request that handlers may read. A web `Request` has it, and so has the object that the short way
 * builds.
 */
export interface WireRequest {
  readonly headers: Pick<Headers, 'get'>;
  readonly body: Request['body'];
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** What transport itself needs of the application. The rest of its context is passed through to the handlers. */
export interface HttpContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly config: {
    readonly publicUrl: string;
    readonly trustedProxies: readonly string[];
    readonly corsOrigins: readonly string[];
  };
}

/** One HTTP request in progress, as a handler sees it. */
export interface Call<C = HttpContext> {
  readonly context: C;
  readonly request: WireRequest;
  /** The exact bytes of the body, read once. @throws {Problem} `request.too_large` past 1 MiB */
  bytes(): Promise<Uint8Array>;
  readonly method: string;
  /** The request target exactly as on the wire, with the query. */
  readonly target: string;
  /** Path parameters, percent-decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly requestId: string;
  /** The address of the caller, as far as trusted proxies tell. */
  readonly source: Source;
  /** Whether the request came from a trusted proxy, so that what it says of the original request is true. */
  isFromProxy(): boolean;
  /** Aborted when the server begins to stop, so that long answers end. */
  readonly stopping: AbortSignal;
  /** The caller, for the event log. */
  caller(actor: string): Caller;
}
