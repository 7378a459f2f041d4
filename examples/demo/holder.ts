/** The documented calls of the holder of a credential, over real HTTP. */
import type { Stage } from './stage.ts';

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

export function holder(stage: Stage, credentialId: string, code: string) {
  async function call(path: string, token?: string, body: object = {}, headers = {}): Promise<Answer> {
    const response = await fetch(stage.issuer + path, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? {} : JSON.parse(text) };
  }

  async function good(...wanted: Parameters<typeof call>): Promise<Answer['body']> {
    const { status, body } = await call(...wanted);
    if (status >= 300) throw new Error(`${wanted[0]}: ${status} ${body.code}`);
    return body;
  }

  const login = (password: string) => call('/auth/login', undefined, { credentialCode: code, password });
  const versionOf = (body: Answer['body']) => (body.passwordInfo as { version: number }).version;
  const named = ({ status, body }: Answer) => `${status} ${body.code}`;

  return {
    async createPassword(invitation: string, password: string): Promise<{ readonly version: number }> {
      const body = await good(`/passwords/${credentialId}/create`, invitation, { password: { value: password } });
      return { version: versionOf(body) };
    },
    async login(password: string): Promise<string> {
      const { status, body } = await login(password);
      if (status !== 200) throw new Error(`login: ${status} ${body.code}`);
      return body.token as string;
    },
    async loginRefusal(password: string): Promise<string> {
      const answer = await login(password);
      if (answer.status === 200) throw new Error('a login succeeded that must fail');
      return named(answer);
    },
    async expiredLogin(password: string): Promise<{ readonly refusal: string; readonly token: string }> {
      const answer = await login(password);
      if (answer.status !== 409) throw new Error(`login: ${named(answer)}`);
      return { refusal: named(answer), token: answer.body.token as string };
    },
    async updatePassword(token: string, oldPassword: string, password: string): Promise<number> {
      const change = { oldPassword: { value: oldPassword }, password: { value: password } };
      return versionOf(await good(`/passwords/${credentialId}/update`, token, change));
    },
    async recover(nonce: string, password: string): Promise<number> {
      const wanted = { credentialCode: code, nonce, newPassword: { value: password } };
      return versionOf(await good('/passwords/lost_password/resume', undefined, wanted));
    },
    async signedSubject(session: string, audience: string, callRef: string): Promise<string> {
      return (await good('/auth/subject', session, { audience }, { 'x-callref': callRef })).token as string;
    },
    /** Makes a call that must be refused, and returns the refusal. */
    async refusal(path: string, token: string, body: object = {}): Promise<string> {
      const answer = await call(path, token, body);
      if (answer.status < 400) throw new Error(`${path} accepted a call that it must refuse`);
      return named(answer);
    },
  };
}
