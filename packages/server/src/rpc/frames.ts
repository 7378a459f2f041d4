import { Problem } from '../kernel/problem.ts';

/** Bytes of one message, compressed and decompressed; as with every body. */
export const maxMessage = 1024 * 1024;

/** A message with its prefix: one byte of flags and four of length (gRPC, gRPC-Web, Connect streams). */
export interface Frame {
  readonly flags: number;
  readonly data: Uint8Array;
}

/** Never holds more than one message and the bytes that arrived with it. */
export async function* readFrames(body: AsyncIterable<Uint8Array>): AsyncGenerator<Frame> {
  let held = nothing;
  let wanted = prefix;
  for await (const chunk of body) {
    held = append(held, chunk);
    if (held.size < wanted) continue;
    let bytes = bytesOf(held);
    for (wanted = frameEnd(bytes); bytes.length >= prefix && bytes.length >= wanted; wanted = frameEnd(bytes)) {
      yield { flags: bytes[0] as number, data: bytes.subarray(prefix, wanted) };
      bytes = bytes.subarray(wanted);
    }
    held = { room: bytes, size: bytes.length };
  }
  if (held.size > 0) throw new Problem('request.invalid', { detail: 'The body ends within a message.' });
}

const prefix = 5;

/** The end of the first frame, once its prefix has arrived. */
function frameEnd(bytes: Uint8Array): number {
  if (bytes.length < prefix) return prefix;
  const length = new DataView(bytes.buffer, bytes.byteOffset, prefix).getUint32(1);
  if (length > maxMessage) throw new Problem('request.too_large', { detail: 'A message is larger than 1 MiB.' });
  return prefix + length;
}

/** The body as one message without a prefix. */
export async function* readWhole(body: AsyncIterable<Uint8Array>): AsyncGenerator<Frame> {
  let held = nothing;
  for await (const chunk of body) {
    if (held.size + chunk.length > maxMessage) throw new Problem('request.too_large');
    held = append(held, chunk);
  }
  yield { flags: 0, data: bytesOf(held) };
}

/** Bytes, and room for more, so that a body in a million chunks of one byte costs no more than its bytes. */
interface Held {
  readonly room: Uint8Array;
  readonly size: number;
}

const nothing: Held = { room: new Uint8Array(), size: 0 };

function append({ room, size }: Held, chunk: Uint8Array): Held {
  if (size === 0) return { room: chunk, size: chunk.length };
  const total = size + chunk.length;
  const roomy = total <= room.length ? room : new Uint8Array(Math.max(2 * total, 4096));
  if (roomy !== room) roomy.set(room.subarray(0, size));
  roomy.set(chunk, size);
  return { room: roomy, size: total };
}

function bytesOf({ room, size }: Held): Uint8Array {
  return room.subarray(0, size);
}
