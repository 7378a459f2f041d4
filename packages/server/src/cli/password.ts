import type { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { readJsonFile } from '../json-file.ts';
import { answer, connect, online } from './api.ts';
import { call, keepToken, withSession } from './login.ts';
import { print } from './output.ts';
import { reach } from './reach.ts';
import { readSession, type SessionOptions, sessionPath } from './session-file.ts';
import { readSecret } from './typed-secret.ts';

interface Files {
  readonly passwordFile?: string;
  readonly oldPasswordFile?: string;
}

export function passwordCommands(program: Command): void {
  profileCommands(program);
  const password = program.command('password').description('Passwords of credentials, by version.');
  online(password.command('get <credential>'))
    .description('Version, state and expiry; never the password.')
    .action(async (id: string, options) => {
      const api = connect(options);
      print(await api.post(`${api.realm}/passwords/${encodeURIComponent(id)}/get`));
    });
  online(password.command('create <credential>'))
    .description('Set the first password: as an administrator, or with the token of an invitation.')
    .option('--invitation-file <file>', 'its first line is the token of the invitation')
    .option('--password-file <file>', 'its first line is the password (default: ask, or standard input)')
    .action(async (id: string, options) => print(await create(id, options)));
  withSession(password.command('update'))
    .description('Replace the password of the session’s credential. Every other session ends.')
    .option('--old-password-file <file>', 'its first line is the present password (default: ask)')
    .option('--password-file <file>', 'its first line is the new password (default: ask)')
    .action(async (options: SessionOptions & Files) => {
      const oldPassword = { value: await readSecret('Present password: ', options.oldPasswordFile) };
      const next = { value: await readSecret('New password: ', options.passwordFile) };
      const path = `/passwords/${encodeURIComponent(credentialOf(options))}/update`;
      const { token, ...rest } = (await call(options, path, { oldPassword, password: next })) as { token: string };
      keepToken(options, token);
      print(rest);
    });
  online(password.command('expire <credential> <version>'))
    .description('Expire a version. Its holder can still update it, unless it is compromised.')
    .option('--compromised', 'others may know it: the holder needs a lost-password mail for a new one')
    .action(async (id: string, version: string, options) => {
      const api = connect(options);
      const reason = (options as { compromised?: true }).compromised === true ? { reason: 'COMPROMISED' } : {};
      const path = `${api.realm}/passwords/${encodeURIComponent(id)}/${encodeURIComponent(version)}/expire`;
      print(await api.post(path, reason));
    });
}

function profileCommands(program: Command): void {
  const profile = program
    .command('password-profile')
    .description('The password rules of an identity profile, under its id.');
  online(profile.command('get <identity-profile>')).action(async (id: string, options) => {
    const api = connect(options);
    print(await api.post(`${api.realm}/passwords/profiles/${encodeURIComponent(id)}/get`));
  });
  for (const [step, text] of [
    ['create', 'Extend an identity profile.'],
    ['update', 'Replace the rules of the types that the file names.'],
  ] as const) {
    online(profile.command(`${step} <identity-profile>`))
      .description(text)
      .requiredOption('-f, --file <file>', 'JSON: { "ROOT": { "minimumLength": 15, … }, "USER": { … } }')
      .action(async (id: string, options) => {
        const api = connect(options);
        const configPerCredentialType = readJsonFile((options as { file: string }).file);
        const path = `${api.realm}/passwords/profiles/${encodeURIComponent(id)}/${step}`;
        print(await api.post(path, { configPerCredentialType }));
      });
  }
}

async function create(id: string, options: Files & { invitationFile?: string; realm?: string }): Promise<unknown> {
  const password = { value: await readSecret('New password: ', options.passwordFile) };
  const path = `/passwords/${encodeURIComponent(id)}/create`;
  if (options.invitationFile === undefined) {
    const api = connect(options);
    return api.post(api.realm + path, { password });
  }
  const { config } = loadConfig(process.env);
  const invitation = await readSecret('', options.invitationFile);
  const response = await reach(`${config.publicUrl}/realms/${options.realm ?? config.defaultRealm}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${invitation}`, 'content-type': 'application/json' },
    body: JSON.stringify({ password }),
  });
  return answer(response);
}

/** The session file has the credential since the login. */
function credentialOf(options: SessionOptions): string {
  return readSession(sessionPath(options)).credentialId;
}
