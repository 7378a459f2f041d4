/**
 * A process of its own that sends 10,000 calls of one name and password through an edge at once, and then writes down its heap.
 * The pair comes as hex, so that nothing but the edge ever had it as a string that is still held. argv: issuer, hex, file.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { writeHeapSnapshot } from 'node:v8';
import { createEdge } from '@countersign/client';
import { audience, edgeSecret } from './edge-client.ts';

const [, , issuer = '', hex = '', file = ''] = process.argv;

const edge = createEdge({ issuer, clientId: 'edge', clientSecret: edgeSecret, audience, timeoutMilliseconds: 1_000 });

async function burst(): Promise<number> {
  const calls = Array.from({ length: 10_000 }, () =>
    edge.authenticateBasic({
      headers: { authorization: `Basic ${Buffer.from(hex, 'hex').toString('base64')}` },
      address: '192.0.2.1',
    }),
  );
  const tokens = new Set((await Promise.all(calls)).map(({ token }) => token));
  return tokens.size;
}

/** A string like those that are looked for, so that a search that finds nothing could have. */
function backwards(): string {
  return Buffer.from(hex, 'hex').reverse().toString();
}

const distinct = await burst();
Object.assign(globalThis, { edge, backwards: backwards() });
// What the runtime keeps of a request that was answered: the timer of its deadline.
await pause(1_200);
writeHeapSnapshot(file);
process.stdout.write(JSON.stringify({ distinct }));
edge.close();
process.exit(0);
