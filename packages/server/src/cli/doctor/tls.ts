import { existsSync } from 'node:fs';
import { isIP } from 'node:net';
import { connect, type PeerCertificate } from 'node:tls';
import { readTextFile } from '../../kernel/text-file.ts';
import { day, duration, error, type Finding, warning } from './finding.ts';
import type { Check, Outside } from './look.ts';

/** Milliseconds. */
const patience = 10_000;
const soon = 14 * day;

interface Shown {
  readonly certificate: PeerCertificate;
  /** Why a client does not trust it. */
  readonly fault: string | undefined;
}

/** The certificate at the public URL, as a client sees it, and whether the server has taken up its newest file. */
export const certificate: Check<Outside> = async (look) => {
  const { publicUrl } = look.config;
  if (!publicUrl.startsWith('https:')) return undefined;
  const { hostname, port } = new URL(publicUrl);
  const shown = await shownBy(hostname, Number(port || 443));
  // An answer without TLS, or none, is for the next check.
  if (shown === undefined) return undefined;
  return distrusted(shown, hostname) ?? expiring(shown, look.clock.now()) ?? (await forgotten(look));
};

const expired = (text: string) =>
  error('tls.expired', text, 'renew the certificate of COUNTERSIGN_TLS_CERT or of your proxy');
const untrusted = (text: string) =>
  error('tls.chain', text, 'COUNTERSIGN_TLS_CERT=<a file with the certificate and the intermediates behind it>');

function distrusted({ certificate: { valid_to }, fault }: Shown, host: string): Finding | undefined {
  if (fault === undefined) return undefined;
  if (fault === 'CERT_HAS_EXPIRED') return expired(`The certificate of ${host} has expired (${valid_to}).`);
  if (fault === 'CERT_NOT_YET_VALID') return expired(`The certificate of ${host} is not valid yet.`);
  if (fault === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const text = `The certificate at ${host} is for other names.`;
    return error('tls.name', text, `a certificate with the name ${host}, or COUNTERSIGN_PUBLIC_URL with its name`);
  }
  return untrusted(
    `Clients do not trust the certificate of ${host} (${fault}): its chain is not complete, or its CA unknown.`,
  );
}

function expiring({ certificate: { valid_to } }: Shown, now: number): Finding | undefined {
  const left = Date.parse(valid_to) - now;
  if (!(left < soon)) return undefined;
  const text = `The certificate ends in ${duration(left)} (${valid_to}).`;
  return warning('tls.expires', text, 'renew the certificate of COUNTERSIGN_TLS_CERT or of your proxy');
}

/** A file that was renewed counts from the next start on. */
async function forgotten({ config: { tls, host, port } }: Outside): Promise<Finding | undefined> {
  if (tls === undefined || !existsSync(tls.cert)) return undefined;
  const local = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  const shown = await shownBy(local, port);
  if (shown === undefined || shown.certificate.raw.equals(firstOf(readTextFile(tls.cert, 'COUNTERSIGN_TLS_CERT'))))
    return undefined;
  const text = `The server still shows an older certificate than the one in ${tls.cert}.`;
  return warning('tls.not_taken_up', text, 'restart the server');
}

function firstOf(pem: string): Buffer {
  return Buffer.from(/-----BEGIN CERTIFICATE-----([^-]*)-----END/.exec(pem)?.[1] ?? '', 'base64');
}

function shownBy(host: string, port: number): Promise<Shown | undefined> {
  return new Promise((resolve) => {
    const name = host.replace(/^\[|\]$/g, '');
    const socket = connect({
      host: name,
      port,
      rejectUnauthorized: false,
      ...(isIP(name) ? {} : { servername: name }),
    });
    const end = (shown: Shown | undefined) => {
      socket.destroy();
      resolve(shown);
    };
    socket.setTimeout(patience, () => end(undefined));
    socket.on('error', () => end(undefined));
    socket.on('secureConnect', () => {
      const fault = socket.authorized ? undefined : codeOf(socket.authorizationError);
      end({ certificate: socket.getPeerCertificate(), fault });
    });
  });
}

/** Typed as an error; a text in fact. */
function codeOf(fault: unknown): string {
  return typeof fault === 'string' ? fault : ((fault as { code?: string } | null)?.code ?? 'unknown');
}
