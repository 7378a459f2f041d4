import { type Command, Option } from 'commander';
import { readTextFile } from '../kernel/text-file.ts';
import { readKeycloakExport } from '../passwords/identity/keycloak-import.ts';
import { type ImportTarget, importUsers } from '../passwords/identity/user-import.ts';
import { requireRealm } from '../subject/realm.ts';
import { offline } from './offline.ts';
import { print } from './output.ts';

/** Bytes. An export holds every user of a realm. */
const maxExport = 512 * 1024 * 1024;

interface ImportOptions {
  readonly realm?: string;
  readonly identity?: string;
  readonly identityProfile?: string;
  readonly type: 'ROOT' | 'USER';
  readonly keycloakRealm?: string;
  readonly withoutSecondFactor?: true;
}

/** For `countersign identity`: its only command that opens the database itself. */
export function importKeycloakCommand(identity: Command): void {
  identity
    .command('import-keycloak')
    .description('Import the users of a realm that Keycloak exported, with their passwords. Opens the database itself.')
    .argument('<file>', 'the export')
    .option('--realm <name>', 'the realm that they are imported into (default: COUNTERSIGN_DEFAULT_REALM)')
    .option('--identity <id>', 'the identity whose credentials they all become')
    .option('--identity-profile <id>', 'or: the identity profile from which each gets an identity')
    .addOption(new Option('--type <type>', 'the type of the credentials').choices(['ROOT', 'USER']).default('USER'))
    .option('--keycloak-realm <name>', 'the realm in the file, if it holds several')
    .option('--without-second-factor', 'import also users with a second factor; the factor itself is not imported')
    .action((file: string, options: ImportOptions) => importKeycloak(file, options));
}

async function importKeycloak(file: string, options: ImportOptions): Promise<void> {
  const into = target(options);
  const exported = readKeycloakExport(readTextFile(file, undefined, { maxBytes: maxExport }), options.keycloakRealm);
  await offline(async (context) => {
    const { name: realm } = await requireRealm(context, options.realm ?? context.config.defaultRealm);
    const { type, withoutSecondFactor = false } = options;
    const caller = { actor: 'cli', requestId: '' };
    const taken = await importUsers(context, { realm, into, type, withoutSecondFactor }, exported.users, caller);
    print({ realm, imported: taken.imported, refused: [...exported.refused, ...taken.refused] });
  });
}

function target({ identity, identityProfile }: ImportOptions): ImportTarget['into'] {
  if (identity !== undefined && identityProfile === undefined) return { identityId: identity };
  if (identityProfile !== undefined && identity === undefined) return { identityProfileId: identityProfile };
  throw new Error('Name either --identity or --identity-profile.');
}
