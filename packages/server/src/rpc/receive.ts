import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { type DescMethod, fromBinary, fromJson, type JsonValue } from '@bufbuild/protobuf';
import { isEncoded, parseJsonBody } from '../http/body.ts';
import { Problem } from '../kernel/problem.ts';
import type { Content } from './content.ts';
import { type Frame, maxMessage, readFrames, readWhole } from './frames.ts';
import type { Received } from './service.ts';

/** Messages of one stream from the caller. */
const maxMessages = 1_000;

/**
 * Reads the messages from the body of a call, in every protocol. Connect could do this too, but it does not give the
 * bytes of a message, accepts duplicate members of JSON, and reports malformed input as a fault of the server.
 *
 * 1. Frames, or the whole body: at most 1 MiB per message.
 * 2. gzip if the frame (or, without frames, the header) says so, up to 1 MiB.
 * 3. Protobuf, or strict JSON: no duplicate members, no unknown ones.
 * 4. Exactly one message, unless the method takes a stream.
 */
export async function* receive(
  method: DescMethod,
  content: Content,
  headers: Pick<Headers, 'get'>,
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<Received> {
  const streams = method.methodKind === 'bidi_streaming' || method.methodKind === 'client_streaming';
  const encoding = encodingOf(content, headers);
  let count = 0;
  for await (const frame of content.framed ? readFrames(body) : readWhole(body)) {
    if (++count > 1 && !streams) throw new Problem('request.invalid', { detail: 'The method takes one message.' });
    if (count > maxMessages)
      throw new Problem('request.too_large', { detail: `A stream holds at most ${maxMessages} messages.` });
    const bytes = await plainBytes(frame, encoding, content);
    yield { message: decode(method, content, bytes), bytes };
  }
  if (count === 0 && !streams) throw new Problem('request.invalid', { detail: 'The message is missing.' });
}

const encodingHeaders = {
  grpc: 'grpc-encoding',
  'grpc-web': 'grpc-encoding',
  connect: 'connect-content-encoding',
} as const;

/** The compression of the frames. @throws {Problem} `rpc.encoding` */
function encodingOf(content: Content, headers: Pick<Headers, 'get'>): 'gzip' | 'identity' {
  // Frames say themselves how they are compressed.
  if (content.framed && isEncoded(headers.get('content-encoding')))
    throw new Problem('rpc.encoding', { detail: 'content-encoding: compress the messages, not the body.' });
  const name = content.framed ? encodingHeaders[content.protocol] : 'content-encoding';
  const encoding = headers.get(name) ?? 'identity';
  if (encoding === 'gzip' || encoding === 'identity') return encoding;
  throw new Problem('rpc.encoding', { detail: `${name}: send gzip or identity.` });
}

const compressed = 1;

async function plainBytes(
  { flags, data }: Frame,
  encoding: 'gzip' | 'identity',
  { framed }: Content,
): Promise<Uint8Array> {
  if (flags & ~compressed) throw new Problem('request.invalid', { detail: 'The flags of a message are unknown.' });
  if (framed ? flags !== compressed : encoding === 'identity') return data;
  if (encoding === 'identity')
    throw new Problem('request.invalid', { detail: 'A message is compressed, and no header says how.' });
  return inflate(data);
}

/** zlib stops at the bound, so larger data costs no more than that. */
async function inflate(data: Uint8Array): Promise<Uint8Array> {
  if (data.length === 0) return data;
  try {
    return await promisify(gunzip)(data, { maxOutputLength: maxMessage });
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw new Problem('request.too_large');
    throw new Problem('request.invalid', { detail: 'A message is not gzip.' });
  }
}

/** Step 3. */
export function decode(method: DescMethod, { codec }: Pick<Content, 'codec'>, bytes: Uint8Array): Received['message'] {
  const json = codec === 'json' ? parseJsonBody(bytes) : undefined;
  try {
    return codec === 'json'
      ? fromJson(method.input, json as JsonValue)
      : fromBinary(method.input, bytes, { readUnknownFields: false });
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message.slice(0, 300) : '';
    throw new Problem('request.invalid', { detail: `The message is not a ${method.input.typeName}: ${why}.` });
  }
}
