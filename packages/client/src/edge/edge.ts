import { type HeaderFields, realmOf } from '@countersign/proof';
import {
  amount,
  type Checks,
  fields,
  flag,
  object,
  oneOf,
  optional,
  options as optionsOf,
  text,
} from '@countersign/proof/argument';
import { ClientError } from '../error.ts';
import { transportOf } from '../fetch-json.ts';
import { MessageProblem, problem } from '../message/message-problem.ts';
import type { StatusPolicy } from '../status/status.ts';
import type { Authenticated } from '../token/authentication.ts';
import { bearerToken } from '../token/bearer-token.ts';
import { requireCallRef } from '../token/call-ref.ts';
import { type Service, serviceOn } from '../token/service.ts';
import { checkedRules, requireRules, type SubjectRules } from '../token/subject-rules.ts';
import { createTrust, type TrustOptions, trustChecks } from '../trust.ts';
import { createAdmission, type Wish } from './admission.ts';
import { basicCredentials, type NameAndPassword, requireCredentials } from './credentials.ts';
import { createDevices } from './devices.ts';
import { type EndClient, endClient } from './end-client.ts';
import { createKeyOf } from './key.ts';
import { createRealmSessions, type OpenedSession } from './realm-sessions.ts';
import { createRefusals } from './refusals.ts';
import { createSessionCache, type SignedSubject } from './session-cache.ts';
import { createThrottle, type EdgeLimits } from './throttle.ts';
import './login-refusal.ts';

/** The issuer, the client and the limits of an edge. */
export interface EdgeOptions extends Omit<TrustOptions, 'accept' | 'status'> {
  /** How the status feed is followed. A state that is older than ten seconds is never used here. */
  readonly status?: Pick<StatusPolicy, 'pollSeconds' | 'events'>;
  /** The largest number of cached sessions. Default 10,000; the least recently used one is dropped, and logs in again. */
  readonly maxSessions?: number;
  /** Seconds after its opening for which a session is cached, even if the realm allows more. Default 43,200. */
  readonly maxSessionSeconds?: number;
  /** Seconds for which a refused login is refused again without asking the realm. Default 10. */
  readonly refusedSeconds?: number;
  /**
   * The transaction of calls without `X-CallRef`. `shared`: calls of one session and end client share a signed subject, and so
   * its transaction, while the subject is valid. `each`: every call is its own transaction, and asks the realm. Default
   * `shared`.
   */
  readonly transactions?: 'shared' | 'each';
  readonly limits?: EdgeLimits;
}

const { accept: _accept, ...believing } = trustChecks;

const limitChecks: Checks<EdgeLimits> = {
  loginsPerMinute: optional(amount),
  failuresPerMinute: optional(amount),
  concurrentLogins: optional(amount),
};

const statusChecks: Checks<NonNullable<EdgeOptions['status']>> = {
  pollSeconds: optional(amount),
  events: optional(flag),
};

const edgeChecks: Checks<EdgeOptions> = {
  ...believing,
  status: optional((value, name) => optionsOf(value as NonNullable<EdgeOptions['status']>, name, statusChecks)),
  maxSessions: optional(amount),
  maxSessionSeconds: optional(amount),
  refusedSeconds: optional(amount),
  transactions: optional(oneOf('shared', 'each')),
  limits: optional((value, name) => optionsOf(value as EdgeLimits, name, limitChecks)),
};

/** One call from outside. */
export interface EdgeCall {
  readonly headers: HeaderFields;
  /**
   * The address of the end client: of the connection, or from a proxy that you trust. All callers without an address count as
   * one.
   */
  readonly address: string | undefined;
}

/**
 * The edge takes calls from outside that have no signed subject, and gets one for them. The edge is a service too:
 * `authenticate` accepts signed subjects, `exchange` and `fetch` pass them on.
 *
 * @throws {MessageProblem} by its methods, for a call that must be refused: `login.*`, `session.*`, `token.*`,
 *   `call_ref.malformed`
 * @throws {ClientError} by `openSession`: `edge.session_id` unless the id has 16 to 512 characters
 */
export interface Edge extends Service {
  /** HTTP Basic (RFC 7617): only one login for a name and a password, even if they come often. */
  authenticateBasic(call: EdgeCall, rules?: SubjectRules): Promise<Authenticated>;
  /** `Authorization: Bearer` with a session token of the realm. */
  authenticateSession(call: EdgeCall, rules?: SubjectRules): Promise<Authenticated>;
  /** Logs in, and caches the session under an id of your own: make a new, random id at every login. */
  openSession(id: string, credentials: NameAndPassword, call: EdgeCall): Promise<Authenticated>;
  /** Continues the session with this id. */
  resumeSession(id: string, call: EdgeCall, rules?: SubjectRules): Promise<Authenticated>;
  /** Logs out. */
  endSession(id: string): Promise<void>;
}

/** Seconds: a session that has ended must be noticed within ten. */
const maxStalenessSeconds = 10;
/** Milliseconds for which a session token from a caller is cached without use. */
const heldUnused = 300_000;

/**
 * Makes the edge of a network: "a conversion table between an external session identifier and the internal session
 * token". Durations are in seconds. Every entry is found by a keyed digest: the table contains no names, passwords or
 * ids. Each process has its own table.
 *
 * Passwords and session tokens are checked by the realm, which is called at the first use of each. The caller must
 * check that `address` of a call comes from the connection or from its own proxy, and should serve over https only.
 *
 * @throws {ClientError} `verifier.audience`, `discovery.issuer_url`
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @example
 * const made = createEdge({ ...realm, ...secrets.lender, audience: api, now: clock });
 * const { subject } = await made.authenticateBasic({ headers: headers.basic, address: '192.0.2.1' });
 * made.close();
 * subject.id; // → 'credential-1'
 */
export function createEdge(given: EdgeOptions): Edge {
  const options = optionsOf(given, 'options', edgeChecks);
  const { issuer, transactions = 'shared' } = options;
  const [audience] = [options.audience].flat();
  if (audience === undefined) throw new ClientError('verifier.audience', 'Name an audience of your own.');
  const status = { ...options.status, maxStalenessSeconds, onStale: 'closed' } as const;
  const trust = createTrust({ ...options, accept: ['credential'], status });
  const { now, clockTolerance } = trust;
  const realm = createRealmSessions({ issuer, ...transportOf(options) });
  const { maxSessions = 10_000, maxSessionSeconds = 43_200, refusedSeconds = 10 } = options;
  const cache = createSessionCache({ now, maxSessions, longest: maxSessionSeconds * 1000 });
  const refusals = createRefusals(now, refusedSeconds * 1000);
  const throttle = createThrottle(now, options.limits);
  const admission = createAdmission({ trust, realm, cache, refusals, throttle, audience });
  const devices = createDevices();
  const keyOf = createKeyOf();
  const scheme = `Basic realm="${realmOf(issuer).replace(/["\\]/g, '')}", charset="UTF-8"`;
  /** By the id that the session gets, and no longer than the login takes. */
  const loginsUnderWay = new Map<string, Promise<unknown>>();
  let calls = 0;

  async function underWay<T>(id: string, login: Promise<T>): Promise<T> {
    const all = Promise.allSettled([loginsUnderWay.get(id), login]);
    loginsUnderWay.set(id, all);
    try {
      return await login;
    } finally {
      if (loginsUnderWay.get(id) === all) loginsUnderWay.delete(id);
    }
  }

  function wishOf({ headers, address }: EdgeCall): Wish {
    const callRef = requireCallRef(headers);
    const client = endClient(address);
    const isAlone = callRef === undefined && transactions === 'each';
    return { client, callRef, name: isAlone ? `#${++calls}` : `${client.address} ${callRef ?? ''}` };
  }

  /**
   * For the realm a name together with an end client is one device. So a stranger who guesses through this edge from elsewhere
   * does not lock out the owner who has logged in here. End clients without a known address are not devices.
   */
  async function open(credentials: NameAndPassword, { address, network }: EndClient): Promise<OpenedSession> {
    const key = await keyOf('device', issuer, credentials.name, network);
    const { device, ...session } = await realm.logIn(credentials, { address, device: devices.find(key) });
    if (device !== undefined && address !== undefined) devices.keep(key, device);
    return session;
  }

  /** Name and password live only as long as this call, and nothing that lives longer keeps them. */
  async function logIn(call: EdgeCall): Promise<SignedSubject> {
    const credentials = basicCredentials(call.headers);
    const wish = wishOf(call);
    const key = await keyOf('basic', issuer, credentials.name, credentials.password);
    return admission.admit(key, wish, { key, open: () => open(credentials, wish.client) });
  }

  function authenticated({ token, subject }: SignedSubject, rules: SubjectRules): Authenticated {
    requireRules(subject, rules, now(), clockTolerance);
    return { subject, token, correlationId: subject.transaction, liveness: 'checked' };
  }

  return {
    ...serviceOn(trust, options),
    async authenticateBasic(given, wanted = {}) {
      const [call, rules] = [checkedCall(given), checkedRules(wanted)];
      return challenging(scheme, async () => authenticated(await logIn(call), rules));
    },
    async authenticateSession(given, wanted = {}) {
      const [call, rules] = [checkedCall(given), checkedRules(wanted)];
      return challenging(undefined, async () => {
        const token = bearerToken(call.headers);
        if (!/^css_[\w-]{16,512}$/.test(token)) throw problem('session.invalid');
        const key = await keyOf('session', issuer, token);
        const opening = { key, open: async () => ({ token, idle: heldUnused }) };
        return authenticated(await admission.admit(key, wishOf(call), opening), rules);
      });
    },
    async openSession(id, credentials, given) {
      const call = checkedCall(given);
      object(credentials, 'credentials');
      const login = challenging(undefined, async () => {
        const { name, password } = requireCredentials(credentials);
        const key = await keyOf('id', issuer, requireId(id));
        const opening = await keyOf('opening', issuer, id, name, password);
        const wish = wishOf(call);
        const logsIn = () => open({ name, password }, wish.client);
        return authenticated(await admission.openAs(key, wish, { key: opening, open: logsIn }), {});
      });
      return underWay(id, login);
    },
    async resumeSession(id, given, wanted = {}) {
      const [call, rules] = [checkedCall(given), checkedRules(wanted)];
      text(id, 'id');
      return challenging(undefined, async () =>
        authenticated(await admission.admit(await keyOf('id', issuer, id), wishOf(call)), rules),
      );
    },
    async endSession(id) {
      text(id, 'id');
      // The session of a login under way would outlive its logout.
      await loginsUnderWay.get(id);
      const key = await keyOf('id', issuer, id);
      const session = cache.find(key);
      if (session === undefined) return;
      cache.drop(key, session);
      await realm.logOut(session.token);
    },
  };
}

/** @throws {TypeError} naming the member that is of another type */
function checkedCall(given: EdgeCall): EdgeCall {
  const { headers, address } = object(given, 'call') as EdgeCall;
  fields(headers, 'call.headers');
  optional(text)(address, 'call.address');
  return { headers, address };
}

/** Checks the length of an id: a stranger who can guess an id gets the session. */
function requireId(id: string): string {
  if (typeof id === 'string' && id.length >= 16 && id.length <= 512) return id;
  throw new ClientError('edge.session_id', 'A session id has 16 to 512 characters, and is random.');
}

/** Turns failures into problems that an adapter can answer with. The refusal of a login says how to log in. */
async function challenging<T>(scheme: string | undefined, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof ClientError && error.code === 'edge.session_id') throw error;
    if (!(error instanceof MessageProblem)) throw problem('internal', { cause: error });
    if (error.status !== 401 || error.challenge !== undefined || scheme === undefined) throw error;
    const { code, message, cause } = error;
    throw new MessageProblem(code, 401, message, { scheme, cause });
  }
}
