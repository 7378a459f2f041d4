import { writeFileSync } from 'node:fs';
import { createRegistry, createTokenSource, type PrivateJwk, retireKey, rotateKey } from '@countersign/client';
import { cryptoPort } from '@countersign/client/node-crypto';
import { thumbprint } from '@countersign/proof';
import type { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { readJsonFile } from '../json-file.ts';
import { readTextFile } from '../kernel/text-file.ts';
import { type SigningAlg, signingAlgs } from '../subject/realm.ts';
import { privateJwkOfPem } from '../subject/secrets/offered-key.ts';
import { generateJwks } from '../subject/tokens/signing-key.ts';
import { withDashed } from './dashed.ts';
import { type ListOptions, listing, pagesOf, printList } from './list.ts';
import { print } from './output.ts';
import { serverUrl } from './server-url.ts';
import { askSecret } from './typed-secret.ts';

/** The realm and the server. */
export interface Place {
  readonly realm?: string;
  readonly url?: string;
}

interface Credentials extends Place {
  readonly clientId: string;
  readonly clientSecretFile?: string;
}

interface Rotation extends Place {
  readonly key: string;
  readonly newKey?: string;
  readonly newCertificate?: string;
  readonly make?: boolean;
  readonly nbf?: number;
  readonly overlap?: number;
}

/** Commands of a participant for its own keys, under its own credentials. */
export function participantKeyCommands(participant: Command): void {
  const keys = participant
    .command('keys')
    .description('The keys that a participant signs with, managed by the participant.');
  const own = (name: string) =>
    keys
      .command(name)
      .option('--realm <name>', 'the realm (default: COUNTERSIGN_DEFAULT_REALM)')
      .option('--url <url>', 'the server (default: COUNTERSIGN_PUBLIC_URL)')
      .requiredOption('--client-id <id>', 'the client of the participant')
      .option('--client-secret-file <file>', 'a file with its secret (default: ask on a terminal)');
  listing(own('list <participant>'))
    .description('List its keys, with past and future ones.')
    .action(async (id: string, options: Credentials & ListOptions) => list(id, options));
  const byKey = (name: string) =>
    keys
      .command(name)
      .option('--realm <name>', 'the realm (default: COUNTERSIGN_DEFAULT_REALM)')
      .option('--url <url>', 'the server (default: COUNTERSIGN_PUBLIC_URL)')
      .requiredOption('--key <file>', 'a private key that is valid now, as a JWK or PEM; it never leaves this machine');
  byKey('rotate <participant>')
    .description('Register a new key; the present one signs for it, and stays valid for a while.')
    .option('--new-key <file>', 'the new private key as a JWK or PEM')
    .option('--new-certificate <file>', 'the PEM certificate of the new key: its dates become those of the key')
    .option('--make', 'make the new key, and write it beside the present one')
    .option('--nbf <seconds>', 'when the new key begins, in seconds since 1970 (default: now)', Number)
    .option('--overlap <seconds>', 'how long the keys before it stay valid (default: a day)', Number)
    .action(async (id: string, options: Rotation) => rotate(id, options));
  withDashed(byKey('retire <participant>'), '<thumbprint>')
    .description('End a key now; it may be the key of --key. The last valid key ends only as compromised.')
    .option('--compromised', 'others may have it: the status feed says so, and all tokens die', false)
    .action(async (id: string, print: string, options: Place & { key: string; compromised: boolean }) => {
      const { key, compromised } = options;
      const currentKey = readJwk(key);
      await retireKey({ issuer: issuerOf(options), participantId: id, currentKey, thumbprint: print, compromised });
    });
}

async function list(id: string, options: Credentials & ListOptions): Promise<void> {
  const { keys } = await createRegistry(await callerOf(options)).participant(id);
  const views = keys.map(async ({ key, notBefore, notAfter }) => ({
    thumbprint: await thumbprint(key, cryptoPort),
    kid: key.kid ?? null,
    alg: key.alg,
    nbf: notBefore ?? null,
    exp: notAfter ?? null,
  }));
  await printList(
    options,
    pagesOf(await Promise.all(views), ({ thumbprint: key }) => key),
  );
}

async function rotate(id: string, options: Rotation): Promise<void> {
  const { key, newKey, newCertificate, make = false, nbf, overlap } = options;
  if (make === (newKey !== undefined)) throw new Error('Name --new-key or --make, one of them.');
  const currentKey = readJwk(key);
  const newKeyFile = newKey ?? (await makeKeyBeside(key, currentKey));
  const rotated = await rotateKey({
    issuer: issuerOf(options),
    participantId: id,
    currentKey,
    newKey: readJwk(newKeyFile),
    ...(newCertificate === undefined ? {} : { newCertificate: readTextFile(newCertificate) }),
    ...(nbf === undefined ? {} : { notBefore: nbf }),
    ...(overlap === undefined ? {} : { overlapSeconds: overlap }),
  });
  print({ ...rotated, newKeyFile });
}

/**
 * Written to disk before the registry learns of it, because a crash in between must not leave a participant without its
 * private key.
 */
async function makeKeyBeside(path: string, { alg }: PrivateJwk): Promise<string> {
  const kind: SigningAlg = signingAlgs.find((one) => one === alg) ?? (alg === 'EdDSA' ? 'Ed25519' : 'ES256');
  const { privateJwk, publicJwk } = await generateJwks(kind);
  const beside = `${path}.${publicJwk.kid.slice(0, 8)}`;
  writeFileSync(beside, `${JSON.stringify(privateJwk)}\n`, { mode: 0o600, flag: 'wx' });
  return beside;
}

async function callerOf({ clientId, clientSecretFile, ...place }: Credentials) {
  const issuer = issuerOf(place);
  const clientSecret = await askSecret('Client secret: ', clientSecretFile);
  if (clientSecret === undefined) throw new Error('Name --client-secret-file.');
  return { issuer, token: createTokenSource({ issuer, clientId, clientSecret }) };
}

export function issuerOf({ realm, url }: Place): string {
  const { config } = loadConfig(process.env);
  return `${url === undefined ? config.publicUrl : serverUrl(url, '--url')}/realms/${realm ?? config.defaultRealm}`;
}

/** A private key as a JWK, or as PEM. */
export function readJwk(path: string): PrivateJwk {
  const text = readTextFile(path);
  if (!text.includes('-----BEGIN ')) return readJsonFile(path) as unknown as PrivateJwk;
  const jwk = privateJwkOfPem(text);
  if (jwk !== undefined) return jwk as unknown as PrivateJwk;
  throw new Error(`${path} holds no PEM private key without a passphrase, and no JWK.`);
}
