import type { Command } from 'commander';
import { type OptionName, optionsSchema, readOptions } from '../gateway/options.ts';
import { startGateway } from '../gateway/start.ts';

/** In the order of the help. The values are those of `optionsSchema`. */
const values: Readonly<Record<OptionName, string>> = {
  upstream: 'url',
  listen: 'address',
  issuer: 'url',
  clientId: 'id',
  clientSecretFile: 'file',
  key: 'file',
  accept: 'kinds',
  subjectAudience: 'audience',
  trustedProxies: 'addresses',
  participantId: 'id',
  publicUrl: 'url',
  form: 'form',
  audience: 'audience',
  unsigned: 'paths',
  forwardListen: 'address',
  adminListen: 'address',
  maxBody: 'size',
  maxResponse: 'size',
  spoolDir: 'directory',
  timeoutSeconds: 'seconds',
  subjectKey: 'file',
  tlsCert: 'file',
  tlsKey: 'file',
  logLevel: 'level',
};

interface Given extends Readonly<Record<string, unknown>> {
  readonly config?: string;
  readonly dangerouslyListenForOtherMachines: boolean;
  readonly dangerouslyAllowPlainHttp: boolean;
}

export function gatewayCommands(program: Command): void {
  const gateway = program
    .command('gateway')
    .description('Verify and sign messages for an application in any language, which need not do either.')
    .option('--config <file>', 'JSON with the options below by their names in camelCase; the command line wins');
  for (const [name, value] of Object.entries(values)) {
    const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    gateway.option(`--${flag} <${value}>`, optionsSchema.shape[name as OptionName].description);
  }
  gateway
    .option(
      '--dangerously-listen-for-other-machines',
      'let other machines reach the forward and admin ports: they can then act in our name',
      false,
    )
    .option('--dangerously-allow-plain-http', 'send token and message over http to participants elsewhere', false)
    .action(run);
}

async function run(given: Given): Promise<void> {
  const { config, dangerouslyListenForOtherMachines, dangerouslyAllowPlainHttp, ...options } = given;
  const gateway = await startGateway(
    readOptions(options, config, {
      listenForOtherMachines: dangerouslyListenForOtherMachines,
      allowPlainHttp: dangerouslyAllowPlainHttp,
    }),
  );
  const { url, adminUrl, forwardUrl } = gateway;
  process.stdout.write(`${JSON.stringify({ url, adminUrl, forwardUrl })}\n`);
  const stop = async (): Promise<void> => {
    await gateway.stop();
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop());
}
