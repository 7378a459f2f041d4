import type { Context } from '../context.ts';
import type { Caller } from '../kernel/caller.ts';
import type { Source } from '../kernel/source.ts';
import type { Realm } from '../subject/realm.ts';

/** One RPC in progress, as a handler sees it, in any protocol. */
export interface RpcCall {
  readonly context: Context;
  /** `/countersign.v1.AuthService/AcquireToken`: the full RPC path, without the prefix of a realm. */
  readonly procedure: string;
  readonly requestId: string;
  /** The address of the caller, as far as trusted proxies tell. */
  readonly source: Source;
  /** Names in lower case. A name that occurs twice has both values, joined by a comma. */
  readonly metadata: Pick<Headers, 'get'>;
  /**
   * For a unary call: the serialized request exactly as the caller made it, before any compression: the message of the
   * frame for gRPC and gRPC-Web, the body for Connect (also as JSON). The digest of an invocation covers these bytes.
   * Empty for streams.
   */
  readonly bytes: Uint8Array;
  /** For a packed call, the DID that sealed it. A proof inside the call must be by the same DID. */
  readonly sealedBy: string | undefined;
  /** Aborted when the caller has gone or the deadline has passed. */
  readonly signal: AbortSignal;
  /** Aborted when the server begins to stop, so that long answers end. */
  readonly stopping: AbortSignal;
  /** Metadata to send before the answer, or with the refusal. */
  readonly answerMetadata: Headers;
  /** The realm of the prefix or of the metadata key `realm`, else the default one. @throws {Problem} `realm.unknown` */
  realm(): Promise<Realm>;
  /** The caller, for the event log. */
  caller(actor: string): Caller;
}
