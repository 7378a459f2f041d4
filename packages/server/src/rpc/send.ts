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
      if (!outgoing.write(part.value) && !(await drained(outgoing, closed))) return;
    }
    // In HTTP/1.1 these become trailers too, if the caller asked for trailers.
    if (answer.trailer !== undefined) outgoing.addTrailers(plain(answer.trailer));
    outgoing.end();
  } finally {
    await body?.return?.();
  }
}

/** False if the caller has gone: then no further part is made. */
async function drained(outgoing: ServerResponse, closed: Promise<void>): Promise<boolean> {
  let hasRoom = () => {};
  const room = new Promise<boolean>((resolve) => {
    hasRoom = () => resolve(true);
    outgoing.once('drain', hasRoom);
  });
  const isThere = await Promise.race([room, closed.then(() => false)]);
  outgoing.off('drain', hasRoom);
  return isThere;
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
