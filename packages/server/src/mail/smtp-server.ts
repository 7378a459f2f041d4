/** The mail server named by `COUNTERSIGN_SMTP_URL`. */
export interface SmtpServer {
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte, instead of STARTTLS. */
  readonly secure: boolean;
  /** Without STARTTLS nothing is sent. If the server offers it, it is used in any case. */
  readonly requireTls: boolean;
  /**
   * Whether the certificate must be valid. Not between two processes of one machine, where no attacker stands in
   * between.
   */
  readonly verifyCertificate: boolean;
  readonly login: { readonly user: string; readonly pass: string } | undefined;
}

const hostName = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])$/;
const loopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/i;
/** RFC 8314 §3.3, RFC 6409. */
const ports: Readonly<Record<string, number>> = { 'smtps:': 465, 'smtp:': 587 };

/** Undefined for a URL that would need guessing: a path, another parameter, half a login. */
export function smtpServerOf(text: string): SmtpServer | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  const { protocol, hostname, search } = url;
  const standard = ports[protocol];
  const plainAllowed = search === '?requireTLS=false';
  if (standard === undefined || !hostName.test(hostname) || !['', '/'].includes(url.pathname)) return undefined;
  if (url.hash !== '' || (search !== '' && !plainAllowed) || url.port === '0') return undefined;
  if ((url.username === '') !== (url.password === '')) return undefined;
  const login = url.username === '' ? undefined : decoded(url.username, url.password);
  if (login === 'undecodable') return undefined;
  const near = loopback.test(hostname);
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? standard : Number(url.port),
    secure: protocol === 'smtps:',
    requireTls: !near && !plainAllowed,
    verifyCertificate: !near,
    login,
  };
}

function decoded(user: string, pass: string): SmtpServer['login'] | 'undecodable' {
  try {
    return { user: decodeURIComponent(user), pass: decodeURIComponent(pass) };
  } catch {
    return 'undecodable';
  }
}
