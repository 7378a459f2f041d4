import { Problem } from '../kernel/problem.ts';
import { isLoopback } from '../settings.ts';

/**
 * The URL of a server as an operator writes it, without a slash at its end. Refuses parts that a server's URL does not
 * have: a path (mostly that of a realm), a query, a name and a password. `named` says where the URL comes from.
 */
export function serverUrl(text: unknown, named: string): string {
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined;
  const fault =
    url === undefined || !/^https?:$/.test(url.protocol)
      ? 'must be the URL of a server, such as https://id.example'
      : url.username !== '' || url.password !== '' || /[?#]/.test(url.href)
        ? 'must hold no name, password, query or fragment'
        : url.protocol === 'http:' && !isLoopback(url.origin)
          ? 'must be https, because passwords and tokens go there (http only on this machine)'
          : url.pathname.replace(/\/+$/, '') !== ''
            ? 'must be the URL of the server alone, without a path: --realm names the realm'
            : undefined;
  if (url === undefined || fault !== undefined) throw new Problem('config.invalid', { detail: `${named}: ${fault}.` });
  return url.origin;
}
