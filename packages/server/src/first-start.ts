import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from './config.ts';
import type { Context } from './context.ts';
import { createPassword } from './passwords/password.ts';
import { createClient, makeSecret } from './registry/client.ts';
import { applyNetwork } from './registry/network-file/apply.ts';
import type { MadeSecret } from './registry/network-file/report.ts';
import { starter } from './start.ts';
import { write } from './store/write.ts';
import { adminScope } from './subject/administrator.ts';
import { recordEvent } from './subject/event.ts';
import { lookUpRealm, saveRealm, systemRealm } from './subject/realm.ts';
import { generateJwks } from './subject/signing-key.ts';

/**
 * What the very first start makes so that a newcomer can use the server at once: an administrator for the command line, and in
 * realm `dev` a loan agent, a lender and a corporate identity. Nothing is default or guessable: every secret is random, and is
 * written to a 0600 file before the database learns of it, so that a crash in between loses nothing that was acknowledged.
 */
export async function provisionFirstStart(context: Context): Promise<void> {
  const { config } = context;
  if (config.admin === undefined && (await lookUpRealm(context, systemRealm)) === undefined)
    await makeAdministrator(context);
  // A network file says itself what there is to be.
  if (
    config.apply === undefined &&
    config.defaultRealm === 'dev' &&
    (await lookUpRealm(context, 'dev')) === undefined
  ) {
    await makeDevelopmentNetwork(context);
  }
}

export function credentialsDir(config: Config): string {
  return join(config.dataDir, 'credentials');
}

/** Where the command line finds its administrator. */
export function administratorFile(config: Config): string {
  return join(credentialsDir(config), 'admin.json');
}

const demonstration = [
  { name: 'loan-agent', role: 'LOAN_AGENT', port: 9001, title: 'Example Loan Agent' },
  { name: 'lender', role: 'LENDER', port: 9002, title: 'Example Lender' },
] as const;

/** A corporate identity whose ROOT can log in. */
const root = { id: 'example-root', identityId: 'example-travel', type: 'ROOT', code: 'root@travel.example' } as const;
const corporates = {
  identityProfiles: [{ id: 'example-corporates', name: 'Example corporates' }],
  passwordProfiles: [{ id: 'example-corporates', configPerCredentialType: { ROOT: {}, USER: {} } }],
  identities: [{ id: 'example-travel', profileId: 'example-corporates', name: 'Example Travel' }],
  credentials: [root],
} as const;

async function makeAdministrator(context: Context): Promise<void> {
  const secret = makeSecret(context);
  const clientId = 'countersign-cli';
  const file = administratorFile(context.config);
  const { publicUrl: url } = context.config;
  writeSecretFile(file, `${JSON.stringify({ url, clientId, clientSecret: secret.value }, null, 2)}\n`);
  const made = await write(context, async (tx) => {
    if ((await saveRealm(tx, systemRealm, 'strict', {}, 'keep')) !== 'created') return false;
    const client = { realm: systemRealm, id: clientId, name: 'Command line', scope: adminScope };
    await createClient(context, tx, { ...client, secrets: [secret.stored], suspended: false });
    const after = { scope: adminScope };
    await recordEvent(
      context,
      tx,
      { realm: systemRealm, type: 'client.created', object: `client:${clientId}`, after },
      starter,
    );
    return true;
  });
  // Another node of the same first start was faster: the administrator is in its directory.
  if (!made) rmSync(file);
}

async function makeDevelopmentNetwork(context: Context): Promise<void> {
  const participants = [];
  for (const { name, role, port, title } of demonstration) {
    const { publicJwk, privateJwk } = await generateJwks('RS256');
    const client = { id: name, secret: makeSecret(context).value };
    // Without a newline at the end: `curl --data-urlencode client_secret@FILE` sends every byte of the file.
    writeSecretFile(join(credentialsDir(context.config), `${name}.secret`), client.secret);
    writeSecretFile(join(credentialsDir(context.config), `${name}.private.jwk`), `${JSON.stringify(privateJwk)}\n`);
    participants.push({
      id: context.random.uuid(),
      role,
      status: 'APPROVED',
      baseUrl: `http://localhost:${port}`,
      participant: { id: `example-${name}`, participantName: title },
      keys: [publicJwk],
      client,
    });
  }
  const product = { id: 'example-loan', name: 'Example loan', description: 'What a new network begins with.' };
  const network = {
    id: 'example-network',
    name: 'Example network',
    productId: product.id,
    participants: participants.map(({ id }) => id),
  };
  const file = {
    realms: [
      { name: 'dev', profile: 'ocen4', participants, products: [product], productNetworks: [network], ...corporates },
    ],
  };
  // Before the network is there, or a crash in between would leave a credential that nobody has the password of.
  const password = context.random.token(18);
  writeSecretFile(loginFile(context.config), `${JSON.stringify({ credentialCode: root.code, password }, null, 2)}\n`);
  writeSecretFile(walletPassphraseFile(context.config), `${context.random.token(18)}\n`);
  await applyNetwork(context, file, starter);
  await createPassword(context, 'dev', root.id, { password }, starter);
}

/** The body of a login, as `curl -d @…` sends it. */
export function loginFile(config: Config): string {
  return join(credentialsDir(config), 'example-root.json');
}

/** A passphrase for the key of a first wallet, whose line on the screen would else have to ask for one. */
export function walletPassphraseFile(config: Config): string {
  return join(credentialsDir(config), 'wallet.passphrase');
}

/** Where the command line keeps a wallet unless told otherwise. */
export function walletProfileFile(config: Config): string {
  return join(credentialsDir(config), 'wallet.json');
}

/** Secrets that applying a network file made: nobody else has them, so each gets a 0600 file of its own. */
export function writeGeneratedSecrets(config: Config, secrets: readonly MadeSecret[]): void {
  for (const { realm, clientId, secret } of secrets) {
    // A client id may hold anything but control characters: encoded, it names one file in this directory.
    writeSecretFile(join(credentialsDir(config), `${realm}.${encodeURIComponent(clientId)}.secret`), secret);
  }
}

function writeSecretFile(path: string, content: string): void {
  mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 });
  rmSync(path, { force: true });
  writeFileSync(path, content, { mode: 0o600, flag: 'wx' });
}
