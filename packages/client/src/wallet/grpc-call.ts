import type { CallFields } from './by.ts';

/** The part of `@grpc/grpc-js` that is used here. The caller passes the module. */
export interface GrpcJs {
  readonly InterceptingCall: new (call: never, requester: never) => object;
}

/** An interceptor of grpc-js. It returns an `InterceptingCall`, whose type only grpc-js has. */
export type GrpcInterceptor = (options: GrpcCall, nextCall: (options: never) => object) => never;

export interface GrpcProver {
  readonly issuer: string;
  authorize(path: string): Promise<CallFields>;
  invoke(path: string, message: Uint8Array): Promise<CallFields>;
}

interface GrpcCall {
  readonly method_definition: {
    readonly path: string;
    readonly requestStream: boolean;
    readonly responseStream: boolean;
    readonly requestSerialize: (message: never) => Uint8Array;
  };
}

interface Metadata {
  set(name: string, value: string): void;
}

interface Listener {
  onReceiveStatus(status: { readonly code: number; readonly details: string; readonly metadata: Metadata }): void;
}

/** The parts of a call that wait until the metadata is complete. */
interface Waiting {
  readonly metadata: Metadata;
  readonly listener: Listener;
  readonly next: (metadata: Metadata, listener: Listener) => void;
}

/** https://grpc.io/docs/guides/status-codes: UNAUTHENTICATED. */
const unauthenticated = 16;

/**
 * Works also on channels without TLS, where grpc-js refuses call credentials. The metadata names the realm, because a channel
 * has no path.
 */
export function grpcInterceptor(prover: GrpcProver, grpc: GrpcJs, by: 'token' | 'invocation'): GrpcInterceptor {
  return (options, nextCall) => {
    const { path, requestStream, responseStream, requestSerialize } = options.method_definition;
    const isInvoked = by === 'invocation' && !requestStream && !responseStream;
    let waiting: Waiting | undefined;
    const requester = {
      start(metadata: Metadata, listener: Listener, next: Waiting['next']) {
        waiting = { metadata, listener, next };
        if (!isInvoked) begin(waiting, prover, prover.authorize(path));
      },
      /** A unary call has one message, so its bytes are known before the call begins. */
      sendMessage(message: unknown, next: (message: unknown) => void) {
        next(message);
        if (isInvoked && waiting !== undefined) {
          begin(waiting, prover, prover.invoke(path, requestSerialize(message as never)));
        }
      },
    };
    return new grpc.InterceptingCall(nextCall(options as never) as never, requester as never) as never;
  };
}

function begin({ metadata, listener, next }: Waiting, { issuer }: GrpcProver, fields: Promise<CallFields>): void {
  fields.then(
    (proof) => {
      metadata.set('realm', decodeURIComponent(issuer.slice(issuer.lastIndexOf('/') + 1)));
      for (const [name, value] of Object.entries(proof)) metadata.set(name, value);
      next(metadata, listener);
    },
    (refusal: Error) => listener.onReceiveStatus({ code: unauthenticated, details: refusal.message, metadata }),
  );
}
