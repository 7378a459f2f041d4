import { addProblems, type ProblemRow } from '../message/problem-row.ts';

/** Refusals of logins at the edge, and of their sessions. */
export const loginProblems = {
  'session.invalid': [401, 'The session token is not valid.'],
  'session.unknown': [401, 'There is no such session. Log in again.'],
  'session.restricted': [403, 'The session is restricted to another call.'],
  'login.missing': [401, 'The request carries no name and password.'],
  'login.malformed': [401, 'The Authorization field is not one name and one password in UTF-8 (RFC 7617).'],
  'login.failed': [401, 'The login failed.'],
  'login.cross_site': [403, 'A page of another site sent this request, and the browser added the password.'],
  'login.expired_password': [403, 'The password has expired. Update it first.'],
  'login.second_factor': [403, 'The login needs a second factor, which a name and a password cannot prove.'],
  'login.factor_enrolment': [403, 'Enrol a second factor first.'],
  'login.throttled': [429, 'Too many logins from this address. Wait before the next one.'],
  'login.busy': [503, 'Too many logins at once. Try again shortly.'],
  'login.unavailable': [503, 'Login is unavailable now.'],
} as const satisfies Record<string, ProblemRow>;

addProblems(loginProblems);
