import type { Command } from 'commander';
import { online } from './api.ts';
import { listing, pagesOf, printList } from './list.ts';
import { call, callAs, keepToken, withSession } from './login.ts';
import { verifyPath } from './login-steps.ts';
import { print } from './output.ts';
import type { SessionOptions } from './session-file.ts';
import { readSecret } from './typed-secret.ts';

interface CodeOptions extends SessionOptions {
  readonly codeFile?: string;
}

interface GoingOn {
  readonly token: string;
}

/** Second factors of the session's credential. An administrator may name any credential. */
export function factorCommands(program: Command): void {
  const factor = program.command('factor').description('Second factors: authenticator apps, passkeys, recovery codes.');
  listing(online(withSession(factor.command('list'))))
    .description('List the second factors.')
    .option('--credential <id>', 'of this credential, as an administrator')
    .action(async (options) => {
      const { credential } = options as { credential?: string };
      const body = credential && { credentialId: credential };
      const { factors } = (await callAs(options, '/auth/factors/get', credential, body)) as {
        factors: { id: string }[];
      };
      await printList(
        options,
        pagesOf(factors, ({ id }) => id),
        'factors',
      );
    });
  withSession(factor.command('enrol-totp'))
    .description('Get the secret for an authenticator app, shown this once. It counts once it is confirmed.')
    .option('--name <name>', 'a name for it')
    .action(async (options: SessionOptions & { name?: string }) => {
      const { name } = options;
      print(await call(options, '/auth/factors/totp/enrol', name === undefined ? {} : { name }));
    });
  withCode(factor.command('confirm'))
    .description('Show that the authenticator app works. The recovery codes are shown this once.')
    .action(async (options: CodeOptions) => {
      await goOn(options, '/auth/factors/totp/confirm', await codeOf(options));
    });
  withCode(factor.command('verify'))
    .description('Make the session a stronger one, by a code of the app or a recovery code.')
    .action(async (options: CodeOptions) => {
      const code = await codeOf(options);
      await goOn(options, verifyPath(code), code);
    });
  withSession(factor.command('renew-recovery'))
    .description('Get other recovery codes in place of those before. Within five minutes of a second factor.')
    .action(async (options: SessionOptions) => print(await call(options, '/auth/factors/recovery/renew')));
  online(withSession(factor.command('remove <factor>')))
    .description('Take a factor away: within five minutes of showing one, or as an administrator. Every session ends.')
    .option('--credential <id>', 'of this credential, as an administrator')
    .action(async (id: string, options) => {
      const { credential } = options as { credential?: string };
      const path = `/auth/factors/${encodeURIComponent(id)}/remove`;
      const body = credential === undefined ? {} : { credentialId: credential };
      const left = (await callAs(options, path, credential, body)) as GoingOn | undefined;
      if (left !== undefined) keepToken(options, left.token);
    });
}

function withCode(command: Command): Command {
  return withSession(command).option('--code-file <file>', 'its first line is the code (default: ask)');
}

function codeOf({ codeFile }: CodeOptions): Promise<string> {
  return readSecret('Code: ', codeFile);
}

async function goOn(options: SessionOptions, path: string, code: string): Promise<void> {
  const { token, ...rest } = (await call(options, path, { code })) as GoingOn;
  keepToken(options, token);
  print(rest);
}
