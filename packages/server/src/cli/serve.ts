import cluster from 'node:cluster';
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type Command, Option } from 'commander';
import { watchParent } from '../../bin/parent.js';
import { type Config, loadConfig, type SecretFile } from '../config.ts';
import type { Context } from '../context.ts';
import {
  administratorFile,
  credentialsDir,
  loginFile,
  secretFiles,
  walletPassphraseFile,
  walletProfileFile,
} from '../credentials.ts';
import { makeFirstStart } from '../first-start.ts';
import { checkPort } from '../http/port.ts';
import { collectFromWorkers } from '../http/worker-metrics.ts';
import { createLog } from '../kernel/log.ts';
import { isOpenToOthers, mendingOf } from '../kernel/private-file.ts';
import { mailFolder } from '../mail/folder.ts';
import { applyNetwork } from '../registry/network-file/apply.ts';
import { createContext, listen } from '../server.ts';
import { isLoopback, settingOptions } from '../settings.ts';
import { ensureRealms, starter } from '../start.ts';
import { leaveFiles, writeLeftFiles } from '../subject/handover.ts';
import { realmNames, requireRealm } from '../subject/realm.ts';
import { readNetworkFile } from './network.ts';

export function serveCommands(program: Command): void {
  const command = program
    .command('serve')
    .description('Run the server. An option wins over its variable, and a variable over the file of `--config`.');
  for (const { variable, flag, value, text } of settingOptions()) {
    command.addOption(new Option(`${flag} <${value}>`, `${text} (${variable})`).argParser(given(flag)));
  }
  command.action((options: Readonly<Record<string, string>>) =>
    serve({ ...process.env, ...variablesOf(command, options) }),
  );
}

/** An option without a value is a mistake: a shell writes nothing for a variable that is not set. */
function given(flag: string) {
  return (value: string): string => {
    if (value === '') throw new Error(`${flag} is empty: give it a value, or leave it out.`);
    return value;
  };
}

/** The options, under the names of their variables. */
function variablesOf(command: Command, options: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const names = new Map(settingOptions().map(({ flag, variable }) => [flag, variable]));
  return Object.fromEntries(
    command.options.flatMap((option) => {
      const [name, value] = [names.get(option.long ?? ''), options[option.attributeName()]];
      return name === undefined || value === undefined ? [] : [[name, value]];
    }),
  );
}

async function serve(env: Parameters<typeof loadConfig>[0]): Promise<void> {
  const { config, warnings, secretFiles } = loadConfig(env);
  if (cluster.isWorker) return run(config);
  const log = createLog(config.logLevel);
  for (const warning of [...warnings, ...openSecrets(secretFiles)]) log.warn(warning);
  await checkPort(config);
  await prepare(config);
  if (config.smtpUrl === undefined) {
    const folder = mailFolder(config.dataDir);
    log.info({ folder }, 'mails are written as files: COUNTERSIGN_SMTP_URL is not set');
  }
  if (config.workers > 1) superviseWorkers(config);
  else await run(config);
  process.stdout.write(screen(config));
}

/** Only a warning, because containers mount secrets in this way. */
function openSecrets(files: readonly SecretFile[]): readonly string[] {
  return files
    .filter(({ path }) => isOpenToOthers(path))
    .map(
      ({ variable, path }) =>
        `${variable}: ${path} can be read or changed by others than its owner. Run: ${mendingOf(path)}`,
    );
}

/** Everything that happens once, before any process listens. */
async function prepare(config: Config): Promise<void> {
  const context = await createContext(config, { serving: true });
  const directory = credentialsDir(config);
  try {
    const network = config.apply === undefined ? undefined : readNetworkFile(config.apply);
    const first = await makeFirstStart(context, network);
    // Also files of an earlier start that was killed before it wrote them.
    await writeLeftFiles(context, directory);
    if (network !== undefined && first === 'was there') {
      await applyNetwork(context, network, starter, undefined, (tx, { secrets }) =>
        leaveFiles(context, tx, secretFiles(secrets)),
      );
      await writeLeftFiles(context, directory);
    }
    await ensureRealms(context);
    await warnOfDevelopment(context);
  } finally {
    await context.hasher.close();
    await context.store.close();
  }
}

/** Warns of development realms that strangers can reach. That may be intended, but is easily forgotten. */
async function warnOfDevelopment(context: Context): Promise<void> {
  const { publicUrl } = context.config;
  if (isLoopback(publicUrl)) return;
  for (const name of await realmNames(context)) {
    const { settings } = await requireRealm(context, name);
    if (settings.development)
      context.log.warn({ realm: name, publicUrl }, 'this realm is for development: it allows plain http');
  }
}

/** One process that serves until it is told to stop. */
async function run(config: Config): Promise<void> {
  const context = await createContext(config, { serving: true });
  const { log } = context;
  const server = await listen(context).catch(async (thrown) => {
    await context.store.close();
    throw thrown;
  });
  log.info({ address: server.address, publicUrl: config.publicUrl, store: context.store.dialect }, 'listening');
  let stopping = false;
  const stop = async (signal: string) => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, 'stopping');
    await server.stop();
    process.exit(0);
  };
  process.on('SIGTERM', () => void stop('SIGTERM'));
  process.on('SIGINT', () => void stop('SIGINT'));
  // A worker ends with its supervisor.
  if (cluster.isPrimary) endWithParent(() => void stop('the parent is gone'));
}

/** Milliseconds that a stop may take when the parent is gone, because the port must be free for the next start. */
const orphanGrace = 1_500;

function endWithParent(stop: () => void): void {
  watchParent(() => {
    setTimeout(() => process.exit(0), orphanGrace).unref();
    stop();
  });
}

/**
 * Workers share the port. A worker that dies is replaced, unless workers die again and again within a second of their
 * start.
 */
function superviseWorkers(config: Config): void {
  const log = createLog(config.logLevel);
  let stopping = false;
  let quickDeaths = 0;
  const fork = () => {
    const born = performance.now();
    cluster.fork().on('exit', (exitCode: number | null, signal: string | null) => {
      if (stopping) return;
      quickDeaths = performance.now() - born < 1_000 ? quickDeaths + 1 : 0;
      log.error({ exitCode, signal }, 'a worker ended and will be replaced');
      if (quickDeaths > 2 * config.workers) process.exit(1);
      fork();
    });
  };
  collectFromWorkers();
  for (let i = 0; i < config.workers; i++) fork();
  const stop = (signal: 'SIGTERM' | 'SIGINT') => {
    stopping = true;
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill(signal);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop(signal));
  endWithParent(() => stop('SIGTERM'));
}

/** The first screen for a newcomer: where things are, and a command for each kind of login, ready to run. */
function screen(config: Config): string {
  const issuer = `${config.publicUrl}/realms/${config.defaultRealm}`;
  const lines = [
    '',
    `  Countersign is running at ${config.publicUrl}`,
    '',
    `  API          ${config.publicUrl}/docs`,
    `  Discovery    ${issuer}/.well-known/openid-configuration`,
    `  Data         ${config.databaseUrl === undefined ? config.dataDir : 'PostgreSQL or the given database'}`,
  ];
  if (existsSync(administratorFile(config)))
    lines.push(`  Credentials  ${credentialsDir(config)} (readable by you only)`);
  const secret = join(credentialsDir(config), 'loan-agent.secret');
  if (existsSync(secret)) {
    lines.push(
      '',
      '  A token for a participant:',
      '',
      `  curl -s ${issuer}/protocol/openid-connect/token -d grant_type=client_credentials -d client_id=loan-agent --data-urlencode client_secret@${shown(secret)}`,
      '',
      '  A login of a corporate identity:',
      '',
      `  curl -s ${config.publicUrl}/auth/login -H content-type:application/json -d @${shown(loginFile(config))}`,
      '',
      ...walletLine(config),
      '  The participants of the network:',
      '',
      '  npx countersign participant list',
    );
  }
  return `${lines.join('\n')}\n\n`;
}

/**
 * The command for a wallet. A newcomer's realm is open, so the first one makes it. Options that differ from the
 * defaults are written out, because the reader's shell may not have the variables.
 */
function walletLine(config: Config): readonly string[] {
  const passphrase = walletPassphraseFile(config);
  if (!existsSync(passphrase)) return [];
  const profile = walletProfileFile(config);
  const isMade = existsSync(profile);
  const words = [`npx countersign wallet ${isMade ? 'open' : 'create'} --passphrase-file ${shown(passphrase)}`];
  if (!isMade && config.publicUrl !== 'http://localhost:8080') words.push(`--url ${config.publicUrl}`);
  if (relative(process.cwd(), config.dataDir) !== 'data') words.push(`--wallet ${shown(profile)}`);
  return [isMade ? '  The wallet of this device:' : '  A wallet of your own:', '', `  ${words.join(' ')}`, ''];
}

function shown(path: string): string {
  const near = relative(process.cwd(), path);
  return near.startsWith('..') ? path : near;
}
