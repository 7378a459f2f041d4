import type { Socket } from 'node:net';

/**
 * The beginning of every HTTP/2 connection, which no HTTP/1.1 request has. The parser checks the rest of the preface.
 */
const preface = Buffer.from('PRI ');

/**
 * Detects the protocol of a new connection by its first bytes, and puts them back. `undefined` if the connection ended
 * or stayed silent for `patience` milliseconds. It costs one look per connection and nothing per request.
 */
export function protocolOf(
  socket: Socket,
  patience: number,
  decided: (protocol: 'h2' | 'http/1.1' | undefined) => void,
): void {
  let head: Buffer | undefined;
  const timer = setTimeout(() => socket.destroy(), patience);

  function look(chunk: Buffer): void {
    head = head === undefined ? chunk : Buffer.concat([head, chunk]);
    const size = Math.min(head.length, preface.length);
    const mayBeHttp2 = head.compare(preface, 0, size, 0, size) === 0;
    if (mayBeHttp2 && size < preface.length) return;
    decide(mayBeHttp2 ? 'h2' : 'http/1.1');
  }

  function decide(protocol: 'h2' | 'http/1.1' | undefined): void {
    clearTimeout(timer);
    socket.off('data', look).off('end', end).off('close', end).off('error', ignore);
    if (protocol !== undefined) {
      socket.pause();
      socket.unshift(head as Buffer);
    }
    decided(protocol);
    // The server that takes the connection has added its listeners by now.
    if (protocol !== undefined) process.nextTick(() => socket.resume());
  }

  function end(): void {
    socket.destroy();
    decide(undefined);
  }

  socket.on('data', look).on('end', end).on('close', end).on('error', ignore);
}

/** The `close` event follows. */
function ignore(): void {}
