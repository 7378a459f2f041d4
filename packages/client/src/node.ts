/** Signed messages for a plain listener of `node:http`. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createGuard, type GuardOptions } from './adapter/guard.ts';
import { admit } from './adapter/node-gate.ts';
import { sendRefusal } from './adapter/outgoing-body.ts';
import type { Verified } from './verify-request.ts';

export type { GuardOptions } from './adapter/guard.ts';

/** A request whose sender, body and signature are proved. Its body can be read as if nobody had. */
export type VerifiedRequest = IncomingMessage & { readonly countersign: Verified };

export type VerifiedListener = (request: VerifiedRequest, response: ServerResponse) => unknown;

/**
 * `createServer(countersign({ participant, publicUrl }, listener))`: the listener is called for verified requests only, with the
 * verdict in `request.countersign`. Every other request is answered here.
 */
export function countersign(
  options: GuardOptions,
  listener: VerifiedListener,
): (request: IncomingMessage, response: ServerResponse) => void {
  const guard = createGuard(options);

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const line = { method: request.method ?? '', requestTarget: request.url ?? '' };
    try {
      const verified = await admit(guard, line, request, response);
      await listener(Object.assign(request, { countersign: verified }), response);
    } catch (error) {
      guard.report(error, line);
      // An answer that was complete stands; half of one does not.
      if (response.writableEnded) return;
      if (response.headersSent) response.destroy();
      else sendRefusal(response, error);
    }
  }

  return (request, response) => void serve(request, response);
}
