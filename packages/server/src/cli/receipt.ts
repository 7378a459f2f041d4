import { fetchReceiptCerts, verifyReceipt } from '@countersign/client';
import type { Command } from 'commander';
import { readJsonFile } from '../json-file.ts';
import { readBytesFile } from '../kernel/text-file.ts';
import { print, printDocument } from './output.ts';

interface VerifyOptions {
  readonly message?: string;
  readonly certs?: string;
  readonly issuer?: string;
}

export function receiptCommands(program: Command): void {
  const receipt = program
    .command('receipt')
    .description('Receipts of verified messages, which can be checked years later, offline.');
  receipt
    .command('certs')
    .description('Fetch the keys of receipts. Keep them: receipts are checked with them alone.')
    .requiredOption('--issuer <url>', 'the realm: https://…/realms/<name>')
    .action(async ({ issuer }: { issuer: string }) => printDocument(await fetchReceiptCerts({ issuer })));
  receipt
    .command('verify <file>')
    .description('Check a receipt, and with --message that it belongs to exactly that message.')
    .option('--message <file>', 'the exact bytes of the message; an empty file if it had no body')
    .option('--certs <file>', 'the keys of receipts as they were saved; no server is asked')
    .option('--issuer <url>', 'fetch the keys from this realm instead')
    .action(async (file: string, options: VerifyOptions) => verify(file, options));
}

/** Bytes: the largest body that a gateway can be told to accept. */
const maxMessage = 64 * 1024 * 1024;

/** Keys that come with a receipt prove nothing, because a forger of one can forge the other. */
async function verify(file: string, { message, certs, issuer }: VerifyOptions): Promise<void> {
  if ((certs === undefined) === (issuer === undefined)) {
    throw new Error('Name --certs (keys that you have saved) or --issuer (a realm whose keys you trust).');
  }
  const { receipt } = readJsonFile(file) as { receipt?: unknown };
  if (typeof receipt !== 'string') throw new Error(`${file} holds no receipt.`);
  const body = message === undefined ? undefined : readBytesFile(message, '--message', { maxBytes: maxMessage });
  const keys = issuer === undefined ? readJsonFile(certs ?? '') : await fetchReceiptCerts({ issuer });
  print(await verifyReceipt(receipt, { certs: keys, body }));
}
