import { isJsonObject, type JsonObject, type JsonValue } from '@countersign/proof';
import { checkRealm } from '../discovery.ts';
import { fetchBytes, fetchJson, type JsonAnswer, type Transport } from '../fetch-json.ts';
import { type MessageProblemCode, orUnavailable, problem } from '../message/message-problem.ts';
import type { NameAndPassword } from './credentials.ts';
import './login-refusal.ts';

/** A session that the realm has opened. */
export interface OpenedSession {
  readonly token: string;
  /** Milliseconds for which the session lives without use. */
  readonly idle: number;
}

export interface LoggedIn extends OpenedSession {
  /** The whole cookie by which the realm recognises this end client. */
  readonly device: string | undefined;
}

export interface SignedToken {
  readonly token: string;
  /** Milliseconds. */
  readonly expiresIn: number;
}

export interface SubjectRequest {
  readonly audience: string;
  /** `txn`; if it is undefined, the realm makes one. */
  readonly callRef: string | undefined;
  /** The address of the end client. */
  readonly address: string | undefined;
}

/**
 * The calls of the edge to the realm for an end client.
 *
 * @throws {MessageProblem} `login.*`, `session.*`
 */
export interface RealmSessions {
  logIn(
    credentials: NameAndPassword,
    from: { address: string | undefined; device: string | undefined },
  ): Promise<LoggedIn>;
  signSubject(session: string, request: SubjectRequest): Promise<SignedToken>;
  logOut(session: string): Promise<void>;
}

const maxBytes = 65_536;
/** Long enough for the server to finish two other hashes before it begins this one. */
const timeoutMilliseconds = 10_000;

/** The refusals of a login by the realm. The restricted tokens in these answers are of no use here. */
const refusedLogins: Readonly<Record<string, MessageProblemCode>> = {
  '403 FAILED_LOGIN': 'login.failed',
  '409 EXPIRED_PASSWORD': 'login.expired_password',
  '409 SECOND_FACTOR_REQUIRED': 'login.second_factor',
  '409 SECOND_FACTOR_ENROLMENT_REQUIRED': 'login.factor_enrolment',
  '400 ': 'login.malformed',
};

const refusedSessions: Readonly<Record<number, MessageProblemCode>> = {
  401: 'session.invalid',
  403: 'session.restricted',
};

export function createRealmSessions({ issuer, ...transport }: Transport & { readonly issuer: string }): RealmSessions {
  checkRealm(issuer);
  const base = issuer.replace(/\/$/, '');

  async function post(path: string, body: object, headers: Readonly<Record<string, string | undefined>>) {
    const given = Object.entries(headers).filter((pair): pair is [string, string] => pair[1] !== undefined);
    const request = {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...Object.fromEntries(given) },
      body: JSON.stringify(body),
      maxBytes,
    } as const;
    const answer = await orUnavailable('login.unavailable', () =>
      fetchJson(base + path, request, { timeoutMilliseconds, ...transport }),
    );
    if (answer.status !== 429) return answer;
    throw problem('login.throttled', { retryAfter: secondsOf(answer.headers.get('retry-after')) });
  }

  return {
    async logIn({ name, password }, { address, device }) {
      const body = { credentialCode: name, password };
      const answer = await post('/auth/login', body, { 'x-forwarded-for': address, cookie: device });
      if (answer.status !== 200) throw problem(refusedLogins[saidBy(answer)] ?? 'login.unavailable');
      const { token, expiresIn } = objectOf(answer.value);
      return { token: tokenOf(token), idle: durationOf(expiresIn), device: deviceOf(answer.headers) };
    },
    async signSubject(session, { audience, callRef, address }) {
      const headers = { authorization: `Bearer ${session}`, 'x-callref': callRef, 'x-forwarded-for': address };
      const { status, value } = await post('/auth/subject', { audience }, headers);
      if (status !== 200) throw problem(refusedSessions[status] ?? 'login.unavailable');
      const { token, expiresIn } = objectOf(value);
      return { token: tokenOf(token), expiresIn: durationOf(expiresIn) };
    },
    async logOut(session) {
      const headers = { 'content-type': 'application/json', authorization: `Bearer ${session}` };
      const request = { method: 'POST', headers, body: '{}', maxBytes } as const;
      const { status } = await orUnavailable('login.unavailable', () =>
        fetchBytes(`${base}/auth/logout`, request, { timeoutMilliseconds, ...transport }),
      );
      // A session that has already ended counts as ended by this call.
      if (status !== 204 && status !== 401) throw problem('login.unavailable');
    },
  };
}

function saidBy({ status, value }: JsonAnswer): string {
  const { code } = objectOf(value);
  return `${status} ${status !== 400 && typeof code === 'string' ? code : ''}`;
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

/** An answer without its shape counts as no answer. */
function tokenOf(value: JsonValue | undefined): string {
  if (typeof value !== 'string' || !/^[A-Za-z0-9._~-]{1,16384}$/.test(value)) throw problem('login.unavailable');
  return value;
}

function durationOf(value: JsonValue | undefined): number {
  if (typeof value !== 'number' || !(value >= 0)) throw problem('login.unavailable');
  return value * 1000;
}

function deviceOf(headers: Headers): string | undefined {
  const cookies = headers.getSetCookie().map((cookie) => cookie.split(';', 1)[0] ?? '');
  return cookies.find((cookie) => /^(?:__Host-)?countersign-device=[\w.~-]{1,2048}$/.test(cookie));
}

/** The seconds of a Retry-After field (RFC 9110 §10.2.3). */
function secondsOf(retryAfter: string | null): number {
  return /^\d{1,6}$/.test(retryAfter ?? '') ? Math.max(1, Number(retryAfter)) : 1;
}
