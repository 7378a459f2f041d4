import { ClientError } from '../error.ts';

/** RFC 7517 §4.7: the certificates of a PEM text as `x5c`, the one of the key first. @throws {ClientError} `signing_key.certificate` */
export function chainOf(pem: string): { readonly x5c: readonly string[] } {
  const blocks = [...pem.matchAll(/-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/g)];
  if (blocks.length === 0) throw new ClientError('signing_key.certificate', 'There is no PEM certificate in the text.');
  return { x5c: blocks.map(([, base64 = '']) => base64.replace(/\s/g, '')) };
}
