import { basename } from 'node:path';
import type { Context } from './context.ts';
import { loginFile, walletPassphraseFile } from './credentials.ts';
import { makeSecret } from './registry/client.ts';
import type { Files } from './subject/handover.ts';
import { generateJwks } from './subject/tokens/signing-key.ts';

/**
 * The contents of the development realm for a newcomer: a loan agent, a lender, and a corporate identity whose ROOT can
 * log in.
 */
export interface Demonstration {
  /** A network file. */
  readonly network: unknown;
  readonly files: Files;
  /** The password of the ROOT, which a network file cannot hold. */
  readonly password: { readonly identityId: string; readonly id: string; readonly hash: string };
}

const participants = [
  { name: 'loan-agent', role: 'LOAN_AGENT', port: 9001, title: 'Example Loan Agent' },
  { name: 'lender', role: 'LENDER', port: 9002, title: 'Example Lender' },
] as const;

const root = {
  id: 'example-root',
  identityId: 'example-travel',
  type: 'ROOT',
  code: 'root@travel.example',
  emailVerified: true,
} as const;
const corporates = {
  identityProfiles: [{ id: 'example-corporates', name: 'Example corporates' }],
  passwordProfiles: [{ id: 'example-corporates', configPerCredentialType: { ROOT: {}, USER: {} } }],
  identities: [{ id: 'example-travel', profileId: 'example-corporates', name: 'Example Travel' }],
  credentials: [root],
} as const;

export async function makeDemonstration(context: Context): Promise<Demonstration> {
  const { random, config } = context;
  const made = await Promise.all(participants.map((one) => makeParticipant(context, one)));
  const product = { id: 'example-loan', name: 'Example loan', description: 'What a new network begins with.' };
  const network = {
    id: 'example-network',
    name: 'Example network',
    productId: product.id,
    participants: made.map(({ entry }) => entry.id),
  };
  const realm = { name: 'dev', profile: 'ocen4', participants: made.map(({ entry }) => entry), products: [product] };
  const password = random.token(18);
  return {
    network: { realms: [{ ...realm, productNetworks: [network], ...corporates }] },
    files: {
      ...Object.assign({}, ...made.map(({ files }) => files)),
      [basename(loginFile(config))]: `${JSON.stringify({ credentialCode: root.code, password }, null, 2)}\n`,
      [basename(walletPassphraseFile(config))]: `${random.token(18)}\n`,
    },
    password: { identityId: root.identityId, id: root.id, hash: await context.hasher.hash(password) },
  };
}

async function makeParticipant(context: Context, { name, role, port, title }: (typeof participants)[number]) {
  const { publicJwk, privateJwk } = await generateJwks('RS256');
  const client = { id: name, secret: makeSecret(context).value };
  return {
    entry: {
      id: context.random.uuid(),
      role,
      status: 'APPROVED',
      baseUrl: `http://localhost:${port}`,
      participant: { id: `example-${name}`, participantName: title },
      keys: [publicJwk],
      client,
    },
    files: {
      // Without a newline at the end, because `curl --data-urlencode client_secret@FILE` sends every byte of the file.
      [`${name}.secret`]: client.secret,
      [`${name}.private.jwk`]: `${JSON.stringify(privateJwk)}\n`,
    },
  };
}
