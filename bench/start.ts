import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startCountersign, withDirectory } from './child.ts';
import { drive, tokenRequest } from './load.ts';
import { spread } from './measure.ts';
import { bench, network, realmOf, tokenPath } from './network.ts';
import { milliseconds, type Row } from './report.ts';

/** Measures from the start of the process to the first token: at the first start, which makes keys, and with existing data. */
export async function measureStart(rounds: number): Promise<readonly Row[]> {
  return withDirectory(async (directory) => {
    const dataDirs = Array.from({ length: rounds }, (_, round) => join(directory, String(round)));
    const first: number[] = [];
    for (const dataDir of dataDirs) {
      mkdirSync(dataDir);
      first.push(await millisecondsToToken(dataDir, network));
    }
    const again: number[] = [];
    for (const dataDir of dataDirs) again.push(await millisecondsToToken(dataDir));
    return [
      {
        what: 'start to first token, existing data',
        measured: spread(again),
        format: milliseconds,
        bar: { most: 1_000 },
        note: 'elapsed time, the launcher included',
      },
      {
        what: 'start to first token, very first start',
        measured: spread(first),
        format: milliseconds,
        note: `makes the keys of ${network.realms.length + 2} realms and applies a network file`,
      },
    ];
  });
}

async function millisecondsToToken(dataDir: string, file?: unknown): Promise<number> {
  const request = tokenRequest(tokenPath(realmOf('ES256')), bench.clientId, bench.clientSecret);
  const started = performance.now();
  const child = await startCountersign({ dataDir, network: file, untilReady: false });
  for (;;) {
    try {
      await drive({ port: child.port, next: () => request, requests: 1 });
      break;
    } catch (error) {
      // The server does not listen yet. Every other error than a refused connection is a fault.
      if ((error as { code?: string }).code !== 'ECONNREFUSED') throw error;
      await sleep(5);
    }
  }
  const elapsed = performance.now() - started;
  await child.stop();
  return elapsed;
}
