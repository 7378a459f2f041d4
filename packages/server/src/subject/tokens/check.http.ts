import type { Subject } from '@countersign/proof';
import { realmOf } from '../../callers/realm.ts';
import { presentedIn } from '../../callers/token.ts';
import type { Method } from '../../http/route.ts';
import { type Asked, type Call, type CallerKind, type Route, route } from '../../route.ts';
import type { Realm } from '../realm.ts';
import { liveSubject, requireAllowed } from './check.ts';
import { describedQuery, readCheckQuery } from './check-query.http.ts';
import type { PresentedToken } from './possession.ts';

interface Checked {
  readonly realm: Realm;
  readonly subject: Subject;
  readonly presented: PresentedToken;
}

/** The holder of a live token of any type. What it may do, the query decides. */
const checked: CallerKind<Checked> = {
  security: 'bearer',
  async authenticate(call) {
    const realm = await realmOf(call);
    const { headers } = call.request;
    const presented = presentedIn(headers.get('authorization'), headers.get('dpop'), originalOf(call));
    return { realm, presented, subject: await liveSubject(call.context, realm, presented.token) };
  },
};

/** Proxies that pass the original request on as it is (Envoy) also keep its method. The check changes nothing whatever the method. */
const operations = {
  GET: 'checkToken',
  POST: 'checkTokenOfPost',
  PUT: 'checkTokenOfPut',
  PATCH: 'checkTokenOfPatch',
  DELETE: 'checkTokenOfDelete',
} as const satisfies Record<Method, string>;

export const routes: readonly Route[] = Object.entries(operations).map(([method, operationId]) =>
  route({
    method: method as Method,
    path: '/realms/:realm/check',
    tag: 'OAuth 2.0',
    operationId,
    summary: 'Whether a reverse proxy may let a request with this token in. The body, if there is one, is not read.',
    caller: checked,
    query: describedQuery,
    isVerdict: true,
    answers: { 204: 'Yes. The fields X-Subject-* tell who calls.' },
    handle: check,
  }),
);

async function check({ context, call, who: { realm, subject, presented } }: Asked<Checked>): Promise<Response> {
  const wanted = readCheckQuery(call.target);
  await requireAllowed(context, realm, subject, presented, wanted);
  return new Response(null, { status: Number(wanted.status), headers: subjectFields(subject) });
}

/** The request that the proxy has received. From any other peer these fields are the caller's own word, and are not read. */
function originalOf(call: Call): PresentedToken['request'] {
  if (!call.isFromProxy()) return undefined;
  const field = (name: string) => call.request.headers.get(`x-forwarded-${name}`) ?? '';
  const [method, proto, host, uri] = [field('method'), field('proto'), field('host'), field('uri')];
  if (!/^[A-Z]{1,20}$/.test(method) || !/^https?$/.test(proto)) return undefined;
  if (!/^[\w.:[\]-]{1,255}$/.test(host) || !/^\/[^\s,#]*$/.test(uri)) return undefined;
  return { method, uris: [`${proto}://${host}${uri}`] };
}

/** Every field is always there, if need be empty, so that a proxy that copies them replaces those that the caller has sent. */
function subjectFields(subject: Subject): Readonly<Record<string, string>> {
  const isClient = subject.kind === 'participant' || subject.kind === 'client';
  return {
    'x-subject-id': shown(subject.id),
    'x-subject-kind': subject.kind,
    'x-subject-client': isClient ? shown(subject.clientId) : '',
    'x-subject-participant': subject.kind === 'participant' ? shown(subject.participantId) : '',
    'x-subject-roles': subject.roles.map(shown).join(' '),
    'x-subject-scope': subject.scopes.map(shown).join(' '),
  };
}

/** Visible ASCII as it is, but for `%` and the comma, which separates two values; the rest percent-encoded. */
function shown(text: string): string {
  return text.toWellFormed().replace(/[^\x21-\x24\x26-\x2b\x2d-\x7e]/gu, encodeURIComponent);
}
