import type { Readable } from 'node:stream';
import { Problem } from '../kernel/problem.ts';
import { type Flight, untilAborted } from './flight.ts';
import { receive } from './receive.ts';

/** Milliseconds in which the caller's one message, or the next one of its stream, must arrive. */
const patience = 30_000;

/**
 * The body that Connect reads: an empty message for each message that we have received and kept for the handler
 * (`receive.ts` says why), or the refusal, which Connect then renders in its protocol.
 */
export async function* placeholders(flight: Flight, incoming: Readable): AsyncGenerator<Uint8Array> {
  const { procedure, content, call, received } = flight;
  const placeholder = emptyMessage(content);
  try {
    await flight.admit();
    for await (const one of receive(procedure.method, content, call.metadata, bodyOf(flight, incoming))) {
      received.push(one);
      if (placeholder.length > 0) yield placeholder;
    }
  } catch (thrown) {
    throw flight.refuse(thrown);
  }
}

function emptyMessage({ codec, framed }: Flight['content']): Uint8Array {
  const message = codec === 'json' ? [0x7b, 0x7d] : [];
  return Uint8Array.from(framed ? [0, 0, 0, 0, message.length, ...message] : message);
}

/** The chunks of the body, until its end, the deadline, our patience, or the caller ends them. */
async function* bodyOf(flight: Flight, incoming: Readable): AsyncGenerator<Uint8Array> {
  const { signal } = flight.call;
  const { methodKind } = flight.procedure.method;
  const chunks: AsyncIterator<Uint8Array> = incoming.iterator({ destroyOnReturn: false });
  // A unary call has its deadline for the whole body.
  const timer =
    methodKind === 'unary' ? undefined : setTimeout(() => flight.giveUp(new Problem('request.timeout')), patience);
  try {
    for (;;) {
      const next = await untilAborted(signal, chunks.next().catch(gone));
      if (next.done) return;
      if (methodKind === 'bidi_streaming') timer?.refresh();
      yield next.value;
    }
  } finally {
    clearTimeout(timer);
  }
}

/** The connection or the stream broke. The signal aborts too, a moment later. */
function gone(cause: unknown): never {
  throw new Problem('request.invalid', { detail: 'The body broke off.', cause });
}
