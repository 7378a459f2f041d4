import { startCountersign, withDirectory } from './child.ts';
import { drive, tokenRequest } from './load.ts';
import { spread } from './measure.ts';
import { bench, network, realmOf, tokenPath } from './network.ts';
import { megabytes, type Row } from './report.ts';

const tokens = 100_000;

/** Resident memory of a server that has issued 100,000 tokens as fast as it can. */
export async function measureMemory(): Promise<readonly Row[]> {
  return withDirectory(async (dataDir) => {
    const child = await startCountersign({ dataDir, network });
    const idle = child.memory();
    const request = tokenRequest(tokenPath(realmOf('ES256')), bench.clientId, bench.clientSecret);
    await drive({ port: child.port, next: () => request, requests: tokens });
    const { residentMegabytes, peakMegabytes } = child.memory();
    await child.stop();
    return [
      {
        what: `resident memory after ${tokens.toLocaleString('en')} tokens (ES256)`,
        measured: spread([residentMegabytes]),
        format: megabytes,
        bar: { most: 150 },
        note: `peak ${megabytes(peakMegabytes)}, before the first token ${megabytes(idle.residentMegabytes)}; one run`,
      },
    ];
  });
}
