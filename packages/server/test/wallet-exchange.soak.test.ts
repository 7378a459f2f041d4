import { expect, test } from 'vitest';
import { chainNetwork } from './support/chain.ts';
import { eachDatabase } from './support/databases.ts';
import { openWallet, walletServer } from './support/wallet.ts';
import { checkExchanges } from './support/wallet-exchange.ts';

/** PostgreSQL answers the same, in three times the time. */
const runs = { sqlite: 10_000, postgres: 1_000 } as const;

eachDatabase('the exchange of an invocation', (freshUrl, kind) => {
  test(`over ${runs[kind]} random chains gives no more than every link, and nothing below a revoked one`, async () => {
    const server = await walletServer({ databaseUrl: await freshUrl(), network: chainNetwork });
    const answers = await checkExchanges(server, await openWallet(server), runs[kind]);
    for (const [answer, times] of Object.entries(answers)) expect(times, answer).toBeGreaterThan(runs[kind] / 20);
  });
});
