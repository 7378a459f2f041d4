import { realmNames } from '../../subject/realm.ts';
import { publishedKeys, signingKeys } from '../../subject/tokens/signing-key.ts';
import { incarnation } from '../../subject/tokens/status.ts';
import { duration, error, type Finding, type Found, unknown, warning } from './finding.ts';
import type { Check, Outside } from './look.ts';
import { certificate } from './tls.ts';

/** Milliseconds for one answer. */
const patience = 10_000;

function ask(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  return fetch(url, { redirect: 'manual', headers, signal: AbortSignal.timeout(patience) });
}

/** The code of the network: the message of a failed fetch says nothing. */
function reasonOf(thrown: unknown): string {
  const { cause, name } = thrown as { cause?: { code?: string; message?: string }; name?: string };
  return cause?.code ?? cause?.message ?? name ?? 'unknown';
}

/** What the outside gets first: is this our server, under our name, with our keys? */
const issuer: Check<Outside> = async (look): Promise<Found> => {
  const { publicUrl, defaultRealm } = look.config;
  const url = `${publicUrl}/realms/${defaultRealm}/.well-known/openid-configuration`;
  const answer = await ask(url).catch(reasonOf);
  if (typeof answer === 'string') {
    const text = `${publicUrl} cannot be reached (${answer}).`;
    return error('issuer.unreachable', text, 'start the server, open the firewall, or set COUNTERSIGN_PUBLIC_URL');
  }
  return strangerAt(publicUrl, answer) ?? (await discovered(look, answer));
};

function strangerAt(publicUrl: string, answer: Response): Finding | undefined {
  const { status, headers } = answer;
  if (status >= 300 && status <= 399) {
    const to = originOf(headers.get('location') ?? '', publicUrl);
    const text = `${publicUrl} redirects to ${to}: clients do not follow, because their secrets would go there.`;
    return error('issuer.redirect', text, `COUNTERSIGN_PUBLIC_URL=${to}`);
  }
  if (status === 503) return notReady(publicUrl);
  if (status === 200 && headers.get('content-type')?.includes('json')) return undefined;
  const text = `${publicUrl} answers with ${status}, and not as Countersign: another server or page is there.`;
  return error('issuer.other', text, 'the route of your proxy to this server, or COUNTERSIGN_PUBLIC_URL');
}

function notReady(publicUrl: string): Finding {
  const text = `The server behind ${publicUrl} answers, and is not ready (503).`;
  return error('issuer.not_ready', text, 'its log says why: the database is away, full or read-only');
}

function originOf(location: string, base: string): string {
  return URL.canParse(location, base) ? new URL(location, base).origin : 'an unreadable place';
}

async function discovered(look: Outside, answer: Response): Promise<Found> {
  const { publicUrl, defaultRealm } = look.config;
  const said = (await answer.json().catch(() => undefined)) as { issuer?: unknown } | undefined;
  const named = String(said?.issuer ?? 'nothing');
  if (named !== `${publicUrl}/realms/${defaultRealm}`) {
    return error(
      'issuer.mismatch',
      `The server behind ${publicUrl} calls itself ${named}: it runs with another configuration.`,
      'the same COUNTERSIGN_PUBLIC_URL and COUNTERSIGN_DEFAULT_REALM for the server and for this command',
    );
  }
  return (await foreignKeys(look)) ?? clockOf('the server behind the public URL', answer, look);
}

async function foreignKeys({ config: { publicUrl }, context }: Outside): Promise<Finding | undefined> {
  if ((await ask(`${publicUrl}/readyz`)).status === 503) return notReady(publicUrl);
  for (const realm of await realmNames(context)) {
    const ours = publishedKeys(await signingKeys(context, realm), context.clock.now()).map(({ kid }) => kid);
    const answer = await ask(`${publicUrl}/realms/${realm}/protocol/openid-connect/certs`);
    const { keys = [] } = (await answer.json().catch(() => ({}))) as { keys?: readonly { kid?: string }[] };
    const theirs = new Set(keys.map(({ kid }) => kid));
    if (ours.every((kid) => theirs.has(kid)) && theirs.size === ours.length) continue;
    return error(
      'issuer.keys',
      `The keys that ${publicUrl} publishes for realm ${realm} are not those of this database: a cache keeps old ones, or it is another database.`,
      'no caching beyond Cache-Control in your proxy; COUNTERSIGN_DATABASE_URL of the server',
    );
  }
  return undefined;
}

/** Milliseconds. A date of HTTP has no fractions, and assertions may be a minute old. */
const clocksDiffer = 15_000;

function clockOf(whose: string, answer: Response, { clock }: Outside): Finding | undefined {
  const date = Date.parse(answer.headers.get('date') ?? '');
  const ahead = clock.now() - date;
  if (Number.isNaN(date) || Math.abs(ahead) <= clocksDiffer) return undefined;
  const text = `The clock of this machine is ${duration(ahead)} ${ahead > 0 ? 'ahead of' : 'behind'} that of ${whose}.`;
  return error('clock.peers', text, 'timedatectl set-ntp true, on every machine');
}

const peers: Check<Outside> = async (look) => {
  const found: Found[] = [];
  for (const url of look.peers) {
    const answer = await ask(url).catch(() => undefined);
    const text = `The peer ${originOf(url, url)} cannot be asked for its time.`;
    found.push(answer === undefined ? warning('clock.peer_away', text, '--peer <url>') : clockOf(url, answer, look));
    await answer?.body?.cancel();
  }
  return found.flat();
};

/** A documentation address (RFC 5737): in no network, so that its way through the proxies shows. */
const forged = '203.0.113.77';

interface Seen {
  readonly source: string;
  readonly forwardedFor: string | null;
  readonly target: string;
}

/** A path and query that a proxy spoils easily. */
const spoiled = '/admin/request?probe=a%2Fb%20c&probe=%E2%82%AC&plus=1+1';

/** What arrives of a request that went the way of all others. */
const proxies: Check<Outside> = async ({ config, administrator }) => {
  if (administrator === undefined) return undefined;
  const answer = await ask(config.publicUrl + spoiled, {
    authorization: `Bearer ${administrator.token}`,
    'x-forwarded-for': forged,
  });
  // An administrator of another realm may not ask this.
  if (answer.status === 401 && administrator.realm === 'system') {
    const text = 'The header Authorization of a request does not arrive at the server.';
    return error('proxy.authorization', text, 'nginx: proxy_set_header Authorization $http_authorization;');
  }
  if (!answer.ok) {
    const text = `Proxies were not looked at: GET /admin/request answers ${answer.status} to this administrator.`;
    return unknown('proxy', text, 'let /admin/request through your proxy; an administrator of realm system');
  }
  const seen = (await answer.json()) as Seen;
  return [spoiledTarget(seen), forwarding(seen, config.trustedProxies)];
};

function spoiledTarget({ target }: Seen): Finding | undefined {
  if (target === spoiled) return undefined;
  const text = 'A proxy rewrites the path or query of requests: signatures over them fail.';
  return error('proxy.target', text, 'nginx: proxy_pass http://<server>; without a path behind it, merge_slashes off;');
}

function forwarding({ source, forwardedFor }: Seen, trusted: readonly string[]): Finding | undefined {
  const hops = (forwardedFor ?? '').split(',').map((hop) => hop.trim());
  const isUntouched = hops.length === 1 && hops[0] === forged;
  if (isUntouched && source === forged) {
    const text =
      'The trusted proxy passes on the X-Forwarded-For of strangers unchanged: they choose their own address.';
    return error('proxy.forged', text, 'nginx: proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;');
  }
  // No proxy, or one that is not trusted and adds nothing.
  if (isUntouched) return undefined;
  if (forwardedFor === null) {
    if (trusted.length === 0) return untrusted(source);
    const text = `The trusted proxy ${source} does not say who calls: all callers count as one.`;
    return error('proxy.no_address', text, 'nginx: proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;');
  }
  return hops.includes(source) && trusted.length > 0 ? undefined : untrusted(source, trusted);
}

function untrusted(source: string, trusted: readonly string[] = []): Finding {
  const text = `Requests come through the proxy ${source}, which is not trusted: all callers count as one, and are throttled together.`;
  return error('proxy.untrusted', text, `COUNTERSIGN_TRUSTED_PROXIES=${[...trusted, source].join(',')}`);
}

/** Seconds of the life of a statement of the feed. */
const statementLife = 30;

/** The feed as its readers get it: fresh, of this database, and at once. */
const feed: Check<Outside> = async (look) => {
  const { config, administrator, context, clock } = look;
  if (administrator === undefined) return undefined;
  const url = `${config.publicUrl}/realms/${administrator.realm}/status`;
  const authorization = `Bearer ${administrator.token}`;
  // Twice, because a cache answers the second time.
  await (await ask(url, { authorization })).text();
  const answer = await ask(url, { authorization });
  const claims = answer.ok ? claimsOf(await answer.text()) : undefined;
  if (claims === undefined) {
    const text = `Readers of the status feed get ${answer.status} and no statement: they refuse every token after a minute.`;
    return error('feed.away', text, 'let GET /realms/<realm>/status through your proxy');
  }
  if (claims.incarnation !== (await incarnation(context)) || clock.now() / 1000 - claims.iat > statementLife) {
    const text = 'Readers of the status feed get an old statement: a cache keeps it, and revocations arrive late.';
    return error('feed.stale', text, 'nginx: proxy_cache off; for /realms/<realm>/status');
  }
  return buffered(`${url}/events`, authorization);
};

function claimsOf(jwt: string): { readonly incarnation: string; readonly iat: number } | undefined {
  try {
    return JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString());
  } catch {
    return undefined;
  }
}

/** Milliseconds until the first event, which the server sends at once. */
const firstEvent = 3_000;

async function buffered(url: string, authorization: string): Promise<Finding | undefined> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), firstEvent);
  try {
    const answer = await fetch(url, { headers: { authorization }, signal: stop.signal, redirect: 'manual' });
    const first = await answer.body?.getReader().read();
    if (answer.ok && first?.done === false) return undefined;
  } catch {
    // Silence, or a connection that was ended.
  } finally {
    clearTimeout(timer);
    stop.abort();
  }
  const text = 'Events of the status feed do not arrive at once: a proxy collects them.';
  return warning('feed.buffered', text, 'nginx: proxy_buffering off; proxy_read_timeout 1h;');
}

/** In this order. After an error the later ones are not asked. */
export const outsideChecks: readonly Check<Outside>[] = [certificate, issuer, peers, proxies, feed];
