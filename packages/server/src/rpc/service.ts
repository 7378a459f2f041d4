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
import { requirePacked } from './packed-only.ts';

/**
 * One row of the table of services. Its handlers in every protocol, its place in reflection and health, and its metrics
 * follow from it. A method without a handler is refused as not implemented (gRPC 12).
 */
export interface RpcService {
  readonly service: DescService;
  readonly handlers: Readonly<Record<string, RpcHandler | undefined>>;
  /** `none`: the service is about the process and has no path below `/realms/{realm}`. */
  readonly realm: 'named' | 'none';
}

/**
 * A kind of caller of procedures: how it proves itself, by the metadata of the call and by the message. Checked before
 * the handler, so only procedures with `anybody` are open.
 */
export interface RpcCallerKind<M, Who> {
  readonly authenticate: (call: RpcCall, message: M) => Who | Promise<Who>;
}

/** Every caller, for questions about the process. */
export const anybody: RpcCallerKind<unknown, undefined> = { authenticate: () => undefined };

/** The input of a handler. The caller has proved itself. */
interface Asked<M, Who> {
  readonly call: RpcCall;
  readonly message: M;
  readonly who: Who;
}

declare const declared: unique symbol;

/** A handler with a declared kind of caller. Only `unary` and `stream` make one. */
type Declared<M, A> = ((message: M, call: RpcCall) => A) & { readonly [declared]: true };

export function unary<M, Who, O extends object>(
  caller: RpcCallerKind<NoInfer<M>, Who>,
  handle: (asked: Asked<M, Who>) => O | Promise<O>,
): Declared<M, Promise<O>> {
  const handler = async (message: M, call: RpcCall) =>
    handle({ call, message, who: await caller.authenticate(call, message) });
  return handler as Declared<M, Promise<O>>;
}

export function stream<M, Who, O extends object>(
  caller: RpcCallerKind<NoInfer<M>, Who>,
  handle: (asked: Asked<M, Who>) => AsyncIterable<O>,
): Declared<M, AsyncIterable<O>> {
  async function* handler(message: M, call: RpcCall) {
    yield* handle({ call, message, who: await caller.authenticate(call, message) });
  }
  return handler as unknown as Declared<M, AsyncIterable<O>>;
}

/** `Handlers` without the exact message types. The wire has decoded each message by the method's own type. */
export type RpcHandler = (request: never, call: RpcCall) => Promise<object> | AsyncIterable<object>;

export type Handlers<S extends DescService> = {
  readonly [M in keyof S['method']]?: Handler<S['method'][M]>;
};

type Handler<M extends DescMethod> =
  M extends DescMethodUnary<infer I, infer O>
    ? Declared<MessageShape<I>, Promise<MessageInitShape<O>>>
    : M extends DescMethodServerStreaming<infer I, infer O>
      ? Declared<MessageShape<I>, AsyncIterable<MessageInitShape<O>>>
      : M extends DescMethodBiDiStreaming<infer I, infer O>
        ? Declared<AsyncIterable<MessageShape<I>>, AsyncIterable<MessageInitShape<O>>>
        : never;

export function rpcService<S extends DescService>(
  service: S,
  handlers: Handlers<S>,
  realm: RpcService['realm'] = 'named',
): RpcService {
  const known = handlers as unknown as RpcService['handlers'];
  if (realm === 'none') return { service, handlers: known, realm };
  const guarded = Object.entries(known).map(([name, handler]) => [
    name,
    handler && openOrPacked(service, name, handler),
  ]);
  return { service, handlers: Object.fromEntries(guarded) as RpcService['handlers'], realm };
}

/** A realm may take a unary method only packed. Streams cannot be packed. */
function openOrPacked(service: DescService, name: string, handler: RpcHandler): RpcHandler {
  if (service.method[name]?.methodKind !== 'unary') return handler;
  return async (message, call) => {
    await requirePacked(call);
    return handler(message, call) as Promise<object>;
  };
}

/** A decoded request with the bytes that it was decoded from. */
export interface Received {
  readonly message: Message;
  readonly bytes: Uint8Array;
}
