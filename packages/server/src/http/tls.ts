import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Config } from '../config.ts';
import { Problem } from '../kernel/problem.ts';

/** Certificate and key as PEM, each checked for what it is. */
export function readTls({ cert, key }: NonNullable<Config['tls']>): { readonly cert: string; readonly key: string } {
  const pems = { cert: pem('COUNTERSIGN_TLS_CERT', cert), key: pem('COUNTERSIGN_TLS_KEY', key) };
  const certificate = parsed('COUNTERSIGN_TLS_CERT', 'certificate', () => new X509Certificate(pems.cert));
  const privateKey = parsed('COUNTERSIGN_TLS_KEY', 'private key without a passphrase', () =>
    createPrivateKey(pems.key),
  );
  if (!certificate.checkPrivateKey(privateKey))
    throw new Problem(
      'config.invalid',
      'COUNTERSIGN_TLS_KEY is not the key of the first certificate in COUNTERSIGN_TLS_CERT.',
    );
  return pems;
}

function parsed<T>(variable: string, what: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw new Problem('config.invalid', `${variable} holds no PEM ${what}.`, { cause });
  }
}

/** A path that cannot be read is not quoted: it may be a key whose first line was lost. */
function pem(variable: string, given: string): string {
  if (given.startsWith('-----BEGIN')) return given;
  try {
    return readFileSync(given, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new Problem('config.invalid', `${variable}: the file cannot be read (${code}).`, { cause });
  }
}
