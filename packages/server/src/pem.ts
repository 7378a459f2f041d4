import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { Problem } from './kernel/problem.ts';

/**
 * Checks certificate and key as PEM. `names` are the settings that gave them. Quotes neither.
 *
 * @throws {Problem} `config.invalid`
 */
export function requireTls(
  { cert, key }: { readonly cert: string; readonly key: string },
  names: { readonly cert: string; readonly key: string },
): void {
  requirePem(`${names.cert} holds no PEM certificate`, { cert });
  requirePem(`${names.key} holds no PEM private key without a passphrase`, { key });
  requirePem(`${names.key} is not the key of the first certificate of ${names.cert}`, { cert, key });
}

function requirePem(fault: string, given: SecureContextOptions): void {
  try {
    createSecureContext(given);
  } catch (cause) {
    throw new Problem('config.invalid', { detail: `${fault}.`, cause });
  }
}
