import type { IncomingMessage } from 'node:http';
import { constants, type Http2ServerRequest } from 'node:http2';

/** Milliseconds in which a request must arrive, in every version of HTTP. */
export const arrivalTime = 30_000;

/** Ends an HTTP/2 request whose body does not come. */
export function limitArrival(incoming: IncomingMessage, within = arrivalTime): void {
  const { stream } = incoming as unknown as Http2ServerRequest;
  if (stream.endAfterHeaders) return;
  const timer = setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), within);
  const clear = () => clearTimeout(timer);
  stream.once('end', clear).once('close', clear);
}
