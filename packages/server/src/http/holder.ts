import type { Caller } from '../context.ts';
import { Problem } from '../kernel/problem.ts';
import { type Realm, requireRealm } from '../subject/realm.ts';
import { authenticateSession, isSessionToken, type Restriction, type Session } from '../subject/session.ts';
import { callerOf } from './administration.ts';
import { authenticateAdministratorToken } from './authenticate.ts';
import type { Call, WireRequest } from './call.ts';
import { namedRealm } from './corporate.ts';

/** Who calls one of the documented calls: the holder of a session, or an administrator. */
export type Holder = SessionHolder | AdministratorHolder;

export interface SessionHolder {
  readonly kind: 'session';
  readonly session: Session;
  readonly realm: Realm;
  readonly caller: Caller;
}

export interface AdministratorHolder {
  readonly kind: 'administrator';
  readonly realm: Realm;
  readonly caller: Caller;
}

/** `Authorization: Bearer <token>`, `X-TOKEN <token>`, or the bare token, as the callers of three generations send it. */
export function presentedToken(request: WireRequest): string {
  const header = request.headers.get('authorization');
  if (header === null || header.trim() === '') throw new Problem('token.missing', 'A token is required.');
  const [, token] = /^(?:(?:Bearer|X-TOKEN) +)?([A-Za-z0-9._~+/-]+=*) *$/i.exec(header.trim()) ?? [];
  if (token === undefined)
    throw new Problem('token.invalid', undefined, { cause: new Error('no token in the header') });
  return token;
}

/** The holder of a session that may do everything, or an administrator. */
export async function authenticateHolder(call: Call): Promise<Holder> {
  const token = presentedToken(call.request);
  if (isSessionToken(token)) return sessionHolder(call, token, undefined);
  const { subject, realm } = await authenticateAdministratorToken(call, token, await namedRealm(call));
  return { kind: 'administrator', realm, caller: callerOf(call, subject, realm.name) };
}

/** For what only an administrator may do. */
export async function authenticateAdministratorHolder(call: Call): Promise<AdministratorHolder> {
  const holder = await authenticateHolder(call);
  if (holder.kind !== 'administrator') throw new Problem('caller.forbidden', 'This is for administrators.');
  return holder;
}

/** The holder of a session: one that may do everything, or one that is restricted to just this. */
export async function authenticateSessionHolder(call: Call, restricted?: Restriction['to']): Promise<SessionHolder> {
  return sessionHolder(call, presentedToken(call.request), restricted);
}

/** Milliseconds. */
const recent = 5 * 60_000;

/** For what a stolen token must not be enough for: a session whose holder proved itself within the last five minutes. */
export async function authenticateRecentHolder(call: Call, restricted?: Restriction['to']): Promise<SessionHolder> {
  const holder = await authenticateSessionHolder(call, restricted);
  requireRecent(call, holder);
  return holder;
}

/** The same for what administrators may do too, with a token of theirs. */
export function requireRecent({ context }: Call, holder: Holder): void {
  if (holder.kind === 'session' && context.clock.now() - holder.session.authTime > recent) {
    throw new Problem('session.stale');
  }
}

/** For what a password must not be enough for either: who has shown a second factor within the last five minutes. */
export async function authenticateStrongHolder(call: Call): Promise<SessionHolder> {
  const holder = await authenticateSessionHolder(call);
  requireStrong(call, holder);
  return holder;
}

export function requireStrong(call: Call, holder: SessionHolder): void {
  if (holder.session.acr !== 'aal2') throw new Problem('session.weak');
  requireRecent(call, holder);
}

/** "A token fixes its realm": a request may name no other. */
async function sessionHolder(
  call: Call,
  token: string,
  restricted: Restriction['to'] | undefined,
): Promise<SessionHolder> {
  const named = await namedRealm(call);
  const session = await authenticateSession(call.context, token);
  if (named !== undefined && named.name !== session.realm) throw new Problem('token.other_realm');
  if (session.restriction !== undefined && session.restriction.to !== restricted)
    throw new Problem('session.restricted');
  const realm = await requireRealm(call.context, session.realm);
  return { kind: 'session', session, realm, caller: call.caller(session.subject.id) };
}
