import type { IncomingMessage } from 'node:http';
import { joined } from '../bounded-body.ts';
import { problem } from '../message/message-problem.ts';
import '../message/message-refusal.ts';

/**
 * Reads the bytes of a request once and puts them back, so that the next reader finds the request unread. The stream must not
 * end meanwhile, so it is read only while there is data in it.
 *
 * @throws {MessageProblem} `body.too_large`, `body.consumed`, `body.incomplete`
 */
export async function captureBody(request: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  if (request.readableDidRead || request.readableEnded) throw problem('body.consumed');
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw problem('body.too_large');
  const chunks: Uint8Array[] = [];
  let size = 0;
  let body: Uint8Array = new Uint8Array(0);

  /**
   * Returns true when all data has arrived and was put back. This must happen at once: a turn after the last read the stream
   * would end.
   */
  function drain(): boolean {
    while (request.readableLength > 0) {
      const chunk = request.read() as Uint8Array | null;
      if (chunk === null) break;
      chunks.push(chunk);
      size += chunk.length;
      if (size > maxBytes) throw problem('body.too_large');
    }
    if (!isComplete(request)) return false;
    body = joined(chunks, size);
    if (size > 0) request.unshift(body);
    return true;
  }

  if (!drain()) await untilDrained(request, drain);
  return body;
}

/** A simulated request in tests has no `complete`. */
function isComplete(request: IncomingMessage & { readonly _readableState?: { readonly ended?: boolean } }): boolean {
  return typeof request.complete === 'boolean' ? request.complete : request._readableState?.ended === true;
}

function untilDrained(request: IncomingMessage, drain: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    function settle(act: () => void): void {
      request.off('readable', onReadable);
      request.off('close', onClose);
      request.off('error', onClose);
      act();
    }
    function onReadable(): void {
      try {
        if (drain()) settle(resolve);
      } catch (error) {
        settle(() => reject(error));
      }
    }
    function onClose(): void {
      settle(() => reject(problem('body.incomplete')));
    }
    request.on('readable', onReadable);
    request.on('close', onClose);
    request.on('error', onClose);
  });
}
