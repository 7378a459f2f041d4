import type { Caller, Context } from '../context.ts';
import type { Source } from '../kernel/source.ts';
import type { Realm } from '../subject/realm.ts';

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
  /** The realm of the path; 404 when there is none. */
  realm(): Promise<Realm>;
  /** Who asks, for the event log. */
  caller(actor: string): Caller;
}
