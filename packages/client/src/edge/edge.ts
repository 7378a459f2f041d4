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
import { bearerToken } from '../bearer-token.ts';
import { requireCallRef } from '../call-ref.ts';
import { ClientError } from '../error.ts';
import { MessageProblem, problem } from '../message-problem.ts';
import { type Authenticated, type Service, serviceOn } from '../service.ts';
import type { StatusPolicy } from '../status.ts';
import { checkedRules, requireRules, type SubjectRules } from '../subject-rules.ts';
import { createTrust, type TrustOptions, transportOf, trustChecks } from '../trust.ts';
import { createAdmission, type Wish } from './admission.ts';
import { basicCredentials, type NameAndPassword, requireCredentials } from './credentials.ts';
import { createDevices } from './devices.ts';
import { type EndClient, endClient } from './end-client.ts';
import { createKeyOf } from './key.ts';
import { createRealmSessions, type OpenedSession } from './realm-sessions.ts';
import { createRefusals } from './refusals.ts';
import { createSessionCache, type SignedSubject } from './session-cache.ts';
import { createThrottle, type EdgeLimits } from './throttle.ts';

export interface EdgeOptions extends Omit<TrustOptions, 'accept' | 'status'> {
  /** How the status feed is followed. What is older than ten seconds is never believed here. */
  readonly status?: Pick<StatusPolicy, 'pollSeconds' | 'events'>;
  /** Sessions that are held. Default 10,000; whoever was not seen for longest logs in again. */
  readonly maxSessions?: number;
  /** Seconds from its opening for which a session is held, whatever the realm allows. Default 43,200. */
  readonly maxSessionSeconds?: number;
  /** Seconds for which what was refused is refused again without a login. Default 10. */
  readonly refusedSeconds?: number;
  /**
   * What becomes of calls without `X-CallRef`. `shared`: those of one session and end client share a signed subject, and its
   * transaction with it, for as long as that is good. `each`: every call is a transaction, and asks the realm. Default `shared`.
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
  /** Of the end client: of the connection, or what a proxy that you trust says. Whoever has none is counted as one. */
  readonly address: string | undefined;
}

/**
 * Where calls from outside come in with something else than a signed subject, and find one. Every method throws {MessageProblem} for
 * what is not to be acted on. It is a service too: `authenticate` takes signed subjects, `exchange` and `fetch` pass them on.
 */
export interface Edge extends Service {
  /** HTTP Basic (RFC 7617): one login for a name and password, however often they come. */
  authenticateBasic(call: EdgeCall, rules?: SubjectRules): Promise<Authenticated>;
  /** `Authorization: Bearer` with a session token of the realm. */
  authenticateSession(call: EdgeCall, rules?: SubjectRules): Promise<Authenticated>;
  /** Logs in, and remembers the session under an id of the edge's own: a new, random one at every login. */
  openSession(id: string, credentials: NameAndPassword, call: EdgeCall): Promise<Authenticated>;
  /** The session of such an id. */
  resumeSession(id: string, call: EdgeCall, rules?: SubjectRules): Promise<Authenticated>;
  /** Logs out. */
  endSession(id: string): Promise<void>;
}

/** Seconds: a session that has ended must be noticed within ten. */
const maxStalenessSeconds = 10;
/** Milliseconds for which a session token that was brought along is held unused. */
const heldUnused = 300_000;

/**
 * "A conversion table between an external session identifier and the internal session token". Everything it remembers is found by
 * a keyed digest: names, passwords and ids are not in it. Each process has its own.
 *
 * @throws {ClientError} `verifier.audience`, `discovery.issuer_url`
 * @throws {TypeError} naming the option that is of another type, or that does not exist
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
  let calls = 0;

  function wishOf({ headers, address }: EdgeCall): Wish {
    const callRef = requireCallRef(headers);
    const client = endClient(address);
    const isAlone = callRef === undefined && transactions === 'each';
    return { client, callRef, name: isAlone ? `#${++calls}` : `${client.address} ${callRef ?? ''}` };
  }

  /**
   * For the realm a name and an end client are one device. So who guesses through us from elsewhere does not shut out whoever has
   * logged in from there. Clients that cannot be told apart are no device.
   */
  async function open(credentials: NameAndPassword, { address, network }: EndClient): Promise<OpenedSession> {
    const key = await keyOf('device', issuer, credentials.name, network);
    const { device, ...session } = await realm.logIn(credentials, { address, device: devices.find(key) });
    if (device !== undefined && address !== undefined) devices.keep(key, device);
    return session;
  }

  /** Name and password live for as long as this does, and in nothing that outlives it. */
  async function logIn(call: EdgeCall): Promise<SignedSubject> {
    const credentials = basicCredentials(call.headers);
    const wish = wishOf(call);
    const key = await keyOf('basic', issuer, credentials.name, credentials.password);
    return admission.admit(key, wish, { key, open: () => open(credentials, wish.client) });
  }

  function authenticated({ token, subject }: SignedSubject, rules: SubjectRules): Authenticated {
    requireRules(subject, rules, now(), clockTolerance);
    return { subject, token, correlationId: subject.transaction };
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
      return challenging(undefined, async () => {
        const { name, password } = requireCredentials(credentials);
        const key = await keyOf('id', issuer, requireId(id));
        const opening = await keyOf('opening', issuer, id, name, password);
        const wish = wishOf(call);
        const logsIn = () => open({ name, password }, wish.client);
        return authenticated(await admission.openAs(key, wish, { key: opening, open: logsIn }), {});
      });
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

/** Whoever can guess an id has the session. */
function requireId(id: string): string {
  if (typeof id === 'string' && id.length >= 16 && id.length <= 512) return id;
  throw new ClientError('edge.session_id', 'A session id has 16 to 512 characters, and is random.');
}

/** What fails is a problem that an adapter can answer with; a refusal of the login says how to log in. */
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
