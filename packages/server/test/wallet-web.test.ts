import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { startServer } from './support/wallet-client.ts';

test('a wallet as browsers run it: WebCrypto, scrypt in JavaScript, keys that cannot be exported, nothing of Node', async () => {
  const server = await startServer();
  const script = fileURLToPath(new URL('support/web-wallet.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script, server.issuer()]);
  expect(JSON.parse(stdout)).toEqual({
    taken: ['#platform-crypto', '#platform-scrypt'],
    described: true,
    packed: true,
    stored: true,
    invoked: 1,
    key: 'indexed-db',
    refused: 'wallet.no_agreement_key',
  });
});
