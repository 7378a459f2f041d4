import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Ports are handed out in turn, below those that the system gives to outgoing connections, and from a range for each worker of a run:
 * two tests never get the same one, and no connection takes it before its server listens.
 */
const first = 10_000 + (Number(process.env.VITEST_POOL_ID ?? 0) % 20) * 1_000 + (process.pid % 10) * 100;
const count = 1_000;
let next = 0;

/** A TCP port of 127.0.0.1 that is free, for programs that cannot be told to choose one themselves. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < count; tries++) {
    const port = first + (next++ % count);
    if (await isFree(port)) return port;
  }
  throw new Error(`No port is free from ${first} to ${first + count - 1}.`);
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer().listen(port, '127.0.0.1');
  try {
    await once(probe, 'listening');
  } catch {
    return false;
  }
  probe.close();
  await once(probe, 'close');
  return true;
}
