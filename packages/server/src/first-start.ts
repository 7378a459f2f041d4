import { basename } from 'node:path';
import type { Context } from './context.ts';
import { administratorFile, secretFiles } from './credentials.ts';
import { type Demonstration, makeDemonstration } from './demonstration.ts';
import { placeFirstPassword } from './passwords/password.ts';
import { createClient, makeSecret } from './registry/client.ts';
import { applyRealms, checkNetwork } from './registry/network-file/apply.ts';
import type { PreparedRealm } from './registry/network-file/prepare.ts';
import { makeRealm, starter } from './start.ts';
import type { SigningKeyTable } from './store/schema.ts';
import { type Writing, write } from './store/write.ts';
import { adminScope } from './subject/administrator.ts';
import { type Files, leaveFiles } from './subject/handover.ts';
import { effectiveSettings, lookUpRealm, systemRealm } from './subject/realm.ts';
import { makeSigningKeys, placeSigningKeys } from './subject/tokens/signing-key.ts';

/**
 * The very first start, in one transaction. It makes two realms with their signing keys, an administrator for the
 * command line, and the network of `COUNTERSIGN_APPLY`; without one, an example network in a development realm. Every
 * secret is random and is left for a 0600 file in the same transaction. Of several first starts at once, one makes
 * everything, and the others wait and find it done.
 *
 * Every start calls this. Nothing happens if the realm `system` exists.
 */
export async function makeFirstStart(context: Context, file: unknown): Promise<'made' | 'was there'> {
  if ((await lookUpRealm(context, systemRealm)) !== undefined) return 'was there';
  const { config } = context;
  const demonstration = (await isForNewcomers(context)) ? await makeDemonstration(context) : undefined;
  const realms = await checkNetwork(context, file ?? demonstration?.network ?? { realms: [] });
  const keys = await makeKeys(context, realms);
  const secret = makeSecret(context);
  return write(context, starter, async (tx) => {
    // If another first start is running, it holds this row, and this one waits here.
    if (!(await makeRealm(tx, systemRealm, 'strict'))) return 'was there';
    const files = config.admin === undefined ? await placeAdministrator(context, tx, secret) : {};
    const { secrets } = await applyRealms(context, tx, realms, starter);
    await makeRealm(tx, config.defaultRealm, 'ocen4');
    for (const [realm, made] of keys) await placeSigningKeys(tx, realm, made);
    await placePassword(tx, demonstration);
    await leaveFiles(context, tx, { ...files, ...secretFiles(secrets), ...demonstration?.files });
    return 'made';
  });
}

/** Not with a network file, which says what to make. */
async function isForNewcomers(context: Context): Promise<boolean> {
  const { apply, defaultRealm, developmentRealm } = context.config;
  if (apply !== undefined || defaultRealm !== developmentRealm) return false;
  return (await lookUpRealm(context, defaultRealm)) === undefined;
}

/**
 * The keys of every realm of the first start. Made before the transaction, because an RSA key takes a quarter of a
 * second.
 */
async function makeKeys(
  context: Context,
  realms: readonly PreparedRealm[],
): Promise<readonly (readonly [realm: string, keys: readonly SigningKeyTable[]])[]> {
  const { config } = context;
  const settings = new Map([
    [systemRealm, effectiveSettings(config, systemRealm, 'strict', {})],
    [config.defaultRealm, effectiveSettings(config, config.defaultRealm, 'ocen4', {})],
    ...realms.map(
      ({ entry: { name, profile = 'strict', settings = {} } }) =>
        [name, effectiveSettings(config, name, profile, settings)] as const,
    ),
  ]);
  const made = [...settings].map(
    async ([name, { accessTokenAlg }]) => [name, await makeSigningKeys(context, name, accessTokenAlg)] as const,
  );
  return Promise.all(made);
}

async function placeAdministrator(
  context: Context,
  tx: Writing,
  secret: ReturnType<typeof makeSecret>,
): Promise<Files> {
  const clientId = 'countersign-cli';
  const client = { realm: systemRealm, id: clientId, name: 'Command line', scope: adminScope };
  await createClient(context, tx, { ...client, secrets: [secret.stored], suspended: false });
  const event = {
    realm: systemRealm,
    type: 'client.created',
    object: `client:${clientId}`,
    after: { scope: adminScope },
  };
  await tx.record(event);
  const profile = { url: context.config.publicUrl, clientId, clientSecret: secret.value };
  return { [basename(administratorFile(context.config))]: `${JSON.stringify(profile, null, 2)}\n` };
}

async function placePassword(tx: Writing, demonstration: Demonstration | undefined): Promise<void> {
  if (demonstration !== undefined) await placeFirstPassword(tx, 'dev', demonstration.password);
}
