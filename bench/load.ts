import { connect, type Socket } from 'node:net';

export interface Load {
  readonly port: number;
  /** The bytes of the next request, headers and all. */
  readonly next: () => string;
  readonly requests: number;
  readonly connections?: number;
}

/**
 * Sends requests over keep-alive connections, one at a time on each, and resolves when all are answered. Any answer but 200 is
 * an error: a refusing server must not look fast. It uses sockets and no HTTP client, so that even on a small machine the
 * generator leaves enough of the processor to the server.
 */
export async function drive({ port, next, requests, connections = 16 }: Load): Promise<void> {
  let unsent = requests;
  const take = () => (unsent-- > 0 ? next() : undefined);
  await Promise.all(Array.from({ length: Math.min(connections, requests) }, () => pump(port, take)));
}

function pump(port: number, take: () => string | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true });
    let received = '';
    const send = () => {
      const request = take();
      if (request === undefined) {
        socket.removeAllListeners('close');
        socket.end();
        resolve();
      } else socket.write(request, 'latin1');
    };
    socket.setEncoding('latin1');
    socket.on('connect', send);
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the server closed a connection under load')));
    socket.on('data', (chunk: string) => {
      received += chunk;
      if (!isComplete(received)) return;
      if (!received.startsWith('HTTP/1.1 200 ')) {
        socket.removeAllListeners('close');
        socket.destroy();
        reject(new Error(`a request was refused: ${received.slice(0, 1_000)}`));
        return;
      }
      received = '';
      send();
    });
  });
}

const declaredLength = /\r\ncontent-length: (\d+)\r\n/i;

function isComplete(answer: string): boolean {
  const headEnd = answer.indexOf('\r\n\r\n');
  if (headEnd === -1) return false;
  const length = declaredLength.exec(answer.slice(0, headEnd + 2));
  return length === null ? answer.endsWith('\r\n0\r\n\r\n') : answer.length >= headEnd + 4 + Number(length[1]);
}

/** A token request with `client_secret_post`, as bytes. */
export function tokenRequest(path: string, clientId: string, clientSecret: string): string {
  const body = `grant_type=client_credentials&client_id=${clientId}&client_secret=${clientSecret}`;
  return [
    `POST ${path} HTTP/1.1`,
    'Host: 127.0.0.1',
    'Content-Type: application/x-www-form-urlencoded',
    `Content-Length: ${body.length}`,
    '',
    body,
  ].join('\r\n');
}
