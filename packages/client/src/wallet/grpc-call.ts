import type { CallFields } from './wallet-token.ts';

/** As much of `@grpc/grpc-js` as is needed here: whoever has a client of it has the module. */
export interface GrpcJs {
  readonly InterceptingCall: new (call: never, requester: never) => object;
}

/** What grpc-js calls an interceptor. It makes an `InterceptingCall`, which only grpc-js can name. */
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

/** What is held back until the metadata is complete. */
interface Waiting {
  readonly metadata: Metadata;
  readonly listener: Listener;
  readonly next: (metadata: Metadata, listener: Listener) => void;
}

/** https://grpc.io/docs/guides/status-codes: UNAUTHENTICATED. */
const unauthenticated = 16;

/** Works on channels without TLS too, where grpc-js takes no call credentials. The realm is named by metadata: a channel has no path. */
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
      /** A unary call is made of one message: its bytes are known before the call begins. */
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
