import type { Command } from 'commander';
import { call, withSession } from './login.ts';
import { print } from './output.ts';
import type { SessionOptions } from './session-file.ts';
import { readSecret } from './typed-secret.ts';

/** The address for mail of the session's credential. */
export function emailCommands(program: Command): void {
  const email = program.command('email').description('The address for mail of the session’s credential.');
  withSession(email.command('get'))
    .description('The address, and whether it is verified.')
    .action(async (options: SessionOptions) => print(await call(options, '/auth/email/get')));
  withSession(email.command('send-code'))
    .description('Mail a code to the address, unless it is verified: good once, for a day.')
    .action(async (options: SessionOptions) => print(await call(options, '/auth/email/start')));
  withSession(email.command('verify'))
    .description('Show the code from the mail: the address is verified from now on.')
    .option('--code-file <file>', 'its first line is the code (default: ask)')
    .action(async (options: SessionOptions & { codeFile?: string }) => {
      const verificationCode = await readSecret('Code: ', options.codeFile);
      print(await call(options, '/auth/email/verify', { verificationCode }));
    });
}
