/** Corporate identities for the suites of passwords and sessions: over real HTTP, as their callers would. */

import { onTestFinished } from 'vitest';
import { type TestServer, type TestServerOptions, testServer } from './server.ts';

/** Realm `dev` with two identities of one profile, and `bank`, where everything has the same names. */
export function corporateNetwork(config: object = { ROOT: {}, USER: {} }) {
  const entries = {
    identityProfiles: [
      { id: 'ip-1', name: 'Corporates' },
      { id: 'ip-bare', name: 'Without a password profile' },
    ],
    passwordProfiles: [{ id: 'ip-1', configPerCredentialType: config }],
    identities: [
      { id: 'corp-1', profileId: 'ip-1', name: 'Acme Travel' },
      { id: 'corp-2', profileId: 'ip-1', name: 'Globex' },
      { id: 'corp-bare', profileId: 'ip-bare', name: 'Initech' },
    ],
    credentials: [
      { id: 'cred-1', identityId: 'corp-1', type: 'ROOT', code: 'alice@acme.example', emailVerified: true },
      { id: 'cred-2', identityId: 'corp-1', type: 'USER', code: 'bob' },
      { id: 'cred-3', identityId: 'corp-2', type: 'ROOT', code: 'carol@globex.example', emailVerified: true },
      { id: 'cred-bare', identityId: 'corp-bare', type: 'ROOT', code: 'peter@initech.example', emailVerified: true },
    ],
  };
  return {
    realms: [
      { name: 'dev', profile: 'ocen4', settings: { accessTokenAlg: 'ES256' }, ...entries },
      { name: 'bank', profile: 'strict', ...entries },
    ],
  };
}

/** Long, and on no list. */
export const passwords = {
  first: 'correct horse battery staple',
  second: 'wrong mule capacitor rivet',
  third: 'blue whale transistor nail',
} as const;

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface Corporate {
  readonly server: TestServer;
  /** A documented call. `token` as it shall stand in `Authorization`, whole. */
  call(path: string, token?: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answered>;
  /** As an administrator of `system`. */
  admin(path: string, body?: unknown): Promise<Answered>;
  login(code: string, password: string, headers?: Readonly<Record<string, string>>): Promise<Answered>;
  /** A session token, or a failure of the test. */
  session(code?: string, password?: string): Promise<string>;
}

/** A server with a network of corporate identities, where the credentials named have their first password. */
export async function corporate(
  options: TestServerOptions & { readonly withPassword?: readonly string[] } = {},
): Promise<Corporate> {
  const { withPassword = ['cred-1'], network = corporateNetwork(), ...rest } = options;
  const prepare = { key: withPassword.join(), act: (at: TestServer) => createPasswords(at, withPassword) };
  const server = await testServer({ network, prepare, ...rest });
  onTestFinished(() => server.close());
  return corporateAt(server);
}

async function createPasswords(server: TestServer, ids: readonly string[]): Promise<void> {
  const { admin } = corporateAt(server);
  for (const id of ids) {
    const { status, body } = await admin(`/passwords/${id}/create`, { password: { value: passwords.first } });
    if (status !== 200) throw new Error(`no password for ${id}: ${status} ${JSON.stringify(body)}`);
  }
}

/** The same calls at any server. */
export function corporateAt(server: TestServer, url = server.url): Corporate {
  const call: Corporate['call'] = async (path, token, body, headers = {}) => {
    const response = await fetch(url + path, {
      method: 'POST',
      headers: {
        ...(token === undefined ? {} : { authorization: token }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) };
  };
  const login: Corporate['login'] = (credentialCode, password, headers) =>
    call('/auth/login', undefined, { credentialCode, password }, headers);
  return {
    server,
    call,
    admin: async (path, body = {}) => call(path, `Bearer ${await server.adminToken()}`, body),
    login,
    async session(code = 'alice@acme.example', password = passwords.first) {
      const { status, body } = await login(code, password);
      if (status !== 200) throw new Error(`no session: ${status} ${JSON.stringify(body)}`);
      return body.token as string;
    },
  };
}

/** What a refusal says, in short: `409 PASSWORD_INCORRECT`, `400 password.value`. */
export function said({ status, body }: Answered): string {
  const { validation, code } = body as { validation?: { fields: { name: string }[] }; code?: string };
  return `${status} ${validation?.fields[0]?.name ?? code ?? ''}`.trim();
}
