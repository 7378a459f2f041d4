import { z } from 'zod';
import {
  anySessionHolder,
  credentialOf,
  holder,
  namedCredential,
  recent,
  requireRecent,
  sessionHolder,
} from '../callers/holder.ts';
import { correlationId } from '../http/corporate.ts';
import { nothing } from '../http/route.ts';
import { audienceText } from '../kernel/text.ts';
import { corporate, type Route } from '../route.ts';
import {
  logOut,
  sessionsOfCredential,
  sessionViewSchema,
  terminateSession,
  terminateSessionsOf,
} from './session-administration.ts';
import { issueTransactionToken } from './tokens/transaction-token.ts';

const subjectRequest = z.strictObject({ audience: audienceText.nullish() });
const common = { tag: 'Sessions', bodyOptional: true } as const;

/*
 * ASVS 5.0 7.5.2: "users are able to view and (having authenticated again with at least one factor) terminate any or
 * all currently active sessions". The list shows the owner's addresses and programs, so a stolen token alone cannot
 * read it either.
 */

export const routes: readonly Route[] = [
  ...corporate({
    ...common,
    path: '/auth/logout',
    operationId: 'logOut',
    summary: 'End the session of the token, a restricted one too. It is refused everywhere from then on.',
    caller: anySessionHolder,
    body: nothing,
    answers: { 204: 'Done.' },
    handle: ({ context, who: { session, caller } }) => logOut(context, session, caller),
  }),
  ...corporate({
    ...common,
    path: '/auth/subject',
    operationId: 'signSubject',
    summary: 'The signed subject for a chain of correlated calls: a transaction token of at most a minute.',
    caller: sessionHolder(),
    body: subjectRequest,
    answers: { 200: z.object({ token: z.string(), expiresIn: z.int() }) },
    handle({ context, call, who: { realm, session }, body: { audience } }) {
      const wanted = { audience: audience ?? undefined, transaction: correlationId(call), source: call.source };
      return issueTransactionToken(context, realm, session, wanted);
    },
  }),
  ...corporate({
    ...common,
    path: '/auth/sessions/get',
    operationId: 'listSessions',
    summary:
      'The newest 1,000 open sessions of a credential: the own one, within five minutes of a login; an administrator any.',
    caller: recent(holder),
    body: namedCredential,
    answers: { 200: z.object({ sessions: z.array(sessionViewSchema) }) },
    async handle({ context, who, body }) {
      const current = who.kind === 'session' ? who.session : undefined;
      return { sessions: await sessionsOfCredential(context, who.realm, credentialOf(who, body), current) };
    },
  }),
  ...corporate({
    ...common,
    path: '/auth/sessions/terminate',
    operationId: 'terminateSessions',
    summary: 'End every session of a credential: the own one, within five minutes of a login; an administrator any.',
    caller: recent(holder),
    body: namedCredential,
    answers: { 204: 'Done.' },
    handle: ({ context, who, body }) =>
      terminateSessionsOf(context, who.realm.name, credentialOf(who, body), who.caller),
  }),
  ...corporate({
    ...common,
    path: '/auth/sessions/:session_id/terminate',
    operationId: 'terminateSession',
    summary: 'End one session: another one of the own credential within five minutes of a login; an administrator any.',
    caller: holder,
    body: nothing,
    answers: { 204: 'Done.' },
    handle({ context, call, who, params: { session_id: id } }) {
      // Ending the own session is a logout, which needs no recent login.
      if (who.kind !== 'session' || who.session.id !== id) requireRecent(call, who);
      const owner = who.kind === 'session' ? who.session.subject.id : undefined;
      return terminateSession(context, who.realm.name, id, owner, who.caller);
    },
  }),
];
