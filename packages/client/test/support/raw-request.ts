import { request as httpRequest } from 'node:http';

export interface RawRequest {
  readonly method?: string;
  /** The request target, exactly as it shall stand on the wire. */
  readonly path: string;
  /** Names and values, one after the other, repeated ones too. */
  readonly headers?: readonly string[];
  readonly body?: string | Uint8Array;
  /** Instead of the true one. */
  readonly host?: string;
  /** Sent in chunks of this many bytes, without a length. */
  readonly chunked?: number;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Buffer;
  readonly json: () => Record<string, unknown>;
}

/** One exchange over HTTP/1.1 in which nothing is normalised on the way. */
export function send(url: string, raw: RawRequest): Promise<RawAnswer> {
  const { hostname, port, host } = new URL(url);
  const body = Buffer.from(raw.body ?? '');
  const framing =
    raw.chunked !== undefined
      ? ['transfer-encoding', 'chunked']
      : body.length > 0 || !['GET', 'HEAD'].includes(raw.method ?? 'POST')
        ? ['content-length', String(body.length)]
        : [];
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      hostname,
      port,
      path: raw.path,
      method: raw.method ?? 'POST',
      headers: ['host', raw.host ?? host, ...framing, ...(raw.headers ?? [])],
      agent: false,
    });
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => {
        const whole = Buffer.concat(chunks);
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: whole,
          json: () => JSON.parse(whole.toString()) as Record<string, unknown>,
        });
      });
      response.on('error', reject);
    });
    request.on('error', reject);
    if (raw.chunked === undefined) request.write(body);
    else for (let at = 0; at < body.length; at += raw.chunked) request.write(body.subarray(at, at + raw.chunked));
    request.end();
  });
}
