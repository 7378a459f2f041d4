import { addProblems, type ProblemRow } from '../message/problem-row.ts';

/** Refusals of callers by the rules of a route, and of tokens that are bound to a key. */
export const callerProblems = {
  'token.missing': [401, 'The request carries no bearer token.'],
  'token.malformed': [401, 'The Authorization field is not one bearer token.'],
  'token.ended': [401, 'The token has ended, so no other token is given for it.'],
  'token.kind': [401, 'This service does not accept the kind of subject that the token is for.'],
  'token.scheme': [401, 'A bound token needs the scheme DPoP, any other token Bearer.'],
  'token.insufficient_scope': [403, 'The token does not have the scopes that this needs.'],
  'token.insufficient_role': [403, 'The subject of the token does not have a role that may do this.'],
  'dpop.missing': [401, 'The token is bound to a key: send one DPoP proof of that key.'],
  'dpop.key': [401, 'The DPoP proof is by another key than the token is bound to.'],
  'dpop.replayed': [401, 'The DPoP proof has been used before.'],
  'dpop.public_url': [500, 'The service must be told its publicUrl before it can check bound tokens.'],
  'call_ref.malformed': [400, 'X-CallRef must be 1 to 128 visible ASCII characters, once.'],
  'login.weak': [401, 'A stronger login is needed.'],
  'login.old': [401, 'A more recent login is needed.'],
} as const satisfies Record<string, ProblemRow>;

addProblems(callerProblems);
