import type { Socket } from 'node:net';

/** How every HTTP/2 connection begins, and no HTTP/1.1 request of ours: the rest of the preface is for the parser to judge. */
const preface = Buffer.from('PRI ');

/**
 * Tells what a new connection speaks, by its first bytes, and leaves them where they were; `undefined` where it ended or stayed
 * silent for `patience` milliseconds before that was clear. It costs a connection one look, and its requests nothing.
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
    // Whoever serves it now has said what it wants to hear.
    if (protocol !== undefined) process.nextTick(() => socket.resume());
  }

  function end(): void {
    socket.destroy();
    decide(undefined);
  }

  socket.on('data', look).on('end', end).on('close', end).on('error', ignore);
}

/** `close` follows. */
function ignore(): void {}
