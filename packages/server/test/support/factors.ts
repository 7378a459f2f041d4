/** Authenticator apps for the suites of second factors. */

import { base32nopad } from '@scure/base';
import { hotp, totpStepSeconds } from '../../src/subject/secrets/totp.ts';
import type { Corporate } from './passwords.ts';

interface Now {
  now(): number;
}

/** What a phone does with a secret. */
export function authenticatorApp(secret: string, clock: Now) {
  const key = base32nopad.decode(secret);
  const step = () => Math.floor(clock.now() / 1000 / totpStepSeconds);
  return {
    code: () => hotp(key, step()),
    /** One that is right at no moment near this one. */
    wrong() {
      const right = [-2, -1, 0, 1, 2].map((off) => hotp(key, step() + off));
      return ['000000', '111111', '222222', '333333', '444444', '555555'].find(
        (code) => !right.includes(code),
      ) as string;
    },
  };
}

/** Enrols an app with this session and confirms it. */
export async function confirmedApp(call: Corporate['call'], session: string, clock: Now) {
  const enrolled = await call('/auth/factors/totp/enrol', session, {});
  const secret = String(enrolled.body.secret);
  const app = authenticatorApp(secret, clock);
  const confirmed = await call('/auth/factors/totp/confirm', session, { code: app.code() });
  if (confirmed.status !== 200) throw new Error(`not confirmed: ${confirmed.status} ${JSON.stringify(confirmed.body)}`);
  return {
    app,
    secret,
    factorId: String(enrolled.body.factorId),
    token: String(confirmed.body.token),
    recoveryCodes: (confirmed.body.recoveryCodes ?? []) as readonly string[],
  };
}

/** The claims of the signed subject. */
export async function subjectOf(call: Corporate['call'], session: string): Promise<Record<string, unknown>> {
  const { body } = await call('/auth/subject', session);
  return JSON.parse(Buffer.from(String(body.token).split('.')[1] ?? '', 'base64url').toString());
}
