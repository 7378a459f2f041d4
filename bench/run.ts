import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/**
 * `npm run bench [-- --quick] [-- --only <group>]` measures the project's promises about speed and size. It prints a markdown
 * table; a whole run also saves it in `bench/results/latest.md`, and ends with exit code 1 if a bar was missed.
 */
const here = fileURLToPath(new URL('.', import.meta.url));
const { values: wanted } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, only: { type: 'string' } },
});

const rounds = wanted.quick ? 3 : 9;
/** Each group is imported only when it is measured, because some import the peers. */
const groups = {
  verification: async () => (await import('./verification.ts')).measureVerification(wanted.quick ? 5 : 15),
  messages: async () => (await import('./messages.ts')).measureMessages(wanted.quick ? 5 : 15),
  capabilities: async () => (await import('./capabilities.ts')).measureCapabilities(wanted.quick ? 5 : 15),
  middleware: async () => (await import('./middleware.ts')).measureMiddleware(rounds),
  gateway: async () => (await import('./gateway.ts')).measureGateway(rounds),
  token: async () => (await import('./token-endpoint.ts')).measureTokenEndpoint(rounds),
  logins: async () =>
    (await import('./logins.ts')).measureLogins(wanted.quick ? 3 : 7, wanted.quick ? 100_000 : 1_000_000),
  wallets: async () => (await import('./wallets.ts')).measureWallets(wanted.quick ? 3 : 7),
  start: async () => (await import('./start.ts')).measureStart(wanted.quick ? 3 : 7),
  memory: async () => (await import('./memory.ts')).measureMemory(),
  scale: async () => (await import('./scale.ts')).measureScale(rounds, wanted.quick ? 100_000 : 1_000_000),
} as const;
if (wanted.only !== undefined && !Object.hasOwn(groups, wanted.only)) {
  console.error(`bench: there is no group ${wanted.only}. The groups are ${Object.keys(groups).join(', ')}.`);
  process.exit(1);
}

installPeers();
const { isMet, markdown } = await import('./report.ts');

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

/** The peers are not dependencies of the project: they are installed only when a run needs them. */
function installPeers(): void {
  const peers = ['oidc-provider', '@digitalbazaar/http-signature-zcap-verify'];
  if (peers.every((name) => existsSync(`${here}node_modules/${name}`))) return;
  const { status } = spawnSync('npm', ['install', '--prefix', here], { stdio: 'inherit' });
  if (status !== 0) throw new Error('the peers could not be installed: npm install --prefix bench failed');
}
