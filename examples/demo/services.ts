/** Three services of different owners. Each is a client of the realm and may call only the next one. */
import { createServer, type Server } from 'node:http';
import { type Authenticated, createService, type Service } from '@countersign/client';
import { bearer } from '@countersign/client/node';
import { administer, freePort, type Stage } from './stage.ts';

interface Seen {
  readonly who: string;
  /** The services that passed the subject on, the last one first. */
  readonly by: readonly string[];
  readonly correlationId: string;
}

interface Running {
  readonly url: string;
  call(token: string): Promise<Seen>;
  status(token: string): Promise<number>;
  /** Seconds after `begun` until this token is refused; it must be within `most`. */
  refusedAfter(token: string, begun: number, most: number): Promise<string>;
}

const names = ['orders', 'ledger', 'archive'] as const;

export async function raiseServices(stage: Stage) {
  const urls = await Promise.all(names.map(async () => `http://localhost:${await freePort()}`));
  const services: Service[] = [];
  const servers: Server[] = [];
  let lastToken = '';
  const places = names.map((name, index) => ({ name, url: urls[index] as string }));
  for (const [index, { name, url }] of places.entries()) {
    const next = places[index + 1];
    const client = await register(stage, name, next === undefined ? [] : [next.name]);
    const service = createService({
      issuer: stage.issuer,
      ...client,
      audience: name,
      accept: ['credential'],
      status: { events: true },
    });
    services.push(service);
    const handler = bearer({ service }, async (request, response) => {
      if (next === undefined) lastToken = request.bearer.token;
      response.end(
        JSON.stringify(next === undefined ? seen(request.bearer) : await pass(service, request.bearer, next)),
      );
    });
    servers.push(await listen(handler, url));
  }
  const at = (index: number) => running(urls[index] as string);
  return {
    first: at(0),
    third: at(2),
    /** The token that the third service was called with. */
    async tokenOfThird(token: string): Promise<string> {
      await at(0).call(token);
      return lastToken;
    },
    async close(): Promise<void> {
      for (const service of services) service.close();
      for (const server of servers) server.closeAllConnections();
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
}

interface Place {
  /** Its client id: the audience of tokens for it. */
  readonly name: string;
  readonly url: string;
}

/** A client of the realm that may call the services in `audiences`. */
export async function register(stage: Stage, id: string, audiences: readonly string[]) {
  const made = (await administer(stage, '/realms/dev/admin/clients', { id, name: id, audiences })) as {
    clientSecret: string;
  };
  return { clientId: id, clientSecret: made.clientSecret };
}

async function pass(service: Service, caller: Authenticated, next: Place): Promise<Seen> {
  const response = await service.fetch(caller, next.name, `${next.url}/`);
  if (!response.ok) throw new Error(`${next.name}: ${response.status}`);
  return (await response.json()) as Seen;
}

function seen({ subject, correlationId }: Authenticated): Seen {
  if (subject.kind !== 'credential') throw new Error('another kind of subject');
  return {
    who: subject.credential.code,
    by: subject.actors.map(({ clientId, id }) => clientId ?? id),
    correlationId: correlationId ?? '',
  };
}

function listen(handler: Parameters<typeof createServer>[1], url: string): Promise<Server> {
  const server = createServer(handler as never);
  return new Promise((resolve) => server.listen(Number(new URL(url).port), 'localhost', () => resolve(server)));
}

function running(url: string): Running {
  const get = (token: string) => fetch(`${url}/`, { headers: { authorization: `Bearer ${token}` } });
  return {
    url,
    async call(token) {
      const response = await get(token);
      if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
      return (await response.json()) as Seen;
    },
    status: async (token) => (await get(token)).status,
    async refusedAfter(token, begun, most) {
      while (performance.now() - begun < most * 1000) {
        if ((await get(token)).status === 401) return ((performance.now() - begun) / 1000).toFixed(1);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      throw new Error(`the third service still lets it in after ${most} s`);
    },
  };
}
