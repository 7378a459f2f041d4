import type { Config } from '../config.ts';
import { writeToFolder } from './folder.ts';
import type { Transport } from './message.ts';
import { sendBySmtp } from './smtp.ts';
import { smtpServerOf } from './smtp-server.ts';

/** Sends through the configured server, or writes into the data directory. */
export function transportOf(config: Config): Transport {
  const server = config.smtpUrl === undefined ? undefined : smtpServerOf(config.smtpUrl);
  return server === undefined ? writeToFolder(config.dataDir) : sendBySmtp(server);
}
