/** A wire to a database that a test can cut: a TCP relay on loopback. */

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Cuttable {
  /** The URL of the same database, by way of this relay. */
  readonly url: string;
  /** Every connection breaks, and new ones are refused: the database was stopped. */
  cut(): Promise<void>;
  /** Bytes go nowhere and nobody says so: the network swallowed the other end. */
  swallow(): void;
  /**
   * The next message with this text reaches the database, which answers; then the connection breaks before the answer
   * arrives. `after`: a text that the same connection must have sent before.
   */
  loseAnswerTo(text: string, after?: string): void;
  /** New connections reach the database again; those that were swallowed stay silent. */
  restore(): Promise<void>;
  close(): Promise<void>;
}

export async function cuttable(databaseUrl: string): Promise<Cuttable> {
  const target = new URL(databaseUrl);
  const pairs = new Set<readonly [Socket, Socket]>();
  let swallowing = false;
  let lost: { readonly text: string; readonly after: string; sender?: Socket } | undefined;
  const server = createServer((near) => {
    const far = connect(Number(target.port || 5432), target.hostname);
    const pair = [near, far] as const;
    pairs.add(pair);
    for (const [from, to] of [pair, [far, near] as const]) {
      from.on('error', () => to.destroy());
      from.on('close', () => {
        pairs.delete(pair);
        to.destroy();
      });
    }
    if (swallowing) return;
    near.on('data', (chunk: Buffer) => {
      if (lost?.after !== undefined && chunk.includes(lost.after)) lost.sender = near;
      if (lost?.sender !== near || !chunk.includes(lost.text)) return;
      lost = undefined;
      far.unpipe(near);
      far.once('data', () => near.resetAndDestroy()).resume();
    });
    near.pipe(far);
    far.pipe(near);
  });
  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };
  const port = await listen(0);
  const url = new URL(databaseUrl);
  url.hostname = '127.0.0.1';
  url.port = String(port);
  const breakAll = () => {
    for (const [near, far] of pairs) {
      near.resetAndDestroy();
      far.destroy();
    }
  };
  return {
    url: url.href,
    async cut() {
      const closed = once(server, 'close');
      server.close();
      breakAll();
      await closed;
    },
    swallow() {
      swallowing = true;
      for (const [near, far] of pairs) {
        near.unpipe(far);
        far.unpipe(near);
      }
    },
    loseAnswerTo(text, after = text) {
      lost = { text, after };
    },
    async restore() {
      swallowing = false;
      if (!server.listening) await listen(port);
    },
    async close() {
      breakAll();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
}
