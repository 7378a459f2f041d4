import { FileFault, readBoundedFile } from '../kernel/bounded-file.ts';
import { Problem } from '../kernel/problem.ts';
import { requireTls } from '../pem.ts';

/** Where the certificate chain and its private key are, as PEM. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

/** Certificate and key as PEM, each checked to be what it should be. @throws {Problem} `config.invalid` */
export function readTls({ cert, key }: TlsFiles): { readonly cert: string; readonly key: string } {
  const pems = { cert: pem('COUNTERSIGN_TLS_CERT', cert), key: pem('COUNTERSIGN_TLS_KEY', key) };
  requireTls(pems, { cert: 'COUNTERSIGN_TLS_CERT', key: 'COUNTERSIGN_TLS_KEY' });
  return pems;
}

/** The message leaves the path out: the value may be a key whose first line was lost. */
function pem(variable: string, given: string): string {
  if (given.startsWith('-----BEGIN')) return given;
  try {
    return readBoundedFile(given).toString();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const fault = cause instanceof FileFault ? cause.message : `cannot be read (${code})`;
    throw new Problem('config.invalid', { detail: `${variable}: the file ${fault}.`, cause });
  }
}
