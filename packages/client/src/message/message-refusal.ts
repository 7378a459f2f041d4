import { addProblems, type ProblemRow } from './problem-row.ts';

/** Refusals of signed messages and of their bodies. */
export const messageProblems = {
  'token.participant': [401, 'The token does not speak for a participant.'],
  'participant.unknown': [401, 'The registry does not know the participant.'],
  'participant.not_approved': [401, 'The participant is not approved.'],
  'participant.client': [401, 'The token is from another client than the one registered for the participant.'],
  'message.key_revoked': [401, 'The signature is by a key that was revoked as compromised.'],
  'message.replayed': [401, 'The message has been received before.'],
  'message.recipient_missing': [500, 'Name the participant that the message goes to.'],
  'body.too_large': [413, 'The body is larger than this service accepts.'],
  'body.consumed': [500, 'The body was read before its signature could be verified.'],
  'body.incomplete': [400, 'The body ended too early.'],
  'response.too_large': [500, 'The response is too large to be signed here.'],
  'response.unsigned': [502, 'The response carries no signature.'],
} as const satisfies Record<string, ProblemRow>;

addProblems(messageProblems);
