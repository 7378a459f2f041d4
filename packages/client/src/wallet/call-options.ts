import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import type { ConnectError, Interceptor, UnaryRequest } from '@connectrpc/connect';
import { having } from '@countersign/proof/argument';
import { ClientError } from '../error.ts';
import { type By, type CallFields, requireBy } from './by.ts';
import { type GrpcInterceptor, type GrpcJs, grpcInterceptor } from './grpc-call.ts';
import type { Pack } from './tunnel.ts';

export interface Prover {
  readonly issuer: string;
  authorize(path: string): Promise<CallFields>;
  invoke(path: string, message: Uint8Array, action?: string): Promise<CallFields>;
  readonly pack: Pack;
}

/** Makes the options for clients of other RPC libraries. */
export interface CallOptions {
  /**
   * For a Connect transport: `createConnectTransport({ baseUrl: wallet.issuer, ...wallet.callOptions() })`. With `invocation`
   * every unary call sends a separate invocation; streams always use the token.
   */
  callOptions(by?: By): { readonly interceptors: Interceptor[] };
  /** For a client of grpc-js; pass that module: `client.GetWallet(request, wallet.grpcCallOptions(grpc), …)`. */
  grpcCallOptions(grpc: GrpcJs, by?: By): { readonly interceptors: GrpcInterceptor[] };
}

export function callOptions(prover: Prover): CallOptions {
  return {
    callOptions: (by = 'token') => ({ interceptors: [connectInterceptor(prover, requireBy(by, 'by'))] }),
    grpcCallOptions(grpc, by = 'token') {
      having('InterceptingCall')(grpc, 'grpc');
      return { interceptors: [grpcInterceptor(prover, grpc, requireBy(by, 'by'))] };
    },
  };
}

/** A unary call that the realm takes only packed is packed. */
function connectInterceptor({ authorize, invoke, pack }: Prover, by: By): Interceptor {
  return (next) => async (request) => {
    const path = `/${request.service.typeName}/${request.method.name}`;
    const isInvoked = by === 'invocation' && !request.stream;
    const fields = isInvoked ? await invoke(path, await bytesOf(request)) : await authorize(path);
    for (const [name, value] of Object.entries(fields)) request.header.set(name, value);
    try {
      return await next(request);
    } catch (refusal) {
      if (request.stream || !(await isPackedOnly(refusal))) throw refusal;
      const { service, method } = request;
      const message = await pack(method as DescMethodUnary, request.message as MessageInitShape<DescMessage>, by);
      return { stream: false, service, method, header: new Headers(), trailer: new Headers(), message };
    }
  };
}

async function isPackedOnly(refusal: unknown): Promise<boolean> {
  if (!(refusal instanceof Error) || !('findDetails' in refusal)) return false;
  const { ErrorInfoSchema } = await import('../rpc.ts');
  const details = (refusal as ConnectError).findDetails(ErrorInfoSchema);
  return details.some(({ domain, reason }) => domain === 'countersign' && reason === 'packed.required');
}

/** The bytes that the transport will send, in the codec that it has already named, with the transport's default options. */
async function bytesOf({ header, method, message }: UnaryRequest): Promise<Uint8Array> {
  const { toBinary, toJsonString } = await import('@bufbuild/protobuf');
  const type = header.get('content-type') ?? '';
  const shape = message as MessageShape<DescMessage>;
  if (/^application\/(?:proto$|grpc)/.test(type) && !type.includes('json')) return toBinary(method.input, shape);
  if (type === 'application/json') return new TextEncoder().encode(toJsonString(method.input, shape));
  throw new ClientError('invocation.codec', 'An invocation needs to know the bytes of the message: use another codec.');
}
