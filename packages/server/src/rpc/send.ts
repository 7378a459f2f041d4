import type { ServerResponse } from 'node:http';
import type { UniversalServerResponse } from '@connectrpc/connect/protocol';

/** Writes Connect's answer as fast as the caller reads. Resolves when all is written or the caller has gone. */
export async function send(
  answer: UniversalServerResponse,
  headers: Readonly<Record<string, string>>,
  outgoing: ServerResponse,
  closed: Promise<void>,
): Promise<void> {
  const body = answer.body?.[Symbol.asyncIterator]();
  try {
    // The first part comes before the head, because producing it may still add headers.
    let part = await body?.next();
    outgoing.writeHead(answer.status, { ...plain(answer.header), ...headers });
    for (; part !== undefined && part.done !== true; part = await body?.next()) {
      if (!outgoing.write(part.value)) await Promise.race([drained(outgoing), closed]);
    }
    // In HTTP/1.1 these become trailers too, if the caller asked for trailers.
    if (answer.trailer !== undefined) outgoing.addTrailers(plain(answer.trailer));
    outgoing.end();
  } finally {
    await body?.return?.();
  }
}

function drained(outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve) => outgoing.once('drain', resolve));
}

function plain(headers: Headers | undefined): Record<string, string> {
  const fields = Object.fromEntries(headers ?? []);
  const message = fields['grpc-message'];
  return message === undefined ? fields : { ...fields, 'grpc-message': respelled(message) };
}

/**
 * gRPC escapes only "%" and what is not printable ASCII. Connect escapes more, and clients that do not expect it
 * (grpc-js) show `%3A` in place of a colon.
 */
function respelled(message: string): string {
  return message.replace(/%[2-7][0-9A-F]/g, (octet) =>
    octet === '%25' || octet === '%7F' ? octet : decodeURIComponent(octet),
  );
}
