import {
  create,
  type DescMessage,
  type DescMethodBiDiStreaming,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type Message,
  type MessageInitShape,
} from '@bufbuild/protobuf';
import { createConnectRouter, createContextKey, type HandlerContext } from '@connectrpc/connect';
import type { UniversalHandler } from '@connectrpc/connect/protocol';
import { type Flight, untilAborted } from './flight.ts';
import type { Procedure } from './procedure.ts';
import type { Received } from './service.ts';

/** The key under which a handler finds its call: Connect passes the context values on. */
export const flightKey = createContextKey<Flight | undefined>(undefined);

/** Connect's part of a procedure: the frames, headers and trailers of the answer in each of its protocols. */
export function universalHandler(procedure: Procedure): UniversalHandler {
  const router = createConnectRouter({ acceptCompression: [] });
  const { method } = procedure;
  const { output, methodKind } = method;
  switch (methodKind) {
    case 'unary':
      router.rpc(method as DescMethodUnary, (_placeholder, context) => answerOnce(flightOf(context), output));
      break;
    case 'server_streaming':
      router.rpc(method as DescMethodServerStreaming, (_placeholder, context) =>
        answerMany(flightOf(context), output, only),
      );
      break;
    case 'bidi_streaming':
      router.rpc(method as DescMethodBiDiStreaming, (requests, context) =>
        answerMany(flightOf(context), output, each(requests)),
      );
      break;
    default:
      throw new Error(`${procedure.path}: ${methodKind} methods are not supported`);
  }
  return router.handlers[0] as UniversalHandler;
}

function flightOf({ values }: HandlerContext): Flight {
  return values.get(flightKey) as Flight;
}

async function answerOnce(flight: Flight, output: DescMessage): Promise<Message> {
  const { procedure, call, received } = flight;
  try {
    const { message, bytes } = received.shift() as Received;
    const answer = procedure.handle(message as never, { ...call, bytes }) as Promise<object>;
    return create(output, (await untilAborted(call.signal, answer)) as MessageInitShape<DescMessage>);
  } catch (thrown) {
    throw flight.refuse(thrown);
  }
}

async function* answerMany(
  flight: Flight,
  output: DescMessage,
  input: (received: Received[]) => unknown,
): AsyncGenerator<Message> {
  const { procedure, call, received } = flight;
  try {
    const answers = procedure.handle(input(received) as never, call) as AsyncIterable<object>;
    for await (const answer of answers) yield create(output, answer as MessageInitShape<DescMessage>);
    // A handler that ends because its time was over has not answered.
    call.signal.throwIfAborted();
  } catch (thrown) {
    throw flight.refuse(thrown);
  }
}

function only(received: Received[]): unknown {
  return received.shift()?.message;
}

function each(placeholders: AsyncIterable<unknown>): (received: Received[]) => unknown {
  return async function* (received) {
    for await (const _ of placeholders) yield received.shift()?.message;
  };
}
