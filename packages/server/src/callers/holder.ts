import { z } from 'zod';
import type { WireRequest } from '../http/call.ts';
import { Problem } from '../kernel/problem.ts';
import { lineOfText } from '../kernel/text.ts';
import type { Call, CallerKind } from '../route.ts';
import { type Realm, requireRealm } from '../subject/realm.ts';
import {
  authenticateSession,
  isSessionToken,
  type Restriction,
  requireStanding,
  type Session,
} from '../subject/session.ts';
import type { StandingCaller } from '../subject/standing.ts';
import type { PresentedToken } from '../subject/tokens/possession.ts';
import { administratorCaller, authenticateAdministratorToken } from './administrator.ts';
import { namedRealm } from './corporate.ts';
import { presentedToken } from './token.ts';

/** The caller of a documented call: the holder of a session, or an administrator. */
export type Holder = SessionHolder | AdministratorHolder;

export interface SessionHolder {
  readonly kind: 'session';
  readonly session: Session;
  readonly realm: Realm;
  readonly caller: StandingCaller;
}

export interface AdministratorHolder {
  readonly kind: 'administrator';
  readonly realm: Realm;
  readonly caller: StandingCaller;
}

/** The holder of an unrestricted session, or an administrator. */
export const holder: CallerKind<Holder> = { security: 'session', authenticate: authenticateHolder };

/** An administrator, on the documented calls. */
export const administratorHolder: CallerKind<AdministratorHolder> = {
  security: 'session',
  authenticate: authenticateAdministratorHolder,
};

/** The holder of an unrestricted session, or of one restricted to this call. */
export function sessionHolder(restricted?: Restriction['to']): CallerKind<SessionHolder> {
  return {
    security: 'session',
    authenticate: (call) => authenticateSessionToken(call, sessionToken(call.request), restricted),
  };
}

/** The holder of any session, even a restricted one: for ending it. */
export const anySessionHolder: CallerKind<SessionHolder> = {
  security: 'session',
  authenticate: (call) => authenticateAnySession(call, sessionToken(call.request)),
};

/** For calls that a stolen token must not open: the holder proved itself within the last five minutes; administrators may always. */
export function recent<Who extends Holder>(kind: CallerKind<Who>): CallerKind<Who> {
  return {
    security: kind.security,
    async authenticate(call) {
      const who = await kind.authenticate(call);
      requireRecent(call, who);
      return who.kind === 'session' ? { ...who, caller: standingIn(who) } : who;
    },
  };
}

/** What these calls make outlives the seconds in which another node may not know of the end of the session. */
function standingIn({ caller, session }: SessionHolder): StandingCaller {
  return { ...caller, standing: ({ db }) => requireStanding(db, session) };
}

/** For calls that a password alone must not open: the holder has shown a second factor within the last five minutes. */
export const strongHolder: CallerKind<SessionHolder> = {
  security: 'session',
  async authenticate(call) {
    const who = await sessionHolder().authenticate(call);
    requireStrong(call, who);
    return who;
  },
};

/** The same, for the credential in the path. For a holder, other credentials do not exist. */
export function ofCredential<Who extends Holder>(kind: CallerKind<Who>, parameter: string): CallerKind<Who> {
  return {
    security: kind.security,
    async authenticate(call) {
      const who = await kind.authenticate(call);
      if (who.kind === 'session' && who.session.subject.credential.id !== call.params[parameter])
        throw new Problem('credential.unknown');
      return who;
    },
  };
}

/** The body of a call on a credential, as `credentialOf` reads it. */
export const namedCredential = z.strictObject({ credentialId: lineOfText().nullish() });

/**
 * The holder's own credential, which need not be named. An administrator must name one. For a holder, other credentials
 * do not exist.
 */
export function credentialOf(who: Holder, { credentialId }: z.output<typeof namedCredential>): string {
  if (who.kind === 'administrator') {
    if (credentialId == null)
      throw new Problem('request.invalid', { detail: 'Name the credential.', pointer: '/credentialId' });
    return credentialId;
  }
  const own = who.session.subject.credential.id;
  if (credentialId != null && credentialId !== own) throw new Problem('credential.unknown');
  return own;
}

export function requireStrong(call: Call, holder: SessionHolder): void {
  if (holder.session.acr !== 'aal2') throw new Problem('session.weak');
  requireRecent(call, holder);
}

/** Milliseconds. */
const recently = 5 * 60_000;

export function requireRecent({ context }: Call, who: Holder): void {
  if (who.kind === 'session' && context.clock.now() - who.session.authTime > recently)
    throw new Problem('session.stale');
}

/**
 * `Authorization: Bearer <token>`, `X-TOKEN <token>`, or the bare token: three generations of callers send these forms.
 */
function sessionToken(request: WireRequest): string {
  const header = request.headers.get('authorization');
  if (header === null || header.trim() === '') throw new Problem('token.missing', { detail: 'A token is required.' });
  const [, token] = /^(?:(?:Bearer|X-TOKEN) +)?([A-Za-z0-9._~+/-]+=*) *$/i.exec(header.trim()) ?? [];
  if (token === undefined) throw new Problem('token.invalid', { reason: 'no token in the header' });
  return token;
}

/** Only administrators have bound tokens, and these come in no other form than `Authorization: DPoP`. */
export function presentedByHolder(call: Call): PresentedToken {
  if (/^DPoP /i.test(call.request.headers.get('authorization') ?? '')) return presentedToken(call);
  return { token: sessionToken(call.request), scheme: 'bearer', proof: null, request: undefined };
}

export async function authenticateHolder(call: Call): Promise<Holder> {
  const presented = presentedByHolder(call);
  const { token } = presented;
  if (isSessionToken(token)) return authenticateSessionToken(call, token, undefined);
  const { subject, realm } = await authenticateAdministratorToken(call, presented, await namedRealm(call));
  return { kind: 'administrator', realm, caller: administratorCaller(call, subject, realm.name) };
}

export async function authenticateAdministratorHolder(call: Call): Promise<AdministratorHolder> {
  const who = await authenticateHolder(call);
  if (who.kind !== 'administrator') throw new Problem('caller.forbidden', { detail: 'This is for administrators.' });
  return who;
}

async function authenticateSessionToken(
  call: Call,
  token: string,
  restricted: Restriction['to'] | undefined,
): Promise<SessionHolder> {
  const who = await authenticateAnySession(call, token);
  const { restriction } = who.session;
  if (restriction !== undefined && restriction.to !== restricted) throw new Problem('session.restricted');
  return who;
}

/** "A token fixes its realm": a request may not name another. */
async function authenticateAnySession(call: Call, token: string): Promise<SessionHolder> {
  const named = await namedRealm(call);
  const session = await authenticateSession(call.context, token);
  if (named !== undefined && named.name !== session.realm) throw new Problem('token.other_realm');
  const realm = await requireRealm(call.context, session.realm);
  return { kind: 'session', session, realm, caller: call.caller(session.subject.id) };
}
