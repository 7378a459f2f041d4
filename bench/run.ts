import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/**
 * `npm run bench [-- --quick] [-- --only <group>]`: what the project promises about speed and size, measured. Prints a markdown
 * table; a whole run also keeps it in `bench/results/latest.md`. Ends with 1 when a bar was missed in a whole run.
 */
const here = fileURLToPath(new URL('.', import.meta.url));
const { values: wanted } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, only: { type: 'string' } },
});

installPeers();
// After the installation: these import the peers.
const { measureVerification } = await import('./verification.ts');
const { measureMessages } = await import('./messages.ts');
const { measureCapabilities } = await import('./capabilities.ts');
const { measureMiddleware } = await import('./middleware.ts');
const { measureGateway } = await import('./gateway.ts');
const { measureTokenEndpoint } = await import('./token-endpoint.ts');
const { measureStart } = await import('./start.ts');
const { measureMemory } = await import('./memory.ts');
const { measureScale } = await import('./scale.ts');
const { measureLogins } = await import('./logins.ts');
const { measureWallets } = await import('./wallets.ts');
const { isMet, markdown } = await import('./report.ts');

const rounds = wanted.quick ? 3 : 9;
const groups = {
  verification: () => measureVerification(wanted.quick ? 5 : 15),
  messages: () => measureMessages(wanted.quick ? 5 : 15),
  capabilities: () => measureCapabilities(wanted.quick ? 5 : 15),
  middleware: () => measureMiddleware(rounds),
  gateway: () => measureGateway(rounds),
  token: () => measureTokenEndpoint(rounds),
  logins: () => measureLogins(wanted.quick ? 3 : 7, wanted.quick ? 100_000 : 1_000_000),
  wallets: () => measureWallets(wanted.quick ? 3 : 7),
  start: () => measureStart(wanted.quick ? 3 : 7),
  memory: () => measureMemory(),
  scale: () => measureScale(rounds, wanted.quick ? 100_000 : 1_000_000),
} as const;

const started = performance.now();
const rows = [];
for (const [name, measure] of Object.entries(groups)) {
  if (wanted.only !== undefined && wanted.only !== name) continue;
  console.error(`measuring: ${name} …`);
  rows.push(...(await measure()));
}
const isWhole = !wanted.quick && wanted.only === undefined;
const report = markdown(rows, { quick: wanted.quick, seconds: (performance.now() - started) / 1000 });
console.log(report);
if (isWhole) {
  const file = `${here}results/latest.md`;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, report);
  process.exitCode = rows.every(isMet) ? 0 : 1;
}

/** The peers are no dependencies of the project: they come when they are asked for. */
function installPeers(): void {
  const peers = ['oidc-provider', '@digitalbazaar/http-signature-zcap-verify'];
  if (peers.every((name) => existsSync(`${here}node_modules/${name}`))) return;
  const { status } = spawnSync('npm', ['install', '--prefix', here], { stdio: 'inherit' });
  if (status !== 0) throw new Error('the peers could not be installed: npm install --prefix bench failed');
}
