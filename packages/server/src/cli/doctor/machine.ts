import { existsSync } from 'node:fs';
import { databaseUrlOf } from '../../config.ts';
import { credentialPaths } from '../../credentials.ts';
import { isOpenToOthers, mendingOf } from '../../kernel/private-file.ts';
import { readTextFile } from '../../kernel/text-file.ts';
import { probeSmtp, type SmtpFault } from '../../mail/probe.ts';
import { smtpServerOf } from '../../mail/smtp-server.ts';
import { masterKeyPath } from '../../subject/secrets/master-key.ts';
import { error, type Finding, type Found, warning } from './finding.ts';
import type { Around, Check } from './look.ts';

/** Others than the owner can read or change the path. */
function open(id: string, what: string, path: string, make = error): Finding | undefined {
  if (!isOpenToOthers(path)) return undefined;
  return make(`permissions.${id}`, `${what} ${path} can be read or changed by others than its owner.`, mendingOf(path));
}

/** The server itself refuses to start with these. */
export const permissionChecks: readonly Check<Around>[] = [
  ({ config }) => open('data_directory', 'The data directory', config.dataDir),
  ({ config }) => open('master_key', 'The master key', masterKeyPath(config)),
  ({ config }) => credentialPaths(config).map((path) => open('credentials', 'The file of credentials', path)),
  ({ config }) => databaseFiles(databaseUrlOf(config)).map((path) => open('database', 'The database', path)),
];

function databaseFiles(url: string): readonly string[] {
  const path = url.startsWith('sqlite:') ? url.slice('sqlite:'.length) : undefined;
  return path === undefined ? [] : [path, `${path}-wal`, `${path}-shm`].filter((file) => existsSync(file));
}

/** The server warns of these. */
const secretFile: Check<Around> = ({ secretFiles }) =>
  secretFiles.map(({ variable, path }) => open('secret_file', `${variable}:`, path, warning));

const networkFile: Check<Around> = ({ config: { apply } }) => {
  if (apply === undefined || !existsSync(apply) || !readTextFile(apply).includes('"secret"')) return undefined;
  return open('network_file', 'The network file with secrets', apply, warning);
};

/** Bytes. Below, a database may fill the disk within a day. */
const leastSpace = 512 * 1024 * 1024;

const diskSpace: Check<Around> = ({ config, space }) => {
  if (!existsSync(config.dataDir)) return undefined;
  const { free } = space(config.dataDir);
  if (free >= leastSpace) return undefined;
  const text = `The disk of ${config.dataDir} has ${Math.floor(free / 1024 / 1024)} MiB left: on a full disk every write is refused.`;
  return error('disk.space', text, 'COUNTERSIGN_DATA_DIR=<a directory on a larger disk>, or make room');
};

const mailFaults: Readonly<Record<SmtpFault['at'], readonly [text: string, line: string]>> = {
  connection: ['cannot be reached', 'COUNTERSIGN_SMTP_URL=smtp://<name>:<password>@<host>:587'],
  tls: [
    'offers no TLS that can be trusted',
    'COUNTERSIGN_SMTP_URL with a host whose certificate is valid; NODE_EXTRA_CA_CERTS=<your CA>.pem',
  ],
  login: ['refuses the login', 'COUNTERSIGN_SMTP_URL with the right name and password'],
  sender: ['refuses the sender', 'COUNTERSIGN_MAIL_FROM=<an address that it lets you use>'],
};

const mailServer: Check<Around> = async ({ config: { smtpUrl, mailFrom } }): Promise<Found> => {
  const server = smtpUrl === undefined ? undefined : smtpServerOf(smtpUrl);
  const fault = server && (await probeSmtp(server, mailFrom, 15_000));
  if (server === undefined || fault === undefined) return undefined;
  const [text, line] = mailFaults[fault.at];
  return error(`mail.${fault.at}`, `The mail server ${server.host}:${server.port} ${text} (${fault.reason}).`, line);
};

export const machineChecks: readonly Check<Around>[] = [secretFile, networkFile, diskSpace, mailServer];
