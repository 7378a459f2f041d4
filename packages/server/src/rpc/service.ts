import type {
  DescMethod,
  DescMethodBiDiStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  Message,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf';
import type { RpcCall } from './call.ts';

/**
 * One row of the table from which everything about a service follows: its handlers in every protocol, its place in reflection and
 * health, its metrics. A method without a handler is refused as one that is not there (gRPC 12).
 */
export interface RpcService {
  readonly service: DescService;
  readonly handlers: Readonly<Record<string, RpcHandler | undefined>>;
  /** `none`: about the process, not about a realm; such a service has no path below `/realms/{realm}`. */
  readonly realm: 'named' | 'none';
}

/** What `Handlers` says exactly, with the types of the messages forgotten: the wire has just decoded them by the method's own. */
export type RpcHandler = (request: never, call: RpcCall) => Promise<object> | AsyncIterable<object>;

export type Handlers<S extends DescService> = {
  readonly [M in keyof S['method']]?: Handler<S['method'][M]>;
};

type Handler<M extends DescMethod> =
  M extends DescMethodUnary<infer I, infer O>
    ? (request: MessageShape<I>, call: RpcCall) => Promise<MessageInitShape<O>>
    : M extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageShape<I>, call: RpcCall) => AsyncIterable<MessageInitShape<O>>
      : M extends DescMethodBiDiStreaming<infer I, infer O>
        ? (requests: AsyncIterable<MessageShape<I>>, call: RpcCall) => AsyncIterable<MessageInitShape<O>>
        : never;

export function rpcService<S extends DescService>(
  service: S,
  handlers: Handlers<S>,
  realm: RpcService['realm'] = 'named',
): RpcService {
  return { service, handlers: handlers as unknown as RpcService['handlers'], realm };
}

/** A decoded request, beside the bytes that it was decoded from. */
export interface Received {
  readonly message: Message;
  readonly bytes: Uint8Array;
}
