import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { readTextFile } from '../../kernel/text-file.ts';
import { smtpServerOf } from '../../mail/smtp-server.ts';
import { isLoopback } from '../../settings.ts';
import { masterKeyPath } from '../../subject/secrets/master-key.ts';
import { error, warning } from './finding.ts';
import type { Around, Check } from './look.ts';

const loopbackHosts = new Set(['127.0.0.1', '::1', 'localhost']);

const unknownVariables: Check<Around> = ({ warnings }) =>
  warnings.map((text) => warning('settings.unknown', text, `unset ${text.split(' ')[0]}`));

const localIssuer: Check<Around> = ({ config: { host, publicUrl } }) =>
  loopbackHosts.has(host) || !isLoopback(publicUrl)
    ? undefined
    : error(
        'settings.public_url',
        `The server listens on ${host} for other machines, but its issuer is ${publicUrl}, which every machine takes for itself.`,
        'COUNTERSIGN_PUBLIC_URL=https://<the name that callers use>, or COUNTERSIGN_HOST=127.0.0.1',
      );

const plainIssuer: Check<Around> = ({ config: { tls, publicUrl } }) =>
  tls === undefined || publicUrl.startsWith('https:')
    ? undefined
    : error(
        'settings.tls',
        `The server speaks TLS, but its issuer is ${publicUrl}.`,
        `COUNTERSIGN_PUBLIC_URL=${publicUrl.replace('http:', 'https:')}`,
      );

const plainOrigins: Check<Around> = ({ config: { corsOrigins, publicUrl } }) =>
  isLoopback(publicUrl)
    ? undefined
    : corsOrigins
        .filter((origin) => origin.startsWith('http:'))
        .map((origin) =>
          warning(
            'settings.cors',
            `Pages of ${origin} may read answers, and anyone between can change such a page: it comes without TLS.`,
            `COUNTERSIGN_CORS_ORIGINS: ${origin.replace('http:', 'https:')} in place of ${origin}`,
          ),
        );

const quietLog: Check<Around> = ({ config: { logLevel } }) =>
  ['silent', 'fatal', 'error'].includes(logLevel)
    ? warning(
        'settings.log_level',
        `The log level ${logLevel} leaves out failed logins, refusals and warnings.`,
        'COUNTERSIGN_LOG_LEVEL=info',
      )
    : undefined;

const manyWorkers: Check<Around> = ({ config: { workers } }) =>
  workers <= availableParallelism()
    ? undefined
    : warning(
        'settings.workers',
        `${workers} workers share ${availableParallelism()} processors: each one more costs memory and gains nothing.`,
        `COUNTERSIGN_WORKERS=${availableParallelism()}`,
      );

/** The variable wins. A person who restores only the file has the wrong key. */
const twoMasterKeys: Check<Around> = ({ config }) => {
  const path = masterKeyPath(config);
  if (config.masterKey === undefined || !existsSync(path)) return undefined;
  if (readTextFile(path).trim() === Buffer.from(config.masterKey).toString('base64url')) return undefined;
  return warning(
    'settings.master_key',
    `COUNTERSIGN_MASTER_KEY is in force, and ${path} holds another key that opens nothing here.`,
    `move ${path} away, or unset COUNTERSIGN_MASTER_KEY`,
  );
};

const allProxies: Check<Around> = ({ config: { trustedProxies } }) =>
  trustedProxies
    .filter((entry) => Number(entry.split('/')[1] ?? 128) < 8)
    .map((entry) =>
      error(
        'settings.trusted_proxies',
        `${entry} trusts nearly every address: strangers choose the address that throttles count them under.`,
        'COUNTERSIGN_TRUSTED_PROXIES=<the addresses of your proxies>',
      ),
    );

const mailFolder: Check<Around> = ({ config: { smtpUrl, publicUrl } }) =>
  smtpUrl !== undefined || isLoopback(publicUrl)
    ? undefined
    : error(
        'mail.folder',
        'Mails are written as files in the data directory, and their recipients never get them.',
        'COUNTERSIGN_SMTP_URL=smtps://<name>:<password>@<host>:465',
      );

const mailSender: Check<Around> = ({ config: { smtpUrl, mailFrom } }) =>
  smtpUrl !== undefined && mailFrom.endsWith('@localhost')
    ? error(
        'mail.sender_default',
        `Mails are sent by ${mailFrom}, which other mail servers refuse.`,
        'COUNTERSIGN_MAIL_FROM=countersign@<your domain>',
      )
    : undefined;

const plainMail: Check<Around> = ({ config: { smtpUrl } }) => {
  const server = smtpUrl === undefined ? undefined : smtpServerOf(smtpUrl);
  // Between two processes of one machine the certificate is not verified, and no TLS is needed.
  if (server === undefined || !server.verifyCertificate || server.secure || server.requireTls) return undefined;
  return warning(
    'mail.plain',
    `Mails with codes may go to ${server.host} without TLS: the URL says requireTLS=false.`,
    'COUNTERSIGN_SMTP_URL without ?requireTLS=false',
  );
};

export const settingChecks: readonly Check<Around>[] = [
  unknownVariables,
  localIssuer,
  plainIssuer,
  plainOrigins,
  quietLog,
  manyWorkers,
  twoMasterKeys,
  allProxies,
  mailFolder,
  mailSender,
  plainMail,
];
