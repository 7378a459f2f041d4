import { answer } from './api.ts';
import { readSecret } from './typed-secret.ts';

/** Files for the further steps of a login. */
export interface StepOptions {
  readonly factorCodeFile?: string;
  readonly newPasswordFile?: string;
}

export interface LoggedOn {
  readonly token: string;
  readonly credential: { readonly id: string };
  /** The one thing that a restricted session may do. */
  readonly restriction?: string;
}

interface Restricted extends LoggedOn {
  readonly code: string;
}

/** A documented call of the realm. */
export type Send = (path: string, body: object, token?: string) => Promise<Response>;

/** The input of the login. */
interface Typed {
  readonly password?: unknown;
}

type Step = (send: Send, refused: Restricted, typed: Typed, options: StepOptions) => Promise<Response>;

const steps: Readonly<Record<string, Step>> = {
  SECOND_FACTOR_REQUIRED: async (send, { token }, _typed, { factorCodeFile }) => {
    const code = await readSecret('Second factor: ', factorCodeFile);
    return send(verifyPath(code), { code }, token);
  },
  EXPIRED_PASSWORD: async (send, { token, credential }, { password }, { newPasswordFile }) => {
    if (newPasswordFile === undefined && !process.stdin.isTTY)
      throw new Error('The password is right, and has expired: name a new one with --new-password-file.');
    const value = await readSecret('The password has expired. New password: ', newPasswordFile);
    const oldPassword = typeof password === 'string' ? { value: password } : password;
    return send(`/passwords/${encodeURIComponent(credential.id)}/update`, { oldPassword, password: { value } }, token);
  },
};

/**
 * Takes the remaining steps of the login. A session that can only enrol a factor is returned: the caller goes on with
 * it.
 */
export async function completeLogin(
  send: Send,
  first: Response,
  typed: Typed,
  options: StepOptions,
): Promise<LoggedOn> {
  let response = first;
  for (let made = 0; made < 3; made++) {
    const refused = await restrictedOf(response);
    if (refused === undefined) break;
    if (refused.code === 'SECOND_FACTOR_ENROLMENT_REQUIRED') {
      const { token, credential } = refused;
      return { token, credential, restriction: 'enrol-factor' };
    }
    const step = steps[refused.code];
    if (step === undefined) break;
    const next = await step(send, refused, typed, options);
    // The answer of an update does not name the credential: it is that of the login.
    if (next.ok && refused.code === 'EXPIRED_PASSWORD') {
      const { token, restriction } = (await answer(next)) as LoggedOn;
      return { token, credential: refused.credential, ...(restriction === undefined ? {} : { restriction }) };
    }
    response = next;
  }
  return (await answer(response)) as LoggedOn;
}

async function restrictedOf(response: Response): Promise<Restricted | undefined> {
  if (response.status !== 409) return undefined;
  const body = (await response.clone().json()) as Partial<Restricted>;
  return body.token === undefined ? undefined : (body as Restricted);
}

/** Codes of an app have six digits; recovery codes are longer. */
export function verifyPath(code: string): string {
  return `/auth/factors/${/^[\d\s]{6,8}$/.test(code) ? 'totp' : 'recovery'}/verify`;
}
