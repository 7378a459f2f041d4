/** Section 5 of the contracts as rows: what callers of three generations send, and what they get. */

import { expect } from 'vitest';
import { passwords } from './passwords.ts';

export interface Row {
  readonly path: string;
  /** As it stands in `Authorization`: `S` is a session token, `A` an administrator's, `R` one for an expired password. */
  readonly as?: string;
  readonly body?: unknown;
  readonly status: number;
  readonly answer?: unknown;
}

export const ref = '6f1c-call';
const text = expect.any(String);
const digits = expect.stringMatching(/^\d+$/);
const corp1 = { type: 'corporates', id: 'corp-1' };
export const whole = (value: string) => ({ password: { value } });
export const info = (version: number, state = 'ACTIVE') => ({
  passwordInfo: {
    credentialId: 'cred-1',
    identityId: corp1,
    version,
    state,
    createdTimestamp: digits,
    expiryDate: digits,
  },
});
export const refused = (code: string) => ({ code, errorCode: code, message: text, requestId: text });
const invalid = (name: string) => ({
  message: text,
  validation: { invalid: true, fields: [{ name, errors: [text] }] },
  requestId: text,
});
export const token = expect.stringMatching(/^css_[A-Za-z0-9_-]{43}$/);
export const login = { credentialCode: 'alice@acme.example', password: passwords.first };
export const loggedIn = {
  token,
  programmeId: 'dev',
  credential: { type: 'ROOT', id: 'cred-1' },
  identity: corp1,
  expiresIn: 300,
};
const rules = { configPerCredentialType: { ROOT: { minimumLength: 8, maximumLength: 64 } } };

export const rows: readonly Row[] = [
  { path: '/auth/login', body: { ...login, password: { value: passwords.first } }, status: 200, answer: loggedIn },
  { path: '/auth/login', body: { ...login, programmeId: 'dev' }, status: 200, answer: loggedIn },
  { path: '/auth/login', body: { ...login, password: 'something else' }, status: 403, answer: refused('FAILED_LOGIN') },
  { path: '/auth/login', body: { ...login, credentialCode: 'nobody' }, status: 403, answer: refused('FAILED_LOGIN') },
  { path: '/auth/login', body: { ...login, programmeId: 'nowhere' }, status: 400, answer: invalid('programmeId') },
  { path: '/auth/login', body: { password: 'x' }, status: 400, answer: invalid('credentialCode') },
  { path: '/auth/subject', as: 'Bearer S', status: 200, answer: { token: text, expiresIn: 60 } },
  { path: '/auth/subject', as: 'X-TOKEN S', body: { audience: 'https://b.example' }, status: 200 },
  { path: '/auth/subject', as: 'S', body: {}, status: 200 },
  { path: '/auth/subject', status: 401, answer: refused('TOKEN_MISSING') },
  { path: '/auth/subject', as: 'css_no', status: 401, answer: refused('SESSION_INVALID') },
  { path: '/auth/subject', as: 'Bearer A', status: 401, answer: refused('SESSION_INVALID') },
  { path: '/auth/sessions/get', as: 'S', status: 200 },
  { path: '/auth/sessions/get', as: 'Bearer A', body: { credentialId: 'cred-1' }, status: 200 },
  { path: '/auth/sessions/nobody/terminate', as: 'S', status: 404, answer: refused('SESSION_UNKNOWN') },
  {
    path: '/passwords/profiles/nowhere/create',
    as: 'Bearer A',
    body: rules,
    status: 404,
    answer: refused('IDENTITY_PROFILE_UNKNOWN'),
  },
  {
    path: '/passwords/profiles/ip-1/create',
    as: 'Bearer A',
    body: rules,
    status: 409,
    answer: refused('PASSWORD_PROFILE_ALREADY_CREATED'),
  },
  {
    path: '/passwords/profiles/ip-1/update',
    as: 'Bearer A',
    body: { configPerCredentialType: { ROOT: {} } },
    status: 200,
  },
  { path: '/passwords/profiles/ip-1/get', as: 'Bearer A', status: 200 },
  { path: '/passwords/profiles/ip-1/get', as: 'S', status: 403, answer: refused('CALLER_FORBIDDEN') },
  { path: '/passwords/identities/corp-1/get', as: 'S', status: 200, answer: { identityId: corp1, profileId: 'ip-1' } },
  { path: '/passwords/identities/corp-2/get', as: 'S', status: 404, answer: refused('IDENTITY_UNKNOWN') },
  { path: '/passwords/cred-1/get', as: 'S', status: 200, answer: info(1) },
  { path: '/passwords/cred-1/get', as: 'Bearer A', status: 200, answer: info(1) },
  { path: '/passwords/cred-3/get', as: 'S', status: 404, answer: refused('CREDENTIAL_UNKNOWN') },
  {
    path: '/passwords/cred-1/create',
    as: 'Bearer A',
    body: whole(passwords.second),
    status: 409,
    answer: refused('PASSWORD_ALREADY_CREATED'),
  },
  {
    path: '/passwords/cred-bare/create',
    as: 'Bearer A',
    body: whole(passwords.second),
    status: 409,
    answer: refused('UNRESOLVED_IDENTITY'),
  },
  {
    path: '/passwords/cred-2/create',
    as: 'Bearer A',
    body: whole('short'),
    status: 409,
    answer: refused('PASSWORD_TOO_SHORT'),
  },
  {
    path: '/passwords/cred-2/create',
    as: 'Bearer A',
    body: whole('x'.repeat(5_000)),
    status: 409,
    answer: refused('PASSWORD_TOO_LONG'),
  },
  { path: '/passwords/cred-2/create', as: 'Bearer A', body: { password: 7 }, status: 400, answer: invalid('password') },
  {
    path: '/passwords/cred-1/update',
    as: 'S',
    body: { oldPassword: { value: 'no' }, ...whole(passwords.second) },
    status: 409,
    answer: refused('PASSWORD_INCORRECT'),
  },
  {
    path: '/passwords/cred-1/update',
    as: 'S',
    body: { oldPassword: { value: passwords.first }, ...whole(passwords.first) },
    status: 409,
    answer: refused('PASSWORD_REUSED'),
  },
  { path: '/passwords/cred-1/9/expire', as: 'S', status: 404, answer: refused('PASSWORD_UNKNOWN') },
  { path: '/passwords/cred-1/x/expire', as: 'S', status: 400, answer: invalid('version') },
  { path: '/passwords/cred-1/0/expire', as: 'S', status: 404, answer: refused('PASSWORD_UNKNOWN') },
  { path: '/passwords/cred-1/1/expire', as: 'S', body: { reason: 'BORED' }, status: 400, answer: invalid('reason') },
  {
    path: '/passwords/validate',
    body: { identityProfileId: 'ip-1', credentialType: 'USER', ...whole(passwords.third) },
    status: 204,
  },
  {
    path: '/passwords/validate',
    body: { identityProfileId: 'ip-1', credentialType: 'USER', ...whole('password1234567') },
    status: 409,
  },
  { path: '/passwords/lost_password/start', body: { email: 'alice@acme.example' }, status: 204 },
  { path: '/passwords/lost_password/start', body: { email: 'nobody@acme.example' }, status: 204 },
  {
    path: '/passwords/lost_password/resume',
    body: { email: 'alice@acme.example', nonce: 'csl_x', newPassword: { value: passwords.second } },
    status: 409,
    answer: refused('INVALID_NONCE_OR_EMAIL'),
  },
  { path: '/identities/corp-1/get', as: 'S', status: 200 },
  { path: '/identities/corp-2/get', as: 'S', status: 404, answer: refused('IDENTITY_UNKNOWN') },
  { path: '/identities/corp-1/credentials/get', as: 'S', status: 200 },
  { path: '/identities/corp-1/credentials/cred-2/disable', as: 'S', status: 204 },
  { path: '/identities/corp-1/credentials/cred-2/enable', as: 'S', status: 204 },
  { path: '/identities/corp-1/credentials/cred-1/disable', as: 'S', status: 403, answer: refused('CALLER_FORBIDDEN') },
  {
    path: '/identities/corp-1/credentials/cred-3/disable',
    as: 'S',
    status: 404,
    answer: refused('CREDENTIAL_UNKNOWN'),
  },
];
