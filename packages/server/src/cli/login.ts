import type { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { readJsonFile } from '../json-file.ts';
import { answer, connect, online } from './api.ts';
import { listing, pagesOf, printList } from './list.ts';
import { completeLogin, type Send, type StepOptions } from './login-steps.ts';
import { print } from './output.ts';
import { reach } from './reach.ts';
import { serverUrl } from './server-url.ts';
import {
  readSession,
  removeSession,
  type SessionFile,
  type SessionOptions,
  sessionPath,
  writeSession,
} from './session-file.ts';
import { readSecret } from './typed-secret.ts';

interface LoginOptions extends SessionOptions, StepOptions {
  readonly realm?: string;
  readonly url?: string;
  readonly passwordFile?: string;
  readonly from?: string;
}

/** Commands for the holder of a credential. The commands that administrators may use too have their options as well. */
export function loginCommands(program: Command): void {
  withSession(program.command('login [code]'))
    .description('Open a session as a credential, and keep its token in a file that only you can read.')
    .option('--realm <name>', 'the realm (default: COUNTERSIGN_DEFAULT_REALM)')
    .option('--url <url>', 'the server (default: COUNTERSIGN_PUBLIC_URL)')
    .option('--password-file <file>', 'its first line is the password (default: ask, or standard input)')
    .option('--from <file>', 'JSON with credentialCode and password')
    .option('--factor-code-file <file>', 'its first line is the code of the second factor (default: ask)')
    .option('--new-password-file <file>', 'its first line is the next password, if this one has expired (default: ask)')
    .action(async (code: string | undefined, options: LoginOptions) => print(await login(code, options)));
  withSession(program.command('whoami'))
    .description('Show the holder of the session, as the server signs it for other services.')
    .option('--token', 'show the signed subject itself')
    .option('--audience <audience>', 'the service that it is for (default: the realm)')
    .action(async (options: SessionOptions & { token?: true; audience?: string }) => {
      const { audience } = options;
      const body = audience === undefined ? {} : { audience };
      const { token } = (await call(options, '/auth/subject', body)) as { token: string };
      print(options.token === true ? { token } : claimsOf(token));
    });
  withSession(program.command('logout'))
    .description('End the session and forget its token.')
    .action(async (options: SessionOptions) => {
      await call(options, '/auth/logout');
      removeSession(sessionPath(options));
    });
  sessionCommands(program);
}

export function withSession(command: Command): Command {
  return command.option(
    '--session <file>',
    'where the session is kept (default: credentials/session.json in the data directory)',
  );
}

/** A documented call with the token of the session. */
export async function call(options: SessionOptions, path: string, body: object = {}): Promise<unknown> {
  const { url, realm, token } = readSession(sessionPath(options));
  return answer(await send(`${url}/realms/${realm}${path}`, body, { authorization: `Bearer ${token}` }));
}

/** A change that ends the session returns a new one, which is kept instead. */
export function keepToken(options: SessionOptions, token: string): void {
  const path = sessionPath(options);
  writeSession(path, { ...readSession(path), token });
}

async function login(code: string | undefined, options: LoginOptions): Promise<unknown> {
  const { config } = loadConfig(process.env);
  const url = options.url === undefined ? config.publicUrl : serverUrl(options.url, '--url');
  const place = { url, realm: options.realm ?? config.defaultRealm };
  const wanted = options.from === undefined ? await typed(code, options) : readJsonFile(options.from, '--from');
  const issuer = `${place.url}/realms/${place.realm}`;
  const post: Send = (path, body, token) =>
    send(issuer + path, body, token === undefined ? {} : { authorization: `Bearer ${token}` });
  const { token, ...rest } = await completeLogin(post, await post('/auth/login', wanted), wanted, options);
  const path = sessionPath(options);
  writeSession(path, { ...place, token, credentialId: rest.credential.id } satisfies SessionFile);
  return { ...rest, session: path };
}

async function typed(code: string | undefined, { passwordFile }: LoginOptions) {
  if (code === undefined) throw new Error('Name the code of the credential, or a file with --from.');
  return { credentialCode: code, password: await readSecret('Password: ', passwordFile) };
}

function sessionCommands(program: Command): void {
  const sessions = program.command('sessions').description('Open sessions: one’s own, or as an administrator any.');
  listing(online(withSession(sessions.command('list'))))
    .description('List the open sessions.')
    .option('--credential <id>', 'of this credential, as an administrator')
    .action(async (options) => {
      const { credential } = options as { credential?: string };
      const body = credential && { credentialId: credential };
      const answered = await callAs(options, '/auth/sessions/get', credential, body);
      const open = (answered as { sessions: { id: string }[] }).sessions;
      await printList(
        options,
        pagesOf(open, ({ id }) => id),
        'sessions',
      );
    });
  online(withSession(sessions.command('terminate [session]')))
    .description('End one session, or with --credential as an administrator; --all ends every one of the credential.')
    .option('--credential <id>', 'of this credential, as an administrator')
    .option('--all', 'every session of the credential')
    .action(async (session: string | undefined, options) => {
      const { credential, all } = options as { credential?: string; all?: true };
      if ((session === undefined) === (all === undefined)) throw new Error('Name one session, or use --all.');
      if (session !== undefined) {
        print(await callAs(options, `/auth/sessions/${encodeURIComponent(session)}/terminate`, credential));
      } else {
        print(
          await callAs(options, '/auth/sessions/terminate', credential, credential && { credentialId: credential }),
        );
      }
    });
}

/** As an administrator if a credential is named, else with the own session. */
export async function callAs(
  options: SessionOptions & Parameters<typeof connect>[0],
  path: string,
  credential: string | undefined,
  body: object | '' | undefined = {},
): Promise<unknown> {
  const sent = body === '' ? {} : body;
  if (credential === undefined) return call(options, path, sent);
  const api = connect(options);
  return api.post(api.realm + path, sent);
}

function send(url: string, body: object, headers: Readonly<Record<string, string>>): Promise<Response> {
  return reach(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

/** Reads the claims without verification: only for display. */
function claimsOf(token: string): unknown {
  return JSON.parse(Buffer.from(token.split('.')[1] as string, 'base64url').toString());
}
