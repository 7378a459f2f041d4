import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Child, startCountersign, withDirectory } from './child.ts';
import { tokenRequest } from './load.ts';
import { type Contender, ratio, rotate } from './measure.ts';
import { network, realmOf, tokenPath } from './network.ts';
import { inhabitant, populate } from './population.ts';
import { type Row, rateNote, share } from './report.ts';
import { tokensPerCpuSecond } from './token-endpoint.ts';

const realm = realmOf('ES256');
const few = 1_000;
const hot = 5_000;
const requests = 6_000;

/**
 * Compares the token endpoint of a server with many participants with one that has 1,000: requests come from any of them, or
 * from 5,000.
 */
export async function measureScale(rounds: number, many: number): Promise<readonly Row[]> {
  return withDirectory(async (directory) => {
    const small = await populated(join(directory, 'small'), few);
    const large = await populated(join(directory, 'large'), many);
    // A second process on the same database: in one process requests of the others would push the hot ones out of the cache.
    const largeHot = await startCountersign({ dataDir: join(directory, 'large') });
    const all = contender('any of them', large, many);
    const hotSet = contender('the hot ones', largeHot, hot);
    const contenders = [contender('1,000', small, few), all, hotSet];
    for (const { round } of contenders) for (let turn = 0; turn < 5; turn++) await round();
    const rates = await rotate(contenders, rounds);
    const { residentMegabytes } = large.memory();
    await small.stop();
    await large.stop();
    await largeHot.stop();
    const count = many.toLocaleString('en');
    return [
      {
        what: `rate with ${count} participants, requests from any of them, against 1,000`,
        measured: ratio(rates['any of them'], rates['1,000']),
        format: share,
        bar: { least: 0.9 },
        note: `${rateNote(rates)}; resident ${Math.round(residentMegabytes)} MB`,
      },
      {
        what: `rate with ${count} participants, requests from ${hot.toLocaleString('en')} of them, against 1,000`,
        measured: ratio(rates['the hot ones'], rates['1,000']),
        format: share,
        bar: { least: 0.9 },
      },
    ];
  });
}

/**
 * The first start makes the schema, the realms and their keys; the second serves the participants that were written in between.
 */
async function populated(dataDir: string, count: number): Promise<Child> {
  mkdirSync(dataDir);
  await (await startCountersign({ dataDir, network })).stop();
  await populate(dataDir, realm, count);
  return startCountersign({ dataDir });
}

function contender<Name extends string>(name: Name, child: Child, among: number): Contender<Name> {
  const path = tokenPath(realm);
  const next = () => {
    const { clientId, secret } = inhabitant(Math.floor(Math.random() * among));
    return tokenRequest(path, clientId, secret);
  };
  return { name, round: () => tokensPerCpuSecond(child, next, requests) };
}
