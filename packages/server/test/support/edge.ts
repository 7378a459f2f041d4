/** Corporate credentials, and an edge service that is a client of their realm. */

import { createEdge, type Edge, type EdgeOptions } from '@countersign/client';
import { onTestFinished } from 'vitest';
import { audience, edgeSecret } from './edge-client.ts';
import { keyOf } from './network.ts';
import { type Corporate, corporateAt, corporateNetwork, passwords } from './passwords.ts';
import { type TestServer, type TestServerOptions, testServer } from './server.ts';

const service = (id: string, audiences: readonly string[] = []) => ({
  id: `p-${id}`,
  role: 'LENDER',
  status: 'APPROVED',
  baseUrl: `https://${id}.example`,
  keys: [keyOf(id)],
  client: { id, secret: edgeSecret, audiences },
});

/** Credentials `alice@acme.example`, `bob` and `carol@globex.example` have their first password. */
export async function edgeServer({
  settings = {},
  ...options
}: TestServerOptions & { readonly settings?: object } = {}): Promise<Corporate> {
  const [dev, ...others] = corporateNetwork({ ROOT: {}, USER: {} }).realms;
  const participants = [service('edge', ['https://ledger.example']), service('ledger')];
  const server = await testServer({
    network: { realms: [{ ...dev, settings, participants }, ...others] },
    ...options,
    // The edge is on this machine too, and says where its callers come from.
    env: { COUNTERSIGN_TRUSTED_PROXIES: '127.0.0.1', ...options.env },
  });
  const made = corporateAt(server);
  for (const id of ['cred-1', 'cred-2', 'cred-3']) {
    const { status } = await made.admin(`/passwords/${id}/create`, { password: { value: passwords.first } });
    if (status !== 200) throw new Error(`no password for ${id}`);
  }
  return made;
}

/** What went over the wire, by path, and by path `… of a known device`; a path in `cut` cannot be reached. */
export interface Wire {
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  count(path: string): number;
  readonly cut: Set<string>;
  reset(): void;
}

function countingWire(): Wire {
  const counts = new Map<string, number>();
  const cut = new Set<string>();
  return {
    cut,
    reset: () => counts.clear(),
    count: (path) => counts.get(path) ?? 0,
    fetch(url, init) {
      const path = new URL(url).pathname.replace('/realms/dev', '');
      const isKnown = new Headers(init.headers).has('cookie');
      for (const what of isKnown ? [path, `${path} of a known device`] : [path]) {
        counts.set(what, (counts.get(what) ?? 0) + 1);
      }
      return cut.has(path) ? Promise.reject(new TypeError('cut')) : fetch(url, init);
    },
  };
}

export interface TestEdge extends Edge {
  readonly wire: Wire;
  /** Logins that the realm was asked for. */
  readonly logins: () => number;
  /** Signed subjects that it was asked for. */
  readonly signed: () => number;
}

/** Closed with the test, unless `owner` closes it. */
export function edgeOf(server: TestServer, options: Partial<EdgeOptions> = {}): TestEdge {
  const wire = countingWire();
  const edge = createEdge({
    issuer: server.issuer(),
    clientId: 'edge',
    clientSecret: edgeSecret,
    audience,
    status: { pollSeconds: 1 },
    fetch: wire.fetch,
    ...options,
  });
  onTestFinished(() => edge.close());
  return { ...edge, wire, logins: () => wire.count('/auth/login'), signed: () => wire.count('/auth/subject') };
}

export function basicField(name: string, password: string): string {
  return `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
}

/** A call of somebody with this name and password. */
export function basicCall(
  name = 'alice@acme.example',
  password: string = passwords.first,
  { address = '192.0.2.1', ...headers }: Readonly<Record<string, string>> = {},
) {
  return { headers: { authorization: basicField(name, password), ...headers }, address };
}
