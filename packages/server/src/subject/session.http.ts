import { z } from 'zod';
import type { Call } from '../http/call.ts';
import { corporateRoutes, correlationId } from '../http/corporate.ts';
import { authenticateHolder, authenticateSessionHolder, type Holder, requireRecent } from '../http/holder.ts';
import { pathName } from '../http/name.ts';
import { readOptionalJson } from '../http/optional-body.ts';
import { json, noContent } from '../http/render.ts';
import { Problem } from '../kernel/problem.ts';
import { lineOfText } from '../kernel/text.ts';
import {
  logOut,
  sessionsOfCredential,
  sessionViewSchema,
  terminateSession,
  terminateSessionsOf,
} from './session-administration.ts';
import { audienceSchema, issueTransactionToken } from './transaction-token.ts';

const nothing = z.strictObject({});
const subjectRequest = z.strictObject({ audience: audienceSchema.nullish() });
const ofCredential = z.strictObject({ credentialId: lineOfText().nullish() });
const done = { 204: 'Done.' } as const;
const common = { tag: 'Sessions', security: 'session', optionalBody: true } as const;

export const routes = corporateRoutes([
  {
    ...common,
    path: '/auth/logout',
    operationId: 'logOut',
    summary: 'End the session of the token. It is refused everywhere from then on.',
    body: nothing,
    responses: done,
    handle: logout,
  },
  {
    ...common,
    path: '/auth/subject',
    operationId: 'signSubject',
    summary: 'The signed subject for a chain of correlated calls: a transaction token of at most a minute.',
    body: subjectRequest,
    responses: { 200: z.object({ token: z.string(), expiresIn: z.int() }) },
    handle: subject,
  },
  {
    ...common,
    path: '/auth/sessions/get',
    operationId: 'listSessions',
    summary: 'The open sessions of a credential: the own one, within five minutes of a login; an administrator any.',
    body: ofCredential,
    responses: { 200: z.object({ sessions: z.array(sessionViewSchema) }) },
    handle: list,
  },
  {
    ...common,
    path: '/auth/sessions/terminate',
    operationId: 'terminateSessions',
    summary: 'End every session of a credential: the own one, within five minutes of a login; an administrator any.',
    body: ofCredential,
    responses: done,
    handle: terminateAll,
  },
  {
    ...common,
    path: '/auth/sessions/:session_id/terminate',
    operationId: 'terminateSession',
    summary: 'End one session: another one of the own credential within five minutes of a login; an administrator any.',
    body: nothing,
    responses: done,
    handle: terminate,
  },
]);

async function logout(call: Call): Promise<Response> {
  const { session, caller } = await authenticateSessionHolder(call);
  await readOptionalJson(call, nothing);
  await logOut(call.context, session, caller);
  return noContent();
}

async function subject(call: Call): Promise<Response> {
  const { session, realm } = await authenticateSessionHolder(call);
  const { audience } = await readOptionalJson(call, subjectRequest);
  const wanted = { audience: audience ?? undefined, transaction: correlationId(call), source: call.source };
  return json(200, await issueTransactionToken(call.context, realm, session, wanted));
}

async function list(call: Call): Promise<Response> {
  const holder = await authenticateRecently(call);
  const { credentialId } = await readOptionalJson(call, ofCredential);
  const current = holder.kind === 'session' ? holder.session : undefined;
  const id = credentialOf(holder, credentialId ?? undefined);
  return json(200, { sessions: await sessionsOfCredential(call.context, holder.realm, id, current) });
}

async function terminateAll(call: Call): Promise<Response> {
  const holder = await authenticateRecently(call);
  const { credentialId } = await readOptionalJson(call, ofCredential);
  const id = credentialOf(holder, credentialId ?? undefined);
  await terminateSessionsOf(call.context, holder.realm.name, id, holder.caller);
  return noContent();
}

async function terminate(call: Call): Promise<Response> {
  const holder = await authenticateHolder(call);
  await readOptionalJson(call, nothing);
  const id = pathName(call, 'session_id');
  // To end the session that asks is to log out.
  if (holder.kind !== 'session' || holder.session.id !== id) requireRecent(call, holder);
  const owner = holder.kind === 'session' ? holder.session.subject.id : undefined;
  await terminateSession(call.context, holder.realm.name, id, owner, holder.caller);
  return noContent();
}

/**
 * ASVS 5.0 7.5.2: "users are able to view and (having authenticated again with at least one factor) terminate any or all currently
 * active sessions". The list tells addresses and programs of the owner, so a stolen token alone does not get it either.
 */
async function authenticateRecently(call: Call): Promise<Holder> {
  const holder = await authenticateHolder(call);
  requireRecent(call, holder);
  return holder;
}

/** The holder's own; an administrator has none, and says which. Another's does not exist for a holder. */
function credentialOf(holder: Holder, wanted: string | undefined): string {
  if (holder.kind === 'administrator') {
    if (wanted === undefined) {
      throw new Problem('request.invalid', 'An administrator says which credential.', { pointer: '/credentialId' });
    }
    return wanted;
  }
  const own = holder.session.subject.credential.id;
  if (wanted !== undefined && wanted !== own) throw new Problem('credential.unknown');
  return own;
}
