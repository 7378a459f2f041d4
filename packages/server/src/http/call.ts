import type { Caller, Context } from '../context.ts';
import type { Source } from '../kernel/source.ts';

/** What handlers may look at of a request: a web `Request` is one, and so is what the short way makes of Node's. */
export interface WireRequest {
  readonly headers: Pick<Headers, 'get'>;
  readonly body: Request['body'];
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** One HTTP request on its way through: what a handler may look at. */
export interface Call {
  readonly context: Context;
  readonly request: WireRequest;
  /** The exact bytes of the body, read once. Throws `request.too_large` past 1 MiB. */
  bytes(): Promise<Uint8Array>;
  readonly method: string;
  /** The request target exactly as on the wire, query included. */
  readonly target: string;
  /** Path parameters, percent-decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly requestId: string;
  /** The address of the caller, as far as trusted proxies tell. */
  readonly source: Source;
  /** Aborted when the server begins to stop: long answers end themselves. */
  readonly stopping: AbortSignal;
  /** Who asks, for the event log. */
  caller(actor: string): Caller;
}
