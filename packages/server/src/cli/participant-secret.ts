import { issueSecret, type SecretHolder } from '@countersign/client';
import type { Command } from 'commander';
import { print } from './output.ts';
import { issuerOf, type Place, readJwk } from './participant-keys.ts';
import { askSecret } from './typed-secret.ts';

interface Options extends Place {
  readonly key?: string;
  readonly clientId?: string;
  readonly clientSecretFile?: string;
  readonly overlap?: number;
}

export function participantSecretCommand(participant: Command): void {
  participant
    .command('secret <participant>')
    .description('Add a client secret beside the present one, and show it once. By the participant itself.')
    .option('--realm <name>', 'the realm (default: COUNTERSIGN_DEFAULT_REALM)')
    .option('--url <url>', 'the server (default: COUNTERSIGN_PUBLIC_URL)')
    .option('--key <file>', 'a private key that is valid now, as a JWK or PEM; it never leaves this machine')
    .option('--client-id <id>', 'or the client of the participant')
    .option('--client-secret-file <file>', 'with its present secret (default: ask on a terminal)')
    .option('--overlap <seconds>', 'how long the secret before it lives on (default: a day)', Number)
    .action(async (id: string, options: Options) => {
      const { overlap } = options;
      const wanted = overlap === undefined ? {} : { overlapSeconds: overlap };
      print(await issueSecret({ issuer: issuerOf(options), participantId: id, by: await proofOf(options), ...wanted }));
    });
}

async function proofOf({ key, clientId, clientSecretFile }: Options): Promise<SecretHolder['by']> {
  if (key !== undefined && clientId === undefined && clientSecretFile === undefined) {
    return { currentKey: readJwk(key) };
  }
  if (key === undefined && clientId !== undefined) {
    const clientSecret = await askSecret('Client secret: ', clientSecretFile);
    if (clientSecret !== undefined) return { clientId, clientSecret };
  }
  throw new Error('Name --key, or --client-id with --client-secret-file: one of the two.');
}
